"""What a bundle says about itself: whose fitted decoder, where it comes from, how good it is.

The manifest is plain JSON. Every number that the live chain needs to feed the decoder the way it
was fitted (mask, window, delay, normaliser, filters) is here or in a file that is named here
together with its SHA-256.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from phosphene.errors import problem

__all__ = [
    "FORMAT_VERSION",
    "REST",
    "Calibration",
    "Control",
    "FileInfo",
    "Manifest",
    "MaskInfo",
    "NormaliserInfo",
    "ReliabilityBin",
    "Score",
    "TargetInfo",
    "TrainingInfo",
    "WindowInfo",
    "consistency_problems",
    "is_pseudonym",
]

FORMAT_VERSION = 1
REST = "rest"
"""The label of volumes in which nothing is shown."""

Positive = Annotated[int, Meta(gt=0)]
Seconds = Annotated[float, Meta(ge=0)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_PSEUDONYM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class _Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every part of the manifest: frozen, no unknown fields."""


class FileInfo(_Part, frozen=True, kw_only=True):
    """A file of the bundle: SHA-256 of its bytes and its size in bytes."""

    sha256: Sha256
    size: Annotated[int, Meta(ge=0)]


class MaskInfo(_Part, frozen=True, kw_only=True):
    """The voxels that are decoded (fMRI only).

    Attributes
    ----------
    file : str
        Name of the `.npz` with `mask` (bool, X x Y x Z) and `affine` (4 x 4, voxel to mm).
    sha256 : str
        `phosphene.bundle.mask_sha256` of mask and affine; independent of the file's bytes.
    shape : tuple of int
        X, Y, Z in voxels.
    voxels : int
        Count of True voxels; features are taken in C order.
    """

    file: str
    sha256: Sha256
    shape: tuple[Positive, Positive, Positive]
    voxels: Positive


class WindowInfo(_Part, frozen=True, kw_only=True):
    """Which past the decoder sees.

    Attributes
    ----------
    length : int
        Consecutive volumes (or epochs) in one window, oldest first, ending at the present one.
    period_s : float
        Time between two volumes (TR), or length of one epoch, in seconds.
    delay_s : float
        A percept at time t says what was seen at t - delay_s, in seconds.
    """

    length: Positive
    period_s: Annotated[float, Meta(gt=0)]
    delay_s: Seconds


class TargetInfo(_Part, frozen=True, kw_only=True):
    """The target representation that z, c and the categories live in."""

    id: str
    sha256: Sha256
    c_dim: Positive
    z_shape: tuple[Positive, Positive, Positive] | None
    categories: tuple[str, ...]


class NormaliserInfo(_Part, frozen=True, kw_only=True):
    """How features are normalised before they are windowed.

    `kind` "running" is `phosphene.normalise.RunningNormaliser` with `prior_mean` and `prior_std`
    from the file `statistics.npz`; "none" means that features arrive ready (EEG epochs).
    """

    kind: Literal["none", "running"]
    settings: dict[str, float] = {}


class TrainingInfo(_Part, frozen=True, kw_only=True):
    """What the decoder was fitted on: hashes, amounts, chosen settings; never the data.

    `run_sources` tells the SHA-256 of the files of each run, by the name that the run had there;
    `notes` what reading the data has left out or changed, in words.
    """

    data_sha256: tuple[Sha256, ...]
    samples: Positive
    groups: tuple[str, ...]
    split: str
    settings: dict[str, Any] = {}
    seed: int
    run_sources: dict[str, tuple[Sha256, ...]] = {}
    notes: tuple[str, ...] = ()


class Score(_Part, frozen=True, kw_only=True):
    """One held-out figure beside its chance level, shuffled control and 95 % interval.

    `shuffled` is the mean of the same figure over permuted truths, `shuffled_high` the level that
    97.5 % of them stay below; None where too few were made to tell.
    """

    name: str
    value: float
    chance: float
    shuffled: float
    low: float
    high: float
    n: Positive
    split: str
    shuffled_high: float | None = None


class ReliabilityBin(_Part, frozen=True, kw_only=True):
    """Held-out rows of about one confidence: its mean, the share of success, how many."""

    confidence: float
    success: float
    n: Positive


class Control(_Part, frozen=True, kw_only=True):
    """Held-out rows that should not be shown: what they are, the share below the threshold."""

    kind: str
    refused: float
    n: Positive


