"""Kernels of realignment: look a smooth image up anywhere, and sum the normal equations.

The image is the sum of cubic B-splines whose coefficients are the (slightly blurred) voxels
themselves. Leaving the usual prefilter out makes the sum a smoothed picture, of the same smoothness
everywhere: between voxels as on them. An interpolating spline would be sharper on voxels than
between them, which pulls estimates of motion towards whole voxels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.fmri.jit import kernel

__all__ = ["VARIANCE", "at_voxels", "look_up", "normal_equations"]

FloatArray = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

VARIANCE = 1.0 / 3.0
"""Of the cubic B-spline, in squared voxels: what it adds to a blur."""


def at_voxels(padded: FloatArray) -> tuple[FloatArray, tuple[FloatArray, ...]]:
    """Value and gradient of the spline on the voxels themselves.

    Parameters
    ----------
    padded : array of float32 (X + 3, Y + 3, Z + 3)
        Coefficients, with one voxel before and two behind along each axis.

    Returns
    -------
    value : array of float32 (X, Y, Z)
    gradient : three arrays of float32 (X, Y, Z)
        Along each axis, per voxel.
    """
    flat_x, steep_x = _value(padded, 0), _slope(padded, 0)
    flat_xy = _value(flat_x, 1)
    along = (_value(steep_x, 1), _slope(flat_x, 1))
    return _value(flat_xy, 2), (*(_value(a, 2) for a in along), _slope(flat_xy, 2))


def _value(wide: FloatArray, axis: int) -> FloatArray:
    before, here, behind = _neighbours(wide, axis)
    return (before + np.float32(4.0) * here + behind) * np.float32(1.0 / 6.0)


def _slope(wide: FloatArray, axis: int) -> FloatArray:
    before, _, behind = _neighbours(wide, axis)
    return (behind - before) * np.float32(0.5)


def _neighbours(wide: FloatArray, axis: int) -> list[FloatArray]:
    n = wide.shape[axis] - 3
    return [wide[(slice(None),) * axis + (slice(k, k + n),)] for k in range(3)]


@kernel("float32[3]", "float64[2]", "float64[2]", "float32[1]!")
def look_up(padded: FloatArray, voxel_map: Matrix, points: Matrix, out: FloatArray) -> None:
    """Value of the spline where the map takes each point; NaN outside the image.

    Parameters
    ----------
    padded : array of float32 (X + 3, Y + 3, Z + 3)
        Coefficients, with one voxel before and two behind along each axis.
    voxel_map : array of float64 (3 or 4, 4)
        Takes points to voxel indices.
    points : array of float64 (N, 3)
        Where to look.
    out : array of float32 (N,)
        Values.
    """
    nx, ny, nz = padded.shape
    row, plane = nz, ny * nz
    flat = padded.reshape(-1)
    one, sixth, half = np.float32(1.0), np.float32(1.0 / 6.0), np.float32(0.5)
    two_thirds = np.float32(2.0 / 3.0)
    next_1, next_2, next_3 = np.uintp(1), np.uintp(2), np.uintp(3)
    for n in range(points.shape[0]):
        px, py, pz = points[n, 0], points[n, 1], points[n, 2]
        x = voxel_map[0, 0] * px + voxel_map[0, 1] * py + voxel_map[0, 2] * pz + voxel_map[0, 3]
        y = voxel_map[1, 0] * px + voxel_map[1, 1] * py + voxel_map[1, 2] * pz + voxel_map[1, 3]
        z = voxel_map[2, 0] * px + voxel_map[2, 1] * py + voxel_map[2, 2] * pz + voxel_map[2, 3]
        inside = x >= 0.0 and y >= 0.0 and z >= 0.0
        inside = inside and x <= nx - 4.0 and y <= ny - 4.0 and z <= nz - 4.0
        if not inside:
            out[n] = np.nan
            continue
        i, j, k = int(x), int(y), int(z)
        fx, fy, fz = np.float32(x - i), np.float32(y - j), np.float32(z - k)
        gx, gy, gz = one - fx, one - fy, one - fz
        x0, x3 = gx * gx * gx * sixth, fx * fx * fx * sixth
        y0, y3 = gy * gy * gy * sixth, fy * fy * fy * sixth
        z0, z3 = gz * gz * gz * sixth, fz * fz * fz * sixth
        x1, y1 = two_thirds - fx * fx * (one - half * fx), two_thirds - fy * fy * (one - half * fy)
        z1 = two_thirds - fz * fz * (one - half * fz)
        x2, y2, z2 = one - x0 - x1 - x3, one - y0 - y1 - y3, one - z0 - z1 - z3
        a0 = a1 = a2 = a3 = np.float32(0.0)
        base = i * plane + j * row + k
        for a in range(4):
            wx = x0 if a == 0 else (x1 if a == 1 else (x2 if a == 2 else x3))
            for b in range(4):
                wy = y0 if b == 0 else (y1 if b == 1 else (y2 if b == 2 else y3))
                w = wx * wy
                at = np.uintp(base + a * plane + b * row)  # unsigned: no wrapping of indices
                a0 += w * flat[at]
                a1 += w * flat[at + next_1]
                a2 += w * flat[at + next_2]
                a3 += w * flat[at + next_3]
        out[n] = z0 * a0 + z1 * a1 + z2 * a2 + z3 * a3


@kernel("float32[2]", "float32[1]", "float64", "float64", "float64[2]!", "float64[1]!")
def normal_equations(
    design: FloatArray,
    residual: FloatArray,
    shift: float,
    cut: float,
    normal: Matrix,
    right: Matrix,
) -> None:
    """Sum the normal equations with Tukey's biweight; NaN residuals count for nothing.

    Parameters
    ----------
    design : array of float32 (N, 8)
        What each parameter changes at each point.
    residual : array of float32 (N,)
        What is left there.
    shift, cut : float
        The weight is ``(1 - u**2)**2`` for ``u = (residual - shift) / cut`` below 1, else 0.
    normal : array of float64 (8, 8)
        Becomes the weighted ``design.T @ design``.
    right : array of float64 (8,)
        Becomes the weighted ``design.T @ (residual - shift)``.
    """
    normal[:] = 0.0
    right[:] = 0.0
    for n in range(design.shape[0]):
        left = residual[n] - shift
        u = left / cut
        below = 1.0 - u * u
        if below > 0.0:  # not so for NaN
            for a in range(8):
                weighted = below * below * design[n, a]
                right[a] += weighted * left
                for b in range(8):
                    normal[a, b] += weighted * design[n, b]
