"""A synthetic person in the scanner: sees a programme, moves a little, and is measured with noise.

The head's seed is the person (shape, folds, what each voxel responds to); the run's seed is
everything that differs between two runs of one person (noise, drift, movement).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from acquisition.fmri.rigid import centre_of, matrix_of
from acquisition.fmri.shear import resample
from acquisition.simulate.anatomy import Anatomy, build_anatomy, grid_affine, grid_mm
from acquisition.simulate.haemodynamics import double_gamma
from acquisition.simulate.motion import Trajectory, moved
from acquisition.simulate.runnoise import RunConfig, RunNoise
from acquisition.simulate.vision import (
    N_FEATURES,
    early_weights,
    higher_weights,
    scene_features,
)
from phosphene.errors import ConfigError, check_all, problem
from phosphene.stimuli import Programme

__all__ = ["RunConfig", "SimulatedVolume", "SyntheticHead", "simulate", "slice_times_s"]

_STEP_S = 0.25
_LARGEST_VALUE = 4095
_EARLY_CENTRE_MM = (0.0, -76.0, -2.0)
_HIGHER_CENTRES_MM = ((36.0, -48.0, -20.0), (-36.0, -48.0, -20.0))
_LEAST_GREY = 0.5


@dataclass(frozen=True)
class SyntheticHead:
    """A person.

    Attributes
    ----------
    seed : int
        Identity.
    shape : tuple of int
        Matrix size (X, Y, Z).
    voxel_mm : tuple of float
        Edge lengths of a voxel in millimetres.
    n_early, n_higher : int
        Voxels of the early and of the higher visual area.
    early_psc, higher_psc : float
        Response to a steady feature of 1 with weight 1, in percent of the voxel's intensity.
    """

    seed: int = 0
    shape: tuple[int, int, int] = (64, 64, 24)
    voxel_mm: tuple[float, float, float] = (3.0, 3.0, 4.0)
    n_early: int = 400
    n_higher: int = 400
    early_psc: float = 4.0
    higher_psc: float = 2.0

    def __post_init__(self) -> None:
        found = []
        if len(self.shape) != 3 or min(self.shape) < 8:
            found.append(problem("shape", self.shape, "3 numbers of 8 or more", "Enlarge it."))
        if len(self.voxel_mm) != 3 or not min(self.voxel_mm) > 0:
            found.append(problem("voxel_mm", self.voxel_mm, "3 lengths above 0", "Correct it."))
        if min(self.n_early, self.n_higher) < 2:
            got = (self.n_early, self.n_higher)
            found.append(problem("n_early, n_higher", got, "2 or more", "Enlarge them."))
        check_all(found, ConfigError, "synthetic head")

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """Voxel index to RAS millimetres, (4, 4)."""
        return grid_affine(self.shape, self.voxel_mm)

    @cached_property
    def anatomy(self) -> Anatomy:
        """Image and tissue."""
        return build_anatomy(self.shape, self.voxel_mm, self.seed)

    @cached_property
    def early(self) -> npt.NDArray[np.intp]:
        """Flat indices of the early visual voxels, ascending."""
        return self._nearest_grey([_EARLY_CENTRE_MM], self.n_early, np.zeros(0, np.intp))

    @cached_property
    def higher(self) -> npt.NDArray[np.intp]:
        """Flat indices of the higher visual voxels, ascending."""
        return self._nearest_grey(_HIGHER_CENTRES_MM, self.n_higher, self.early)

    @cached_property
    def weights(self) -> npt.NDArray[np.float32]:
        """Response of the early, then the higher voxels to each feature, as a fraction, (V, F)."""
        rng = np.random.default_rng([self.seed, 2])
        at = grid_mm(self.shape, self.voxel_mm).reshape(3, -1).T[self.early]
        early = early_weights(at, rng) * (self.early_psc / 100)
        higher = higher_weights(len(self.higher), rng) * (self.higher_psc / 100)
        return np.concatenate([early, higher]).astype(np.float32)

    def mask(self, name: str) -> npt.NDArray[np.bool_]:
        """Mask (X, Y, Z) of "brain", "early" or "higher"."""
        if name == "brain":
            return self.anatomy.brain.copy()
        members = {"early": self.early, "higher": self.higher}
        if name not in members:
            raise ConfigError(problem("name", name, "brain, early, higher", "Name one of them."))
        mask = np.zeros(self.shape, np.bool_)
        mask.ravel()[members[name]] = True
        return mask

    def _nearest_grey(
        self,
        centres_mm: tuple[tuple[float, float, float], ...] | list[tuple[float, float, float]],
        n: int,
        taken: npt.NDArray[np.intp],
    ) -> npt.NDArray[np.intp]:
        at = grid_mm(self.shape, self.voxel_mm).reshape(3, -1).T
        distance = np.min([np.linalg.norm(at - np.asarray(c), axis=1) for c in centres_mm], axis=0)
        usable = (self.anatomy.grey.ravel() > _LEAST_GREY) & self.anatomy.brain.ravel()
        usable[taken] = False
        candidates = np.flatnonzero(usable)
        if len(candidates) < n:
            raise ConfigError(
                problem("n_early, n_higher", n, f"at most {len(candidates)} for this matrix",
                        "Take fewer voxels or a larger matrix.")
            )  # fmt: skip
        order = np.argsort(distance[candidates], kind="stable")
        return np.sort(candidates[order[:n]])


@dataclass(frozen=True)
class SimulatedVolume:
    """One measured volume and the truth behind it.

    Attributes
    ----------
    data : array of int16 (X, Y, Z)
        What the scanner delivers.
    index : int
        Number of the volume, from 0.
    t_s : float
        Start of its acquisition, in seconds from the start of the run.
    motion : array of float64 (6,)
        True position of the head (mm, degrees) relative to the scanner, see
        `acquisition.fmri.rigid`.
    """

    data: npt.NDArray[np.int16] = field(repr=False)
    index: int
    t_s: float
    motion: npt.NDArray[np.float64]


def slice_times_s(n_slices: int, tr_s: float) -> npt.NDArray[np.float64]:
    """Return times of interleaved slices, odd ones first, evenly over the TR, in seconds."""
    order = [*range(0, n_slices, 2), *range(1, n_slices, 2)]
    times = np.empty(n_slices)
    times[order] = np.arange(n_slices) * (tr_s / n_slices)
    return times


def simulate(
    head: SyntheticHead,
    programme: Programme,
    n_volumes: int,
    tr_s: float = 1.0,
    run: RunConfig | None = None,
    path: Trajectory | None = None,
) -> Iterator[SimulatedVolume]:
    """Measure a person who sees a programme.

    Each volume depends only on what was seen until its slices were acquired.

    Parameters
    ----------
    head : SyntheticHead
        The person.
    programme : Programme
        What is shown; its time 0 is the start of the first volume.
    n_volumes : int
        Volumes to measure.
    tr_s : float
        Repetition time in seconds.
    run : RunConfig, optional
        Noise, drift and movement.
    path : array (n_volumes, 6), optional
        Positions of the head in place of the run's own movement; then the image is resampled by
        `acquisition.simulate.motion.moved`, which shares no code with realignment.

    Yields
    ------
    SimulatedVolume
    """
    if not tr_s > 0 or n_volumes < 0:
        got = (tr_s, n_volumes)
        raise ConfigError(problem("tr_s, n_volumes", got, "above 0, 0 or more", "Correct them."))
    noise = RunNoise(run or RunConfig(), head.anatomy, head.voxel_mm)
    activity = _Activity(head, programme, tr_s)
    affine, centre = head.affine, centre_of(head.shape, head.affine)
    for index in range(n_volumes):
        t_s = index * tr_s
        signal = head.anatomy.image * (1.0 + noise.modulation(t_s))
        signal.ravel()[activity.voxels] += (
            activity.at(t_s) * head.anatomy.image.ravel()[activity.voxels]
        )
        motion = noise.move() if path is None else path[index]
        if path is None:
            # the image at a place shows the part of the head that has moved there
            back = np.linalg.inv(matrix_of(motion, centre))
            shown = resample(signal, np.linalg.inv(affine) @ back @ affine)
        else:
            shown = moved(signal, affine, motion)
        measured = noise.measure(shown)
        data = np.clip(np.rint(measured), 0, _LARGEST_VALUE).astype(np.int16)
        yield SimulatedVolume(data, index, t_s, motion)


class _Activity:
    """Response of the visual voxels, slice by slice."""

    def __init__(self, head: SyntheticHead, programme: Programme, tr_s: float) -> None:
        self.voxels = np.concatenate([head.early, head.higher])
        self._weights = head.weights
        self._programme = programme
        self._response = double_gamma(_STEP_S).astype(np.float32)
        self._history: deque[npt.NDArray[np.float32]] = deque(
            [np.zeros(N_FEATURES, np.float32)] * len(self._response), maxlen=len(self._response)
        )
        self._n_seen = 0
        slices = np.unravel_index(self.voxels, head.shape)[2]
        self._delay_s = slice_times_s(head.shape[2], tr_s)[slices]

    def at(self, t_s: float) -> npt.NDArray[np.float32]:
        """Fractional signal change of each voxel in the volume that starts at `t_s`, (V,)."""
        step = np.floor((t_s + self._delay_s) / _STEP_S + 1e-9).astype(int)
        out = np.zeros(len(self.voxels), np.float32)
        for now in np.unique(step):
            self._see_until(int(now))
            # newest first, to meet the response at lag 0
            blurred = self._response @ np.stack(self._history)[::-1]
            members = step == now
            out[members] = self._weights[members] @ blurred
        return out

    def _see_until(self, step: int) -> None:
        while self._n_seen <= step:
            scene = self._programme.scene_at(self._n_seen * _STEP_S)
            self._history.append(scene_features(scene))
            self._n_seen += 1