class Calibration(_Part, frozen=True, kw_only=True):
    """How the decoder's confidence was made from held-out folds.

    Confidence is the probability that the most probable category is the one that was seen; where
    nothing was seen ("rest"), no category is right. Without categories it is the share of other
    pictures that the truth is expected to beat.

    Attributes
    ----------
    feature : str
        What the confidence is computed from: "log_odds", log(p / (1 - p)) with p the largest
        category probability; "trust", the product of `decoder.trust`; its curves are in the graph.
    slope, intercept : float
        Confidence = 1 / (1 + exp(-(slope * log_odds + intercept))); 1 and 0 for "trust".
    brier, base_brier : float
        Mean squared error of the held-out confidences, and of always saying the mean.
    n : int
        Held-out samples used.
    error : float
        Expected calibration error of the held-out confidences.
    reliability : tuple of ReliabilityBin
        Their reliability diagram.
    kept : float
        Share of right percepts at or above the threshold.
    threshold : float or None
        Below this confidence nothing is shown unless a session says otherwise.
    controls : tuple of Control
        What else was held against the threshold.
    """

    feature: Literal["log_odds", "trust"]
    slope: float
    intercept: float
    brier: float
    base_brier: float
    n: Positive
    error: float | None = None
    reliability: tuple[ReliabilityBin, ...] = ()
    kept: float | None = None
    threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    controls: tuple[Control, ...] = ()


class Manifest(_Part, frozen=True, kw_only=True):
    """The whole manifest of a bundle; see the parts for units.

    Attributes
    ----------
    person : str
        Pseudonym; never a name.
    features : int
        Values per volume (voxels in the mask) or per epoch (channels x samples).
    heads : tuple of str
        What the graph gives beside `confidence`: "z", "c", "class".
    labels : tuple of str
        Meaning of each entry of the graph's `log_probabilities`: categories of the target space,
        and "rest" where the decoder knows what nothing looks like.
    mask_hash : str
        Identity of mask or channel layout, as `Features.mask_hash` carries it; where it is not
        known where the voxels lie, of their numbers.
    placed : bool
        Whether it is known where voxels lie. If not, there is no mask, and the bundle decodes
        trials of the same voxels but no live run.
    channels : tuple of str
        EEG channel names in feature order; empty for fMRI.
    acquisition : dict
        Settings that acquisition must apply (filters, epoch window, reference, ...).
    consent : str
        Reference to the consent record under which the bundle was made.
    created : str
        ISO 8601 date and time.
    """

    format_version: int = FORMAT_VERSION
    person: str
    modality: Literal["fmri", "eeg"]
    features: Positive
    heads: tuple[Literal["z", "c", "class"], ...]
    labels: tuple[str, ...] = ()
    mask_hash: str
    placed: bool = True
    window: WindowInfo
    target: TargetInfo
    mask: MaskInfo | None = None
    channels: tuple[str, ...] = ()
    normaliser: NormaliserInfo
    acquisition: dict[str, Any] = {}
    training: TrainingInfo
    metrics: tuple[Score, ...]
    calibration: Calibration
    graph: str = "decoder.onnx"
    statistics: str = "statistics.npz"
    files: dict[str, FileInfo] = {}
    versions: dict[str, str]
    licence: str
    consent: str
    created: str


def is_pseudonym(person: str) -> bool:
    """Tell whether `person` has the form of a pseudonym: 1-64 of A-Z a-z 0-9 _ - ."""
    return _PSEUDONYM.fullmatch(person) is not None


def consistency_problems(m: Manifest) -> list[str]:
    """List everything in a manifest that contradicts itself.

    Parameters
    ----------
    m : Manifest
        As read or as about to be written.

    Returns
    -------
    list of str
        One line per problem; empty when there is none.
    """
    found = []
    if m.format_version != FORMAT_VERSION:
        found.append(
            problem("format_version", m.format_version, str(FORMAT_VERSION), "Fit the bundle anew.")
        )
    if not is_pseudonym(m.person):
        found.append(
            problem("person", m.person, "1-64 letters, digits, _ or -", "Use the pseudonym.")
        )
    if m.modality == "fmri" and m.placed and m.mask is None:
        found.append(problem("mask", None, "a mask for fMRI", "Fit the bundle anew."))
    if m.mask is not None and m.mask.voxels != m.features:
        found.append(
            problem("features", m.features, f"{m.mask.voxels} (voxels)", "Fit the bundle anew.")
        )
    if m.modality == "eeg" and not m.channels:
        found.append(problem("channels", m.channels, "channel names", "Fit the bundle anew."))
    if not m.heads or len(set(m.heads)) != len(m.heads):
        found.append(problem("heads", m.heads, "z, c, class, each once", "Fit the bundle anew."))
    if "z" in m.heads and m.target.z_shape is None:
        found.append(problem("target.z_shape", None, "a shape where z is decoded", "Fit anew."))
    strange = set(m.labels) - {*m.target.categories, REST}
    if "class" in m.heads and (strange or len(set(m.labels)) < 2):
        allowed = f"two or more of {(*m.target.categories, REST)}"
        found.append(problem("labels", m.labels, allowed, "Fit the bundle anew."))
    needed = {m.graph, m.statistics} | ({m.mask.file} if m.mask else set())
    found += [
        problem("files", name, "every file of the bundle with its SHA-256", "Fit the bundle anew.")
        for name in sorted(needed - set(m.files))
    ]
    return found
