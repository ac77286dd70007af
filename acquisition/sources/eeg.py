"""One type for every recorded EEG, and one door to all its readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, check_all, problem

__all__ = ["EegMarker", "EegReadOptions", "EegRecording", "read_eeg"]

_READERS = {
    ".csv": "acquisition.sources.eeg_csv",
    ".xdf": "acquisition.sources.eeg_xdf",
    ".xdfz": "acquisition.sources.eeg_xdf",
    ".edf": "acquisition.sources.eeg_mne",
    ".bdf": "acquisition.sources.eeg_mne",
    ".vhdr": "acquisition.sources.eeg_mne",
    ".set": "acquisition.sources.eeg_mne",
    ".fif": "acquisition.sources.eeg_mne",
}


@dataclass(frozen=True, slots=True)
class EegMarker:
    """An event.

    Attributes
    ----------
    t_s : float
        Data time in seconds: sample number (with fraction) over the sampling rate.
    label : str
        What happened.
    stream : str
        Name of the stream that said so.
    duration_s : float
        How long it lasted, in seconds; 0 where that is not known.
    detail : str
        What was shown, as JSON of a scene, where that is known.
    """

    t_s: float
    label: str
    stream: str = ""
    duration_s: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EegReadOptions:
    """How to read a file.

    Attributes
    ----------
    labels : Mapping
        New names of markers, for example ``{"1": "house", "2": "face"}``; others stay as they are.
    stream : str or None
        Name of the EEG stream, for files that hold several.
    drop : tuple of str
        Channels that carry no EEG. "Right AUX" is an open input on the Muse headband.
    salvage : bool
        Read a truncated file up to where it ends, with a warning, instead of refusing it.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    stream: str | None = None
    drop: tuple[str, ...] = ("Right AUX",)
    salvage: bool = False


@dataclass(frozen=True, slots=True)
class EegRecording:
    """A recording on an even grid of samples.

    Attributes
    ----------
    name : str
        Name of the file without its ending.
    data : ndarray of float32, shape (n_samples, n_channels)
        Microvolts; NaN where samples are missing.
    fs_hz : float
        Sampling rate in hertz that data time counts by.
    channel_names : tuple of str
        One per column.
    markers : tuple of EegMarker
        In order of time.
    t0_s : float
        Time of the first sample on the clock of the source, in seconds.
    effective_hz : float
        Sampling rate measured from the time stamps, in hertz.
    warnings : tuple of str
        What a careful reader should know.
    """

    name: str
    data: npt.NDArray[np.float32]
    fs_hz: float
    channel_names: tuple[str, ...]
    markers: tuple[EegMarker, ...] = ()
    t0_s: float = 0.0
    effective_hz: float = float("nan")
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = []
        if self.data.ndim != 2 or self.data.shape[1] != len(self.channel_names):
            allowed = f"(n, {len(self.channel_names)})"
            problems.append(problem("data.shape", self.data.shape, allowed, "Check the reader."))
        elif len(self.data) == 0:
            problems.append(problem("data.shape", self.data.shape, "one sample or more", ""))
        if self.data.dtype != np.float32:
            problems.append(problem("data.dtype", self.data.dtype, "float32", "Convert it."))
        if not (np.isfinite(self.fs_hz) and self.fs_hz > 0):
            problems.append(problem("fs_hz", self.fs_hz, "above 0", "Check the header."))
        times = [marker.t_s for marker in self.markers]
        if times != sorted(times):
            problems.append(problem("markers", "unsorted", "in order of time", "Sort them."))
        check_all(problems, InputError, f"EEG recording {self.name}")

    @property
    def duration_s(self) -> float:
        """Length in seconds of data time."""
        return len(self.data) / self.fs_hz


def read_eeg(path: Path, options: EegReadOptions | None = None) -> EegRecording:
    """Read a recording; the ending of its name says how.

    Parameters
    ----------
    path : Path
        A .csv (Muse), .xdf, .xdfz, .edf, .bdf, .vhdr (BrainVision), .set (EEGLAB) or .fif file;
        all but the first three need `mne`.
    options : EegReadOptions or None
        How to read it.

    Returns
    -------
    EegRecording
        Samples, markers and warnings.

    Raises
    ------
    InputError
        When the file is missing, empty or holds no EEG; names file and cause.
    TruncatedError
        When the file ends before its data does.
    """
    module = _READERS.get(path.suffix.lower())
    if module is None:
        allowed = ", ".join(_READERS)
        raise InputError(f"{path}: ending {path.suffix!r} unknown; allowed: {allowed}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    read: Callable[[Path, EegReadOptions], EegRecording] = import_module(module).read
    return read(path, options or EegReadOptions())
