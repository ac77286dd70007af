"""Rigid realignment to a reference volume, fast enough for every volume of a live run.

Inverse-compositional Gauss-Newton (Baker & Matthews 2004, Int. J. Comput. Vis. 56:221-255): the
gradient is that of the reference and is computed once; each iteration looks up the new volume at
10,000 points of the reference, where it moved to by the present estimate (see `level.Level`).
Tukey's biweight keeps activation, eyes and artefacts from pulling the head. A volume that is far
away, or not found, is searched for from coarse to fine.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from acquisition.fmri.level import Level
from acquisition.fmri.rigid import centre_of, params_of
from acquisition.fmri.shear import resample
from phosphene.errors import ConfigError, InputError, check_all, problem

__all__ = ["Motion", "RealignConfig", "Realigner", "can_realign"]

FloatVolume = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

MIN_SLICES = 8
_SEARCH_FWHM_MM = (20.0, 10.0)
_N_SEARCH_POINTS = 4000
_SAME_IMAGE = 1e-4
_FORGET = 0.1
_FARTHEST_MM = 50.0
_FARTHEST_DEG = 25.0
_WORST_RESIDUAL = 0.3


@dataclass(frozen=True)
class RealignConfig:
    """Settings of `Realigner`.

    Attributes
    ----------
    n_points : int
        Points of the reference to compare at most.
    fwhm_mm : float
        Smoothing before comparison, full width at half maximum in millimetres; about two voxels
        where that is more.
    max_iterations : int
        Iterations per volume at most.
    tolerance_mm : float
        Stop when a step moves no point of a 65 mm ball by more than this, in millimetres.
    lost_ratio : float
        A residual this many times the usual one so far starts a coarse search.
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
            Level(reference, affine, region, self._centre, fwhm, n_points)
            for fwhm, n_points in (
                *((fwhm, _N_SEARCH_POINTS) for fwhm in _SEARCH_FWHM_MM),
                (fine, self._config.n_points),
            )
        ]
        self._last = np.eye(4)
        self._usual_residual = np.inf

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
        image = np.require(data, np.float32, ("C", "A"))
        self._levels[-1].prepare(image)
        motion = self._refine(self._levels[-1], to_voxel, self._last)
        lost = motion.residual > self._config.lost_ratio * self._usual_residual
        if lost or not motion.converged or not np.isfinite(self._usual_residual):
            searched = self._search(image, to_voxel)
            motion = min(motion, searched, key=lambda m: m.residual)
        if not _plausible(motion):
            params = params_of(self._last, self._centre)
            return replace(motion, params=params, matrix=self._last, converged=False, lost=True)
        self._last = motion.matrix
        if motion.residual > _SAME_IMAGE:  # the reference itself says nothing about noise
            self._usual_residual = _follow(self._usual_residual, motion.residual)
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

    def _search(self, image: FloatVolume, to_voxel: Matrix) -> Motion:
        """Coarse to fine from the reference position; the finest level is prepared already."""
        matrix = np.eye(4)
        for level in self._levels[:-1]:
            level.prepare(image)
            matrix = self._refine(level, to_voxel, matrix).matrix
        return self._refine(self._levels[-1], to_voxel, matrix)

    def _refine(self, level: Level, to_voxel: Matrix, start: Matrix) -> Motion:
        matrix, scale, converged, iterations = start, np.inf, False, 0
        while not converged and iterations < self._config.max_iterations:
            iterations += 1
            step, scale = level.step(to_voxel @ matrix)
            matrix = matrix @ _undo(step, self._centre)
            # mean displacement in a 65 mm ball: translation plus rotation at its edge
            moved_mm = np.linalg.norm(step[:3]) + 65.0 * np.linalg.norm(step[3:])
            converged = bool(moved_mm < self._config.tolerance_mm)
        return Motion(params_of(matrix, self._centre), matrix, scale, iterations, converged)


def _follow(usual: float, new: float) -> float:
    """Follow with a running mean: brightness drifts in the scanner, and the residual with it."""
    return new if not np.isfinite(usual) else usual + _FORGET * (new - usual)


def _plausible(motion: Motion) -> bool:
    """Whether a head in a coil can be where realignment ended up."""
    return bool(
        np.isfinite(motion.params).all()
        and np.abs(motion.params[:3]).max() < _FARTHEST_MM
        and np.abs(motion.params[3:]).max() < _FARTHEST_DEG
        and motion.residual < _WORST_RESIDUAL
    )


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
