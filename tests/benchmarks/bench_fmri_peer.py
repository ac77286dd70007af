"""The peer: python-rtspm, a port of SPM's realign, reslice and smooth to real time (GPL-3).

Only this benchmark imports it (extra ``bench``); Phosphene itself never does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.benchmarks.bench_fmri_data import SPM_REFERENCE, Matrix, Real, Series, SkippedError


class Peer:
    """Aligns, reslices and smooths volumes as OpenNFT sets python-rtspm up.

    Parameters
    ----------
    real : Real
        Gives grid and reference.

    Attributes
    ----------
    matrix : array (4, 4)
        Where the head went, reference to now, in millimetres.
    seconds : tuple of float
        For realignment, reslicing and smoothing, then the processor's for all three.
    """

    def __init__(self, real: Real) -> None:
        try:
            import rtspm
        except ImportError as error:
            raise SkippedError(f"python-rtspm is not installed (extra bench): {error}") from error
        self._rtspm: Any = rtspm
        # its first axis runs to the left, and it counts voxels from 1
        flip = np.eye(4)
        flip[0, 0], flip[0, 3] = -1.0, real.data.shape[1] - 1.0
        from_one = np.eye(4)
        from_one[:3, 3] = -1.0
        self._mat = real.affine @ flip @ from_one
        self._dim = np.array(real.data.shape[1:])
        self._reference = self._volume(real.data[SPM_REFERENCE])
        self._kernel = 5.0 / np.array(real.voxel_mm)
        self._state: tuple[Any, ...] = ([], [], [], [], [], [])
        self._count = 0
        self.matrix = np.eye(4)
        self.seconds = (0.0, 0.0, 0.0, 0.0)

    def step(self, data: Series) -> Series:
        """Return the resliced volume; `matrix` and `seconds` tell of it."""
        flags = {"quality": 0.9, "fwhm": 5, "sep": 4, "interp": 4, "wrap": np.zeros((3, 1))}
        pair = [
            {"mat": self._mat, "dim": self._dim, "Vol": self._reference},
            {"mat": self._mat, "dim": self._dim, "Vol": self._volume(data)},
        ]
        self._count += 1
        used, t0 = time.thread_time(), time.perf_counter()
        pair, *state, _ = self._rtspm.spm_realign_rt(
            pair, {**flags, "rtm": 0, "PW": "", "lkp": np.arange(6)}, self._count, 1, *self._state
        )
        t1 = time.perf_counter()
        resliced = self._rtspm.spm_reslice_rt(pair, {**flags, "mask": 1, "mean": 0, "which": 2})
        t2 = time.perf_counter()
        self._rtspm.spm_smooth(resliced, self._kernel)
        t3, used = time.perf_counter(), time.thread_time() - used
        self.seconds = (t1 - t0, t2 - t1, t3 - t2, used)
        self._state = tuple(state)
        # where the volume has to go; ours is where the head went
        self.matrix = np.linalg.inv(pair[1]["mat"] @ np.linalg.inv(self._mat))
        return np.ascontiguousarray(resliced[::-1], np.float32)

    def run(self, series: Series) -> Iterator[tuple[Matrix, Series, npt.NDArray[np.float64]]]:
        """Yield matrix, resliced volume and milliseconds (see `seconds`) of each volume."""
        for data in series:
            resliced = self.step(data)
            yield self.matrix, resliced, 1e3 * np.array(self.seconds)

    def _volume(self, data: Series) -> npt.NDArray[np.float32]:
        return np.array(data[::-1], np.float32, order="F")
