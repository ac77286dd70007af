"""One smoothness of realignment: points of the reference, their values and gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from acquisition.fmri.blur import FWHM_PER_SIGMA, blur, gaussian_half
from acquisition.fmri.spline import VARIANCE, at_voxels, look_up, normal_equations
from phosphene.errors import InputError, problem

__all__ = ["Level"]

FloatVolume = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

LEAST_POINTS = 100
_TUKEY = 4.685
_MAD_TO_SD = 1.4826
# In squared voxels, a kernel of 1/8, 3/4, 1/8: less lets the grid's own frequency through, more
# spreads a local artefact.
_LEAST_BLUR = 0.25
# The scale of the residual is that of every fourth point.
_SCALE_STRIDE = 4


class Level:
    """Compares volumes with the reference at one smoothness.

    Parameters
    ----------
    reference : array of float32 (X, Y, Z)
        Volume to align to.
    affine : array (4, 4)
        Its voxel index to millimetres.
    region : array of bool (X, Y, Z)
        Where to compare.
    centre : array (3,)
        Point about which rotations are given, in millimetres.
    fwhm_mm : float
        Smoothing, full width at half maximum in millimetres, at least about two voxels.
    n_points : int
        Points to compare at most.

    Raises
    ------
    InputError
        If the region has next to no structure.
    """

    def __init__(
        self,
        reference: FloatVolume,
        affine: Matrix,
        region: npt.NDArray[np.bool_],
        centre: Matrix,
        fwhm_mm: float,
        n_points: int,
    ) -> None:
        voxel_mm = np.linalg.norm(affine[:3, :3], axis=0)
        variance = (fwhm_mm / FWHM_PER_SIGMA / voxel_mm) ** 2 - VARIANCE
        self._halves = [_half(v) for v in variance]
        self._work = np.empty(reference.shape, np.float32)
        self._padded = np.empty([n + 3 for n in reference.shape], np.float32)
        self.prepare(reference)
        value, gradient = at_voxels(self._padded)
        squares = (np.square(g / mm) for g, mm in zip(gradient, voxel_mm, strict=True))
        index = _choose(sum(squares, start=np.zeros((), np.float32)), region, n_points)
        if len(index[0]) < LEAST_POINTS:
            raise InputError(
                problem("reference", f"{len(index[0])} points with structure",
                        f"{LEAST_POINTS} or more", "Check that the first volume shows a head.")
            )  # fmt: skip
        self.level = float(np.abs(value[index]).mean())
        self._values = value[index]
        self._points = np.stack(index, -1) @ affine[:3, :3].T + affine[:3, 3]
        slope = np.stack([g[index] for g in gradient], -1) @ np.linalg.inv(affine[:3, :3])  # per mm
        turn = np.cross(self._points - centre, slope)
        # d reference / d (translation, rotation, gain, offset), (N, 8)
        gain = value[index][:, None]
        self._design = np.c_[slope, turn, gain, np.full_like(gain, self.level)].astype(np.float32)
        self._now = np.empty(len(gain), np.float32)
        self._normal, self._right = np.empty((8, 8)), np.empty(8)

    def prepare(self, data: FloatVolume) -> None:
        """Take a volume, C-ordered float32, as the one that `step` compares."""
        wx, wy, wz = self._halves
        blur(data, wx, wy, wz, self._work, self._padded, 1)

    def step(self, voxel_map: Matrix) -> tuple[Matrix, float]:
        """One Gauss-Newton step.

        Parameters
        ----------
        voxel_map : array (4, 4)
            Takes the reference's millimetres to the volume's voxel indices.

        Returns
        -------
        step : array (6,)
            Motion (mm, radian) that the reference would need to look like the volume.
        scale : float
            Robust standard deviation of the residual before the step, relative to the mean;
            infinite when no point lies inside the volume.
        """
        look_up(self._padded, np.ascontiguousarray(voxel_map), self._points, self._now)
        self._now -= self._values
        some = self._now[::_SCALE_STRIDE]
        some = some[np.isfinite(some)]
        if not some.size:
            return np.zeros(6), float("inf")
        # a gain and an offset common to the whole head are not motion
        shift = float(np.median(some))
        scale = _MAD_TO_SD * float(np.median(np.abs(some - np.float32(shift))))
        scale += 1e-6 * self.level
        normal, right = self._normal, self._right
        normal_equations(self._design, self._now, shift, _TUKEY * scale, normal, right)
        # unit diagonal: translations and rotations have different units
        size = np.sqrt(np.diag(normal)) + 1e-12
        solution = np.linalg.lstsq(normal / np.outer(size, size), right / size, rcond=1e-9)[0]
        return solution[:6] / size[:6], scale / self.level


def _half(variance: float) -> FloatVolume:
    """Weights of a blur, from the middle on; variance in squared voxels."""
    if variance <= _LEAST_BLUR:
        return np.array([1.0 - _LEAST_BLUR, _LEAST_BLUR / 2], np.float32)
    return gaussian_half(float(np.sqrt(variance)), truncate=3.0)


def _choose(
    steepness: npt.NDArray[np.floating], region: npt.NDArray[np.bool_], n_points: int
) -> Sequence[npt.NDArray[np.intp]]:
    """Evenly from the steeper half of a region; never the outermost voxels."""
    inner = np.zeros_like(region)
    inner[1:-1, 1:-1, 1:-1] = region[1:-1, 1:-1, 1:-1]
    if not inner.any():
        return tuple(np.zeros(0, np.intp) for _ in range(3))
    steep = np.flatnonzero(inner & (steepness > np.median(steepness[inner])))
    n_chosen = min(n_points, len(steep))
    chosen = steep[np.arange(n_chosen) * len(steep) // max(n_chosen, 1)]
    return np.unravel_index(chosen, region.shape)
