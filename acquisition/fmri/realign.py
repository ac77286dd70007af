"""Rigid realignment to a reference volume, fast enough for every volume of a live run.

Inverse-compositional Gauss-Newton (Baker & Matthews 2004, Int. J. Comput. Vis. 56:221-255): the
gradient is that of the reference and is computed once; each iteration looks up the new volume at
about 10,000 points of the reference, where it moved to by the present estimate. Tukey's biweight
keeps activation, eyes and artefacts from pulling the head.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from acquisition.fmri.rigid import centre_of, params_of
from acquisition.fmri.shear import resample
from phosphene.errors import ConfigError, InputError, check_all, problem

__all__ = ["Motion", "RealignConfig", "Realigner", "can_realign"]

FloatVolume = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

MIN_SLICES = 8
_FWHM_PER_SIGMA = 2.354820045
_TUKEY = 4.685
_MAD_TO_SD = 1.4826
_SEARCH_FWHM_MM = (20.0, 10.0)
_N_SEARCH_POINTS = 4000
_SAME_IMAGE = 1e-4
_LEAST_POINTS = 100
_FARTHEST_MM = 50.0
_FARTHEST_DEG = 25.0
_WORST_RESIDUAL = 0.3


@dataclass(frozen=True)
class RealignConfig:
    """Settings of `Realigner`.

    Attributes
    ----------
    n_points : int
        Points of the reference to compare, about.
    fwhm_mm : float
        Smoothing before comparison, full width at half maximum in millimetres.
    max_iterations : int
        Iterations per volume at most.
    tolerance_mm : float
        Stop when a step moves no point of a 65 mm ball by more than this, in millimetres.
    lost_ratio : float
        A residual this many times that of the best volume so far starts a coarse search.
    """

    n_points: int = 10_000
    fwhm_mm: float = 5.0
    max_iterations: int = 10
    tolerance_mm: float = 0.002
    lost_ratio: float = 2.0

    def __post_init__(self) -> None:
        found = [
            problem(name, getattr(self, name), "above 0", "Give a positive number.")
            for name in ("n_points", "fwhm_mm", "max_iterations", "tolerance_mm", "lost_ratio")
            if not getattr(self, name) > 0
        ]
        check_all(found, ConfigError, "realignment")


@dataclass(frozen=True)
class Motion:
    """Where the head is now, relative to the reference volume.

    Attributes
    ----------
    params : array of float64 (6,)
        Translation in millimetres, rotation in degrees, see `acquisition.fmri.rigid`.
    matrix : array of float64 (4, 4)
        The same as a matrix, reference to now, in millimetres.
    residual : float
        Robust standard deviation of what realignment leaves, relative to the mean intensity.
    iterations : int
        Iterations that were needed.
    converged : bool
        Whether the last step was below the tolerance.
    lost : bool
        Whether no head was found; the position is then that of the volume before.
    """

    params: Matrix
    matrix: Matrix = field(repr=False)
    residual: float
    iterations: int
    converged: bool
    lost: bool = False


def can_realign(shape: tuple[int, ...]) -> bool:
    """Whether a volume has enough slices (8) for its motion to be estimated."""
    return min(shape) >= MIN_SLICES


class Realigner:
    """Aligns volumes to one reference.

    Parameters
    ----------
    reference : array of float32 (X, Y, Z)
        Volume to align to.
    affine : array (4, 4)
        Its voxel index to millimetres.
    mask : array of bool (X, Y, Z), optional
        Where to compare; by default everywhere above 20 % of the 98th percentile.
    config : RealignConfig
        Settings.

    Raises
    ------
    InputError
        If the reference has too few slices or no structure.
    """

    def __init__(
        self,
        reference: FloatVolume,
        affine: Matrix,
        mask: npt.NDArray[np.bool_] | None = None,
        config: RealignConfig | None = None,
    ) -> None:
        if not can_realign(reference.shape):
            raise InputError(
                problem("reference", reference.shape, f"{MIN_SLICES} or more along each axis",
                        "Run single slices without realignment.")
            )  # fmt: skip
        self._config = config or RealignConfig()
        self._affine = affine
        self._shape = reference.shape
        self._centre = centre_of(reference.shape, affine)
        if mask is None:
            mask = reference > 0.2 * np.percentile(reference, 98)
        region = ndimage.binary_dilation(mask, iterations=1)
        fine = self._config.fwhm_mm
        self._levels = [
            _Level(reference, affine, region, self._centre, fwhm, n_points)
            for fwhm, n_points in (
                *((fwhm, _N_SEARCH_POINTS) for fwhm in _SEARCH_FWHM_MM),
                (fine, self._config.n_points),
            )
        ]
        self._last = np.eye(4)
        self._best_residual = np.inf

    @property
    def centre_mm(self) -> Matrix:
        """Point about which rotations are given, (3,)."""
        return self._centre

    def estimate(self, data: FloatVolume, affine: Matrix | None = None) -> Motion:
        """Find where the head is in a volume; starts from where it was in the one before.

        Parameters
        ----------
        data : array of float32 (X, Y, Z)
            New volume, finite.
        affine : array (4, 4), optional
            Its own affine, where it is not the reference's.

        Returns
        -------
        Motion
        """
        to_voxel = self._to_voxel(affine)
        spline = self._levels[-1].prepare(data)
        motion = self._refine(self._levels[-1], spline, to_voxel, self._last)
        lost = motion.residual > self._config.lost_ratio * self._best_residual
        if lost or not motion.converged or not np.isfinite(self._best_residual):
            searched = self._search(data, spline, to_voxel)
            motion = min(motion, searched, key=lambda m: m.residual)
        if not _plausible(motion):
            params = params_of(self._last, self._centre)
            return replace(motion, params=params, matrix=self._last, converged=False, lost=True)
        self._last = motion.matrix
        if motion.residual > _SAME_IMAGE:  # the reference itself says nothing about noise
            self._best_residual = min(self._best_residual, motion.residual)
        return motion

    def resample(
        self, data: FloatVolume, motion: Motion, affine: Matrix | None = None
    ) -> FloatVolume:
        """Put a volume where the head was in the reference, (X, Y, Z) float32."""
        to_voxel = self._to_voxel(affine)
        return resample(data, to_voxel @ motion.matrix @ self._affine)

    def _to_voxel(self, affine: Matrix | None) -> Matrix:
        inverse = np.linalg.inv(self._affine if affine is None else affine)
        return inverse.astype(np.float64)

    def _search(self, data: FloatVolume, spline: FloatVolume, to_voxel: Matrix) -> Motion:
        """Coarse to fine from the reference position."""
        matrix = np.eye(4)
        for level in self._levels[:-1]:
            matrix = self._refine(level, level.prepare(data), to_voxel, matrix).matrix
        return self._refine(self._levels[-1], spline, to_voxel, matrix)

    def _refine(
        self, level: _Level, spline: FloatVolume, to_voxel: Matrix, start: Matrix
    ) -> Motion:
        matrix, scale, converged, iterations = start, np.inf, False, 0
        while not converged and iterations < self._config.max_iterations:
            iterations += 1
            step, scale = level.step(spline, to_voxel @ matrix)
            matrix = matrix @ _undo(step, self._centre)
            # mean displacement in a 65 mm ball: translation plus rotation at its edge
            moved_mm = np.linalg.norm(step[:3]) + 65.0 * np.linalg.norm(step[3:])
            converged = bool(moved_mm < self._config.tolerance_mm)
        return Motion(params_of(matrix, self._centre), matrix, scale, iterations, converged)


class _Level:
    """One smoothness: points of the reference, their values and gradient."""

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
        self._sigma = fwhm_mm / _FWHM_PER_SIGMA / voxel_mm
        smooth = self._smooth(reference)
        gradient: FloatVolume = np.stack([*np.gradient(smooth)], -1)  # (X, Y, Z, 3), per voxel
        index = _choose(np.linalg.norm(gradient / voxel_mm, axis=-1), region, n_points)
        if len(index[0]) < _LEAST_POINTS:
            raise InputError(
                problem("reference", f"{len(index[0])} points with structure",
                        f"{_LEAST_POINTS} or more", "Check that the first volume shows a head.")
            )  # fmt: skip
        self.level = float(np.abs(smooth[index]).mean())
        self._values = smooth[index].astype(np.float32)
        voxels = np.stack(index, -1).astype(np.float64)
        self._points = np.c_[voxels @ affine[:3, :3].T + affine[:3, 3], np.ones(len(voxels))]
        slope = gradient[index] @ np.linalg.inv(affine[:3, :3])  # per millimetre
        turn = np.cross(self._points[:, :3] - centre, slope)
        # d reference / d (translation, rotation, gain, offset), (N, 8)
        gain = self._values[:, None]
        self._design = np.c_[slope, turn, gain, np.full_like(gain, self.level)].astype(np.float32)

    def _smooth(self, data: FloatVolume) -> FloatVolume:
        smooth: FloatVolume = ndimage.gaussian_filter(data, self._sigma, truncate=3.0)
        return smooth

    def prepare(self, data: FloatVolume) -> FloatVolume:
        """Cubic spline coefficients of the smoothed volume."""
        spline: FloatVolume = ndimage.spline_filter(
            self._smooth(data), order=3, output=np.float32, mode="nearest"
        )
        return spline

    def step(self, spline: FloatVolume, voxel_map: Matrix) -> tuple[Matrix, float]:
        """One Gauss-Newton step.

        Returns
        -------
        step : array (6,)
            Motion (mm, radian) that the reference would need to look like the volume.
        scale : float
            Robust standard deviation of the residual before the step, relative to the mean.
        """
        at = voxel_map[:3] @ self._points.T
        now = ndimage.map_coordinates(
            spline, at, order=3, output=np.float32, mode="nearest", prefilter=False
        )
        # a gain and an offset common to the whole head are not motion
        residual = now - self._values
        residual -= np.median(residual)
        scale = _MAD_TO_SD * float(np.median(np.abs(residual))) + 1e-6 * self.level
        weight = np.clip(1.0 - (residual / (_TUKEY * scale)) ** 2, 0.0, None) ** 2
        inside = ((at >= 0) & (at <= np.asarray(spline.shape)[:, None] - 1.0)).all(0)
        weighted = self._design * (weight * inside).astype(np.float32)[:, None]
        normal = (weighted.T @ self._design).astype(np.float64)
        right = (weighted.T @ residual).astype(np.float64)
        # unit diagonal: translations and rotations have different units
        size = np.sqrt(np.diag(normal)) + 1e-12
        solution = np.linalg.lstsq(normal / np.outer(size, size), right / size, rcond=1e-9)[0]
        return solution[:6] / size[:6], scale / self.level


def _plausible(motion: Motion) -> bool:
    """Whether a head in a coil can be where realignment ended up."""
    return bool(
        np.isfinite(motion.params).all()
        and np.abs(motion.params[:3]).max() < _FARTHEST_MM
        and np.abs(motion.params[3:]).max() < _FARTHEST_DEG
        and motion.residual < _WORST_RESIDUAL
    )


def _choose(
    steepness: npt.NDArray[np.floating], region: npt.NDArray[np.bool_], n_points: int
) -> tuple[npt.NDArray[np.intp], ...]:
    """Every n-th of the steeper half of a region; never the outermost voxels."""
    inner = np.zeros_like(region)
    inner[1:-1, 1:-1, 1:-1] = region[1:-1, 1:-1, 1:-1]
    if not inner.any():
        return tuple(np.zeros(0, np.intp) for _ in range(3))
    steep = np.flatnonzero(inner & (steepness > np.median(steepness[inner])))
    stride = max(1, len(steep) // n_points)
    return np.unravel_index(steep[::stride], region.shape)


def _undo(step: Matrix, centre: Matrix) -> Matrix:
    """Inverse of the small rigid motion (mm, radian), by Rodrigues' formula."""
    angle = float(np.linalg.norm(step[3:]))
    kx, ky, kz = step[3:] / angle if angle > 0 else np.zeros(3)
    cross = np.array([[0, -kz, ky], [kz, 0, -kx], [-ky, kx, 0]])
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    undone = np.eye(4)
    undone[:3, :3] = turn.T
    undone[:3, 3] = centre - turn.T @ (centre + step[:3])
    return undone
