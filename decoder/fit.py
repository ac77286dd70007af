"""Fits a person's decoder and says how good it is on runs that it never saw."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnxruntime
import scipy

from decoder.beyond_chance import only_if_learned
from decoder.category_code import codes_of, fit_mix, held_out_mix
from decoder.choose import Grid, choose
from decoder.classify import fit_temperature
from decoder.dataset import Dataset
from decoder.familiar import Familiarity
from decoder.fingerprint import TRAINING_ROWS, row_hashes
from decoder.given import Given, score_given
from decoder.heldout import HeldOut, Progress, decode_held_out
from decoder.identify import trials
from decoder.metrics import correct
from decoder.model import LinearModel
from decoder.regions import Regions
from decoder.regions_data import RegionsFromData
from decoder.samples import Priors, learn_priors, make_samples
from decoder.scoring import score_auc, score_identified, score_items
from decoder.settings import FitSettings
from decoder.splits import Split
from decoder.trust import Trust, calibrate
from phosphene.bundle import Bundle, pack_bundle
from phosphene.manifest import (
    REST,
    Calibration,
    Manifest,
    NormaliserInfo,
    Score,
    TargetInfo,
    TrainingInfo,
    WindowInfo,
)
from phosphene.metrics import label_chance

__all__ = ["Facts", "Fitted", "fit_bundle", "fit_decoder"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Facts:
    """What a bundle says beside the numbers; fields as in `phosphene.manifest.Manifest`.

    Attributes
    ----------
    prototypes : array (categories, C) float32
        Embedding of each category of the target space.
    mask : array of bool (X, Y, Z), optional
        Decoded voxels, with `affine` (4, 4), voxel to mm; None for EEG, and for fMRI where it is
        not known where voxels lie.
    reference : array (X, Y, Z) float32, optional
        Volume that the training runs were aligned to.
    further : mapping of str to array
        What acquisition has learned besides and needs again in a live run.
    regions : Regions or RegionsFromData, optional
        Which voxels each head reads; None = all of them.
    run_sources : mapping of str to tuple of str
        SHA-256 of the files that each run came from.
    notes : tuple of str
        What reading the data has left out or changed, in words.
    space_graph : bytes, optional
        ONNX that makes pictures of z of a space that the renderer does not bring itself.
    """

    person: str
    modality: Literal["fmri", "eeg"]
    mask_hash: str
    target: TargetInfo
    prototypes: Array = field(repr=False)
    created: str
    consent: str = ""
    licence: str = "not to be shared"
    mask: npt.NDArray[np.bool_] | None = field(default=None, repr=False)
    affine: npt.NDArray[np.float64] | None = None
    reference: npt.NDArray[np.float32] | None = field(default=None, repr=False)
    channels: tuple[str, ...] = ()
    acquisition: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    run_sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    further: Mapping[str, Array] = field(default_factory=dict, repr=False)
    regions: Regions | RegionsFromData | None = field(default=None, repr=False)
    space_graph: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Fitted:
    """A calibrated model with its priors and its held-out figures."""

    model: LinearModel
    priors: Priors
    settings: FitSettings
    calibration: Calibration
    scores: tuple[Score, ...]


def fit_decoder(
    data: Dataset,
    start: FitSettings,
    grid: Grid,
    empty: LinearModel,
    progress: Progress,
    split: Split | None = None,
    mask: npt.NDArray[np.bool_] | None = None,
    test: Given | None = None,
) -> Fitted:
    """Fit on all rows; measure and calibrate on rows left out.

    Parameters
    ----------
    data : Dataset
        Raw responses with targets, 2 or more runs.
    start : FitSettings
        Window, delay, candidates of penalty and shrinkage.
    grid : Grid
        Delays and windows to choose from; `Grid()` keeps those of `start`.
    empty : LinearModel
        Unfitted, with the target space and the regions.
    progress : Callable
        Called with (what, done, total).
    split : Split, optional
        What is left out when; without it every run once.
    mask : array of bool (X, Y, Z), optional
        Voxels of the features, to tell what a moved head looks like.
    test : Given, optional
        Test rows that came with the data; the fitted decoder is scored on them besides.

    Returns
    -------
    Fitted

    Raises
    ------
    InputError
        If there are fewer than 2 runs, or too few targets.
    """
    held = decode_held_out(data, start, grid, empty, progress, split, mask)
    logp = held.log_probabilities()
    temperature = 1.0
    if held.labels:
        known = held.codes >= 0
        temperature, _ = fit_temperature(held.scores[known], held.codes[known])
    curves, calibration = calibrate(trials(held))
    calibration = only_if_learned(calibration, held, start.seed)
    settings = choose(data, start, grid, empty)
    priors = learn_priors(data, settings)
    samples = make_samples(data, settings, priors)
    model = empty.fit(samples, settings).calibrated(temperature, 1.0, 0.0)
    model = model.trusting(Trust(Familiarity.of(samples.X, settings.window), curves))
    model, held = _mixed(model, held, logp)
    scores = _score(held, logp, start.seed)
    if test is not None:
        left = make_samples(test.data, settings, priors)
        scores += score_given(model, left, test.words, start.seed)
    progress("final fit", 1, 1)
    return Fitted(model, priors, settings, calibration, scores)


def fit_bundle(
    data: Dataset,
    start: FitSettings,
    facts: Facts,
    progress: Progress,
    grid: Grid | None = None,
    split: Split | None = None,
    test: Given | None = None,
) -> Bundle:
    """Fit a person's decoder and pack it.

    Parameters
    ----------
    data : Dataset
        Raw responses with targets, 2 or more runs.
    start : FitSettings
        Window, delay, candidates of penalty and shrinkage.
    facts : Facts
        Whose data, in which mask and target space.
    progress : Callable
        Called with (what, done, total).
    grid : Grid, optional
        Delays and windows to choose from.
    split : Split, optional
        What is left out when; without it every run once.
    test : Given, optional
        Test rows that came with the data; the bundle is scored on them besides.

    Returns
    -------
    Bundle
        In memory; `Bundle.write` puts it on disk.
    """
    empty = LinearModel(
        categories=facts.target.categories,
        prototypes=facts.prototypes,
        z_shape=facts.target.z_shape or (),
        regions=facts.regions,
    )
    fitted = fit_decoder(data, start, grid or Grid(), empty, progress, split, facts.mask, test)
    priors = fitted.priors
    statistics: dict[str, Array] = {"prior_mean": priors.mean, "prior_std": priors.std}
    statistics[TRAINING_ROWS] = row_hashes(data)
    statistics |= facts.further
    found = fitted.model.regions
    if isinstance(found, Regions):
        statistics |= {f"region_{name}": mask for name, mask in found.members.items()}
    if facts.reference is not None:
        statistics["reference"] = facts.reference
    draft = _manifest(data, facts, fitted, grid or Grid())
    return pack_bundle(
        draft, fitted.model.export(), statistics, facts.mask, facts.affine, facts.space_graph
    )


def _mixed(model: LinearModel, held: HeldOut, logp: Array) -> tuple[LinearModel, HeldOut]:
    """Take the category in c from both heads, where both and its code are there."""
    shown = model.shown_prototypes() if model.labels else model.prototypes
    codes = codes_of(model.shown, shown)
    # A decoder of some folds may know fewer categories than that of all rows.
    alike = held.labels == model.labels
    if codes is None or not alike or model.c is None or held.c is None or held.c_true is None:
        return model, held
    mix = fit_mix(held.c, logp, held.c_true, codes)
    c = held_out_mix(held.c, logp, held.c_true, codes, held.clusters)
    return model.mixing(mix), replace(held, c=c)


def _score(held: HeldOut, logp: Array, seed: int) -> tuple[Score, ...]:
    """Held-out figures of every head."""
    common: dict[str, Any] = {"split": held.split, "seed": seed}
    shown = np.array([name for name in held.labels if name != REST], np.str_)
    seen = np.isin(held.truth, shown)
    clusters = held.clusters
    found = []
    best = shown[logp[:, : len(shown)].argmax(axis=1)] if len(shown) else held.truth
    if len(shown) > 1 and seen.any():
        found.append(
            score_items(
                f"category_{len(shown)}_way", correct, best[seen], held.truth[seen],
                chance=label_chance(held.truth[seen]), clusters=clusters[seen], **common,
            )
        )  # fmt: skip
    if len(shown) == 2:
        found.append(
            score_auc(
                f"auc_{shown[0]}_{shown[1]}", logp[seen, 0] - logp[seen, 1],
                held.truth[seen] == shown[0], clusters=clusters[seen], **common,
            )
        )  # fmt: skip
    if REST in held.labels:
        known = held.codes >= 0
        found.append(
            score_auc(
                "auc_shown_rest", -logp[known, held.labels.index(REST)],
                held.truth[known] != REST, clusters=clusters[known], **common,
            )
        )  # fmt: skip
    for name, decoded, true in (("z", held.z, held.z_true), ("c", held.c, held.c_true)):
        if decoded is not None and true is not None:
            found += score_identified(
                name, decoded, true, held.stimuli, clusters=clusters, within=True,
                permutations=3, **common,
            )  # fmt: skip
    return tuple(found)


def _manifest(data: Dataset, facts: Facts, fitted: Fitted, grid: Grid) -> Manifest:
    settings = fitted.settings
    chosen: dict[str, Any] = {"delays_tried": list(grid.delays_s), "chosen": fitted.model.chosen}
    if isinstance(fitted.model.regions, Regions):
        source = "data" if isinstance(facts.regions, RegionsFromData) else "given"
        chosen["regions"] = {"from": source, **fitted.model.regions.described()}
    running = settings.normaliser == "running"
    heads: Any = fitted.model.heads
    return Manifest(
        person=facts.person,
        modality=facts.modality,
        features=data.responses.shape[1],
        heads=heads,
        labels=fitted.model.labels,
        mask_hash=facts.mask_hash,
        placed=facts.modality != "fmri" or facts.mask is not None,
        window=WindowInfo(
            length=settings.window, period_s=settings.period_s, delay_s=settings.delay_s
        ),
        target=facts.target,
        channels=facts.channels,
        normaliser=NormaliserInfo(
            kind=settings.normaliser,
            settings={"prior_weight": settings.prior_weight} if running else {},
        ),
        acquisition=_acquisition(facts, settings),
        training=TrainingInfo(
            data_sha256=(data.sha256(), *facts.sources),
            samples=len(data),
            groups=data.group_names,
            split=fitted.scores[0].split if fitted.scores else "none",
            settings={**settings.model_dump(mode="json"), **chosen},
            seed=settings.seed,
            run_sources=dict(facts.run_sources),
            notes=facts.notes,
        ),
        metrics=fitted.scores,
        calibration=fitted.calibration,
        versions={
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
        licence=facts.licence,
        consent=facts.consent,
        created=facts.created,
    )


def _acquisition(facts: Facts, settings: FitSettings) -> dict[str, Any]:
    """Return the settings that acquisition needs; betas have to be taken at the chosen delay."""
    held = dict(facts.acquisition)
    if settings.per_event and facts.modality == "fmri":
        held["fmri"] = {**held.get("fmri", {}), "beta_delay_s": settings.delay_s}
    return held


if __name__ == "__main__":
    from decoder.cli import main

    raise SystemExit(main())
