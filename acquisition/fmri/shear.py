"""Fast resampling under rigid motion: a small rotation is a product of four shears.

Each shear moves whole lines of voxels along one axis, so it is a one-dimensional shift with the
same weights for the whole line, which arrays do fast. The idea, and the choice of the order of axes
that keeps the shears small, follow Cox & Jesmanowicz (1999), Magnetic Resonance in Medicine
42:1014; the shift is an eighth-order Lagrange interpolation (nine neighbours).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from acquisition.fmri.lines import N_NEIGHBOURS, interpolate, shift_columns, shift_rows
from phosphene.errors import InputError, problem

__all__ = ["resample", "shears_of"]

FloatVolume = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

_LARGEST_SHEAR = 0.8
_TINY = 1e-12


@dataclass(frozen=True)
class Shear:
    """Moves coordinate `axis` by ``slope @ coordinates + offset`` (slope is 0 along the axis)."""

    axis: int
    slope: Matrix
    offset: float


def resample(data: FloatVolume, voxel_map: Matrix) -> FloatVolume:
    """Look every voxel up where the map says it is now; beyond the edge the edge is repeated.

    Parameters
    ----------
    data : array of float32 (X, Y, Z)
        Image to look up in.
    voxel_map : array (4, 4)
        Output voxel index to input voxel index; near a rotation in voxel units, determinant 1.

    Returns
    -------
    array of float32 (X, Y, Z)
        ``out[x] = data[voxel_map @ x]``.

    Raises
    ------
    InputError
        If the map rotates too far to be a head movement.
    """
    middle = (np.asarray(data.shape, np.float64) - 1) / 2
    linear = voxel_map[:3, :3]
    shift = voxel_map[:3, 3] + linear @ middle - middle
    image = np.require(data, np.float32, ("C", "A"))
    shears = shears_of(linear, shift)
    if not shears:
        return image.copy()
    spare = [np.empty_like(image) for _ in shears[:2]]  # one is read, the other written
    for n, shear in enumerate(shears):
        out = spare[n % 2]
        _shift(image, shear.axis, _amount(shear, data.shape, middle), out)
        image = out
    return image


def _amount(shear: Shear, shape: tuple[int, ...], middle: Matrix) -> Matrix:
    """How far each line moves, with 1 along the axis."""
    amount = np.full((1, 1, 1), shear.offset)
    for axis in range(3):
        if shear.slope[axis] != 0.0:
            line = shear.slope[axis] * (np.arange(shape[axis]) - middle[axis])
            amount = amount + line.reshape([-1 if a == axis else 1 for a in range(3)])
    return amount


def shears_of(linear: Matrix, shift: Matrix) -> list[Shear]:
    """Factor ``x -> linear @ x + shift`` into shears, in the order they are applied to an image.

    With axes renamed so that the first is 0: ``linear = S0 S1 S2 S0'``. Of the six ways to name the
    axes the one with the smallest shears is taken.

    Raises
    ------
    InputError
        If no order gives shears below 0.8.
    """
    best: tuple[float, tuple[int, ...], Matrix] | None = None
    for order in permutations(range(3)):
        slopes = _slopes(linear[np.ix_(order, order)])
        size = float(np.abs(slopes).max())
        if best is None or size < best[0]:
            best = (size, order, slopes)
    if best is None or not best[0] < _LARGEST_SHEAR:
        raise InputError(
            problem("voxel_map", linear.round(3).tolist(), "a rotation of less than 30 degrees",
                    "Reposition the person or take a new reference volume.")
        )  # fmt: skip
    _, order, ((a1, a2), (b0, b2), (c0, c1), (d1, d2)) = best
    t0, t1, t2 = shift[list(order)]
    t1 -= b2 * t2
    t0 -= a1 * t1 + (a2 + b2 * a1) * t2
    steps = [
        (0, (0.0, a1, a2), t0),
        (1, (b0, 0.0, b2), t1),
        (2, (c0, c1, 0.0), t2),
        (0, (0.0, d1, d2), 0.0),
    ]
    shears = []
    for axis, slope, offset in steps:
        if any(slope) or offset:
            full = np.zeros(3)
            full[list(order)] = slope
            shears.append(Shear(order[axis], full, float(offset)))
    return shears


def _slopes(m: Matrix) -> Matrix:
    """Solve ``m = S0(a) S1(b) S2(c) S0(d)`` row by row, from the last; (4, 2)."""
    c0 = m[2, 0]
    d2 = _ratio(m[2, 2] - 1.0, c0)
    b2 = m[1, 2] - m[1, 0] * d2
    b0 = m[1, 0] - b2 * c0
    d1 = _ratio(m[1, 1] - 1.0 - b2 * m[2, 1], b0)
    c1 = m[2, 1] - c0 * d1
    # row 0: m0 - a1 m1 - a2 m2 = (1, d1, d2)
    rest = m[0] - np.array([1.0, d1, d2])
    (a1, a2), *_ = np.linalg.lstsq(m[1:].T, rest, rcond=None)
    return np.array([[a1, a2], [b0, b2], [c0, c1], [d1, d2]])


def _ratio(top: float, bottom: float) -> float:
    """Divide, with 0/0 = 0: no rotation needs no shear."""
    if abs(bottom) >= _TINY:
        return top / bottom
    # Next to nothing counts as nothing; a huge slope makes another order of axes win.
    return 0.0 if abs(top) < _TINY else top / _TINY


def _shift(image: FloatVolume, axis: int, amount: Matrix, out: FloatVolume) -> None:
    n_x, n_y, n_z = image.shape
    lines = [1 if a == axis else n for a, n in enumerate(image.shape)]
    flat = np.broadcast_to(amount, lines).astype(np.float64).reshape(-1)
    whole, weights = np.empty(flat.size, np.int64), np.empty((N_NEIGHBOURS, flat.size), np.float32)
    interpolate(flat, whole, weights)
    if axis == 2:
        shape: tuple[int, ...] = (n_x * n_y, n_z)
        shift_rows(image.reshape(shape), whole, weights, out.reshape(shape))
        return
    shape = (1, n_x, n_y * n_z) if axis == 0 else (n_x, n_y, n_z)
    per = (shape[0], shape[2])
    shift_columns(
        image.reshape(shape), whole.reshape(per), weights.reshape(-1, *per), out.reshape(shape)
    )
