"""Spatial smoothing by a Gaussian given in millimetres."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.fmri.blur import FWHM_PER_SIGMA, blur, gaussian_half
from phosphene.errors import ConfigError, problem

__all__ = ["Smoother"]

FloatVolume = npt.NDArray[np.float32]


class Smoother:
    """Smooths volumes of one grid.

    Parameters
    ----------
    fwhm_mm : float
        Full width at half maximum in millimetres; 0 leaves volumes as they are.
    voxel_mm : tuple of float
        Length of the three voxel edges in millimetres.
    shape : tuple of int
        Voxels along each axis; an axis of one voxel is not smoothed.
    """

    def __init__(
        self, fwhm_mm: float, voxel_mm: tuple[float, float, float], shape: tuple[int, ...]
    ) -> None:
        if not 0 <= fwhm_mm <= 20:
            raise ConfigError(problem("smooth_mm", fwhm_mm, "0 to 20 mm", "Correct it."))
        sigma = [
            0.0 if n == 1 else fwhm_mm / FWHM_PER_SIGMA / mm
            for n, mm in zip(shape, voxel_mm, strict=True)
        ]
        self._active = any(sigma)
        self._halves = [gaussian_half(s) for s in sigma]
        self._work = np.empty(shape, np.float32)

    def __call__(self, data: FloatVolume) -> FloatVolume:
        """Return the smoothed volume, (X, Y, Z) float32; the given one stays as it is."""
        if not self._active:
            return data
        image = np.require(data, np.float32, ("C", "A"))
        out = np.empty_like(image)
        wx, wy, wz = self._halves
        blur(image, wx, wy, wz, self._work, out, 0)
        return out
