"""Kernel that smooths a volume, one axis after the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.fmri.jit import kernel

__all__ = ["FWHM_PER_SIGMA", "blur", "gaussian_half"]

FloatVolume = npt.NDArray[np.float32]

FWHM_PER_SIGMA = 2.354820045


def gaussian_half(sigma: float, truncate: float = 4.0) -> FloatVolume:
    """Half of a sampled Gaussian of sum 1, from its middle on; sigma in voxels."""
    radius = int(truncate * sigma + 0.5)
    steps = np.arange(radius + 1) / max(sigma, 1e-6)
    weights = np.exp(-0.5 * steps**2)
    weights /= weights[0] + 2.0 * weights[1:].sum()
    return weights.astype(np.float32)


@kernel(*["float32[3]", *["float32[1]"] * 3, "float32[3]!", "float32[3]!", "int64"])
def blur(
    data: FloatVolume,
    wx: FloatVolume,
    wy: FloatVolume,
    wz: FloatVolume,
    work: FloatVolume,
    out: FloatVolume,
    before: int,
) -> None:
    """Convolve with symmetric weights along each axis, mirrored at the faces.

    Parameters
    ----------
    data : array (X, Y, Z)
        Image.
    wx, wy, wz : array
        Weights along each axis, from the middle on.
    work : array (X, Y, Z)
        Is overwritten.
    out : array
        Result, with `before` (0 or 1) voxels that repeat the face before each axis and, when that
        is 1, two behind it.
    before : int
        See `out`.
    """
    nx, ny, nz = data.shape
    rx, ry, rz = wx.size - 1, wy.size - 1, wz.size - 1
    plane = np.empty((ny, nz), np.float32)
    line = np.empty(nz + 2 * rz, np.float32)
    for i in range(nx):
        for j in range(ny):
            source, to = data[i, j], plane[j]
            for k in range(nz):
                line[rz + k] = source[k]
            for k in range(rz):
                line[rz - 1 - k] = source[min(k, nz - 1)]
                line[rz + nz + k] = source[max(nz - 1 - k, 0)]
            middle = line[rz:]
            for k in range(nz):
                to[k] = wz[0] * middle[k]
            for t in range(1, rz + 1):
                w, one, two = wz[t], line[rz - t :], line[rz + t :]
                for k in range(nz):
                    to[k] += w * (one[k] + two[k])
        for j in range(ny):
            source, to = plane[j], work[i, j]
            for k in range(nz):
                to[k] = wy[0] * source[k]
            for t in range(1, ry + 1):
                w = wy[t]
                one = plane[j - t if j >= t else min(t - j - 1, ny - 1)]
                two = plane[j + t if j + t < ny else max(2 * ny - 1 - j - t, 0)]
                for k in range(nz):
                    to[k] += w * (one[k] + two[k])
    for i in range(nx):
        for j in range(ny):
            source, to = work[i, j], out[i + before, j + before, before:]
            for k in range(nz):
                to[k] = wx[0] * source[k]
            for t in range(1, rx + 1):
                w = wx[t]
                one = work[i - t if i >= t else min(t - i - 1, nx - 1), j]
                two = work[i + t if i + t < nx else max(2 * nx - 1 - i - t, 0), j]
                for k in range(nz):
                    to[k] += w * (one[k] + two[k])
    if before == 1:
        for i in range(1, nx + 1):
            for j in range(1, ny + 1):
                out[i, j, 0] = out[i, j, 1]
                out[i, j, nz + 1] = out[i, j, nz + 2] = out[i, j, nz]
            for k in range(nz + 3):
                out[i, 0, k] = out[i, 1, k]
                out[i, ny + 1, k] = out[i, ny + 2, k] = out[i, ny, k]
        for j in range(ny + 3):
            for k in range(nz + 3):
                out[0, j, k] = out[1, j, k]
                out[nx + 1, j, k] = out[nx + 2, j, k] = out[nx, j, k]
