"""What lies in the simulated scanner: the synthetic head, or a recording of a real one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.fmri.volume import Volume
from acquisition.simulate.head import (
    RunConfig,
    SimulatedVolume,
    SyntheticHead,
    simulate,
    slice_times_s,
)
from acquisition.simulate.motion import Trajectory, moving
from acquisition.simulate.vendors import LARGEST_VALUE
from acquisition.sources.recording import FmriRecording, OpenOptions, open_recording
from phosphene.errors import ConfigError, problem
from phosphene.stimuli import Programme

__all__ = ["Subject", "phantom", "recorded", "small_head", "with_motion"]

_FIELD_OF_VIEW_MM = (192.0, 192.0, 96.0)
_USUAL_SHAPE = (64, 64, 24)
_HEADROOM = 0.8


@dataclass(frozen=True)
class Subject:
    """Something that can be measured.

    Attributes
    ----------
    volumes : iterator of SimulatedVolume
        What is measured; made while they are asked for.
    n_volumes : int
        How many there are.
    shape : tuple of int
        Voxels (X, Y, Z).
    affine : array (4, 4)
        Voxel index to RAS millimetres.
    tr_s : float
        Repetition time in seconds.
    slice_times_s : tuple of float
        Time of each slice along the third axis; empty where nobody knows.
    words : str
        What it is, for people.
    """

    volumes: Iterator[SimulatedVolume] = field(repr=False)
    n_volumes: int
    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64] = field(repr=False)
    tr_s: float
    slice_times_s: tuple[float, ...] = field(repr=False)
    words: str


def small_head(seed: int, shape: tuple[int, int, int] | None) -> SyntheticHead:
    """Return the synthetic person in another matrix over the same field of view.

    The visual areas have as many voxels as fit the matrix.
    """
    if shape is None or shape == _USUAL_SHAPE:
        return SyntheticHead(seed=seed)
    mm = [fov / n for fov, n in zip(_FIELD_OF_VIEW_MM, shape, strict=True)]
    n_voxels = max(2, int(400 * np.prod(shape) / np.prod(_USUAL_SHAPE)))
    return SyntheticHead(seed, shape, (mm[0], mm[1], mm[2]), n_voxels, n_voxels)


def phantom(
    head: SyntheticHead,
    programme: Programme,
    n_volumes: int,
    tr_s: float,
    run: RunConfig,
    path: Trajectory | None = None,
) -> Subject:
    """Put the synthetic person into the scanner.

    Parameters
    ----------
    head : SyntheticHead
        The person.
    programme : Programme
        What is shown.
    n_volumes : int
        Volumes to measure.
    tr_s : float
        Repetition time in seconds.
    run : RunConfig
        Noise, drift and movement.
    path : array (n_volumes, 6), optional
        Movement in place of the run's own.
    """
    times = tuple(slice_times_s(head.shape[2], tr_s).tolist())
    volumes = simulate(head, programme, n_volumes, tr_s, run, path)
    name = "the synthetic head"
    return Subject(volumes, n_volumes, head.shape, head.affine, tr_s, times, name)


def recorded(
    source: Path,
    run: str | None,
    n_volumes: int | None,
    tr_s: float | None,
) -> Subject:
    """Put a recording into the scanner: its voxels are measured again, under new identifiers.

    Intensities that the vendors' files cannot hold (negative ones, fractions, above 4095) are
    scaled by one factor for the whole run and rounded.

    Parameters
    ----------
    source : Path
        Anything that `acquisition.sources.recording.open_recording` opens.
    run : str or None
        Which of its runs.
    n_volumes : int or None
        How many volumes; None for all.
    tr_s : float or None
        Repetition time in seconds, None for the recording's own.

    Raises
    ------
    ConfigError
        If it holds no fMRI, or too few volumes.
    """
    recording = open_recording(source, run, OpenOptions(tr_s=tr_s))
    if not isinstance(recording, FmriRecording):
        raise ConfigError(problem("--from", str(source), "a recording of fMRI", "Choose another."))
    there = recording.n_volumes
    wanted = there if n_volumes is None else n_volumes
    if not 0 < wanted <= there:
        got, allowed = f"{wanted} volumes", f"1 to {there} from {source.name}"
        raise ConfigError(problem("--volumes", got, allowed, "Take fewer."))
    sample = next(recording.volumes())
    times = _times(sample, recording.tr_s)
    volumes = _measured(recording.volumes(), wanted, recording.tr_s, _gain(sample))
    return Subject(
        volumes, wanted, recording.shape, recording.affine, recording.tr_s, times, source.name
    )


def _times(sample: Volume, tr_s: float) -> tuple[float, ...]:
    """Slice times along the third axis; a recording that is played faster is measured faster."""
    times = sample.slice_times_s
    if times is None or sample.slice_axis != 2:
        return ()
    longest = max(times) * len(times) / max(len(times) - 1, 1)
    return tuple(t * min(1.0, tr_s / longest) if longest > 0 else t for t in times)


def with_motion(subject: Subject, path: Trajectory) -> Subject:
    """Let a recorded head move, on top of what it did itself."""
    return replace(subject, volumes=moving(subject.volumes, subject.affine, path))


def _gain(volume: Volume) -> float:
    lowest, highest = float(volume.data.min()), float(volume.data.max())
    whole = bool((volume.data == np.rint(volume.data)).all())
    if whole and lowest >= 0 and highest <= LARGEST_VALUE:
        return 1.0
    return _HEADROOM * LARGEST_VALUE / max(highest, 1e-12)


def _measured(
    volumes: Iterator[Volume], n_volumes: int, tr_s: float, gain: float
) -> Iterator[SimulatedVolume]:
    for index, volume in enumerate(islice(volumes, n_volumes)):
        stored = np.clip(np.rint(volume.data * np.float32(gain)), 0, LARGEST_VALUE)
        yield SimulatedVolume(stored.astype(np.int16), index, index * tr_s, np.zeros(6))
