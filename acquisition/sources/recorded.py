"""What an opened recording is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquisition.fmri.volume import Volume
from acquisition.sources.eeg import EegRecording
from phosphene.dataset import TimedEvent
from phosphene.errors import InputError

__all__ = ["EegRun", "FmriRecording", "OpenOptions", "Recording", "Refuse"]

Refuse = Callable[[InputError], None]


@dataclass(frozen=True)
class OpenOptions:
    """How to open a recording.

    Attributes
    ----------
    labels : mapping of str to str
        New names of labels, for example ``{"1": "house"}``.
    tr_s : float or None
        Repetition time in seconds where the file is silent or wrong.
    events : Path or None
        BIDS ``events.tsv`` that tells what was shown, instead of what lies beside the recording.
    echo : int
        Which echo of DICOM files that are numbered by echo.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    tr_s: float | None = None
    events: Path | None = None
    echo: int = 1


@dataclass(frozen=True)
class FmriRecording:
    """One run of fMRI volumes.

    Attributes
    ----------
    run : str
        Name of the run.
    shape : tuple of int
        Voxels (X, Y, Z).
    affine : ndarray (4, 4)
        Voxel to millimetres.
    tr_s : float
        Repetition time in seconds.
    n_volumes : int
        Volumes in the run.
    events : tuple of TimedEvent
        What was shown, in order; times from the first volume, in seconds.
    mask : ndarray of bool (X, Y, Z) or None
        Voxels of interest, where the recording names them.
    sources : mapping of str to str
        Name to SHA-256 of what is read.
    read : Callable
        See `volumes`, which calls it.
    slice_times_s : tuple of float or None
        When each slice is measured after the volume's start, in seconds.
    slice_axis : int
        Axis that counts slices.
    stimuli : Path or None
        Folder of the pictures that events name.
    """

    run: str
    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64] = field(repr=False)
    tr_s: float
    n_volumes: int
    events: tuple[TimedEvent, ...] = field(repr=False)
    mask: npt.NDArray[np.bool_] | None = field(repr=False)
    sources: Mapping[str, str] = field(repr=False)
    read: Callable[[Refuse], Iterator[Volume]] = field(repr=False)
    slice_times_s: tuple[float, ...] | None = None
    slice_axis: int = 2
    stimuli: Path | None = None
    modality: Literal["fmri"] = "fmri"

    def volumes(self, refuse: Refuse | None = None) -> Iterator[Volume]:
        """Yield the volumes from the start, each with its index in the run.

        Parameters
        ----------
        refuse : Callable, optional
            Told of each file that cannot be used, which is then left out; by default it is raised.
        """
        return self.read(refuse or _raise)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_volumes * self.tr_s


def _raise(error: InputError) -> None:
    raise error


@dataclass(frozen=True)
class EegRun:
    """One run of EEG with its events on the same time axis (sample number over rate)."""

    run: str
    eeg: EegRecording = field(repr=False)
    events: tuple[TimedEvent, ...] = field(repr=False)
    sources: Mapping[str, str] = field(repr=False)
    modality: Literal["eeg"] = "eeg"

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.eeg.duration_s


Recording = FmriRecording | EegRun
