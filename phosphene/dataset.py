"""Prepared data: what `phosphene fit` hands from acquisition to the decoder.

Acquisition writes cleaned, masked but not yet normalised responses with the events of each run; the
decoder derives targets, normalises causally (`phosphene.normalise`) and fits. One ``.npz`` file,
read without pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from phosphene.errors import InputError

__all__ = ["PreparedData", "PreparedMeta", "TimedEvent", "read_prepared", "write_prepared"]

_FURTHER = "further_"
_MAYBE: Mapping[str, Any] = {
    "reference": np.float32,
    "spikes": np.bool_,
    "at_delays": np.float32,
    "pictures": np.uint8,
    "clips": np.uint8,
    "embeddings": np.float32,
    "sessions": np.str_,
    "given": np.str_,
}
"""Arrays that need not be there, and their types."""


class TimedEvent(Struct, frozen=True, kw_only=True):
    """Something shown to the participant.

    Attributes
    ----------
    run : str
        Run it belongs to.
    t_s : float
        Onset on the run's own time axis, seconds.
    duration_s : float
        How long it lasted, seconds.
    label : str
        Category or marker text.
    detail : str
        JSON of a `phosphene.stimuli` Clip or Scene where the picture is known, otherwise empty.
    stimulus : str
        Name of what was shown, the same whenever the same was shown; empty where unknown.
    picture : int
        Row of `PreparedData.pictures`, `clips` and `embeddings` that tells it, -1 for none.
    """

    run: str
    t_s: float
    duration_s: float
    label: str
    detail: str = ""
    stimulus: str = ""
    picture: int = -1


class PreparedMeta(Struct, frozen=True, kw_only=True):
    """What a bundle must know about the data it is fitted on.

    Attributes
    ----------
    person : str
        Pseudonym.
    modality : str
        ``fmri`` or ``eeg``.
    kind : str
        Kind of features: ``fmri`` (volumes), ``fmri-beta`` (one response for each event),
        ``eeg-epoch`` or ``eeg-window``.
    mask_hash : str
        Identity of the mask or channel layout, or of the numbers of the voxels where it is not
        known where they lie.
    tr_s : float
        Repetition time (fMRI), seconds; 0 for EEG, and for trials of which no time is known.
    affine : tuple of float
        16 numbers, voxel to millimetres, row by row (fMRI); empty where unknown.
    channels : tuple of str
        Channel names (EEG).
    times_s : tuple of float
        Time of each sample of an epoch relative to its event, seconds (EEG).
    settings : str
        JSON of the acquisition settings used.
    sources : dict
        File name to SHA-256 of what was read.
    events : list of TimedEvent
        Everything shown, in all runs.
    delays_s : tuple of float
        Delays from an event to its beta, in seconds, where betas were made at several.
    run_sources : dict
        Run to the SHA-256 of each file that it was read from; empty where that is not told.
    """

    person: str
    modality: Literal["fmri", "eeg"]
    kind: Literal["fmri", "fmri-beta", "eeg-epoch", "eeg-window"]
    mask_hash: str
    tr_s: float
    affine: tuple[float, ...]
    channels: tuple[str, ...]
    times_s: tuple[float, ...]
    settings: str
    sources: dict[str, str]
    events: list[TimedEvent]
    delays_s: tuple[float, ...] = ()
    run_sources: dict[str, tuple[str, ...]] = {}


@dataclass(frozen=True)
class PreparedData:
    """Cleaned responses of one person.

    Attributes
    ----------
    meta : PreparedMeta
        Where they come from and what was shown.
    responses : ndarray, shape (n, features), float32
        One row for each volume, epoch or window, not normalised.
    runs : ndarray of str, shape (n,)
        Run of each row.
    t_data : ndarray, shape (n,), float64
        End of the data behind each row on its run's time axis, seconds.
    t_event : ndarray, shape (n,), float64
        Onset of the event of an epoch or beta, seconds; NaN where there is none.
    mask : ndarray of bool
        Shape (x, y, z) for fMRI, empty for EEG and where it is not known where voxels lie.
    reference : ndarray of float32 or None
        Volume (x, y, z) that all runs were aligned to; None where nothing was aligned.
    spikes : ndarray of bool, shape (n,), or None
        Rows that no baseline learns from; None for none.
    at_delays : ndarray, shape (delays, n, features), float32, or None
        Betas of the same events at each of `meta.delays_s`; `responses` are those of the first.
    further : dict of str to ndarray
        What acquisition has learned besides and needs again in a live run; the bundle keeps it.
    pictures : ndarray, shape (k, H, W, 3), uint8, or None
        Everything that events show, each once; `TimedEvent.picture` counts its rows.
    clips : ndarray, shape (k, frames, H, W, 3), uint8, or None
        The same for what moved.
    embeddings : ndarray, shape (k, C), float32, or None
        The same as vectors, where a data set comes with these.
    sessions : ndarray of str, shape (n,), or None
        Session of each row.
    given : ndarray of str, shape (n,), or None
        Side of the split that the data came with: "train", "test" or "".
    """

    meta: PreparedMeta
    responses: npt.NDArray[np.float32]
    runs: npt.NDArray[np.str_]
    t_data: npt.NDArray[np.float64]
    t_event: npt.NDArray[np.float64]
    mask: npt.NDArray[np.bool_]
    reference: npt.NDArray[np.float32] | None = None
    spikes: npt.NDArray[np.bool_] | None = None
    at_delays: npt.NDArray[np.float32] | None = None
    further: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    pictures: npt.NDArray[np.uint8] | None = None
    clips: npt.NDArray[np.uint8] | None = None
    embeddings: npt.NDArray[np.float32] | None = None
    sessions: npt.NDArray[np.str_] | None = None
    given: npt.NDArray[np.str_] | None = None


def write_prepared(path: Path, data: PreparedData) -> None:
    """Write prepared data to `path` (``.npz``), replacing it in one step."""
    temporary = path.with_suffix(".tmp.npz")
    arrays: dict[str, Any] = {
        "meta": np.frombuffer(msgspec.json.encode(data.meta), dtype=np.uint8),
        "responses": data.responses.astype(np.float32, copy=False),
        "runs": data.runs.astype(np.str_),
        "t_data": data.t_data.astype(np.float64),
        "t_event": data.t_event.astype(np.float64),
        "mask": data.mask.astype(np.bool_),
    }
    for name, kind in _MAYBE.items():
        value = getattr(data, name)
        if value is not None:
            arrays[name] = value.astype(kind, copy=False)
    arrays |= {f"{_FURTHER}{name}": value for name, value in data.further.items()}
    np.savez(temporary, **arrays)
    temporary.replace(path)


def read_prepared(path: Path) -> PreparedData:
    """Read prepared data.

    Raises
    ------
    InputError
        If the file is missing, truncated or not of this kind.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            meta = msgspec.json.decode(held["meta"].tobytes(), type=PreparedMeta)
            data = PreparedData(
                meta,
                held["responses"],
                held["runs"],
                held["t_data"],
                held["t_event"],
                held["mask"],
                further={
                    n.removeprefix(_FURTHER): held[n] for n in held.files if n.startswith(_FURTHER)
                },
                **{name: held[name] for name in _MAYBE if name in held.files},
            )
    except (
        OSError,
        KeyError,
        ValueError,
        EOFError,
        MemoryError,
        BadZipFile,
        msgspec.DecodeError,
    ) as error:
        raise InputError(f"prepared data {path}: cannot be read: {error}") from error
    rows = {len(data.responses), len(data.runs), len(data.t_data), len(data.t_event)}
    rows |= {len(v) for v in (data.spikes, data.sessions, data.given) if v is not None}
    if data.at_delays is not None:
        rows |= {data.at_delays.shape[1] if len(data.at_delays) == len(meta.delays_s) else -1}
    if len(rows) != 1:
        raise InputError(f"prepared data {path}: arrays have different lengths {sorted(rows)}")
    return data
