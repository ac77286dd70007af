"""Fast resampling under rigid motion: a small rotation is a product of four shears.

Each shear moves whole lines of voxels along one axis, so it is a one-dimensional shift with the
same weights for the whole line, which arrays do fast. The idea, and the choice of the order of axes
that keeps the shears small, follow Cox & Jesmanowicz (1999), Magnetic Resonance in Medicine
42:1014; the shift is a seventh-order Lagrange interpolation (eight neighbours).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, problem

__all__ = ["resample", "shears_of", "shift_lines"]

FloatVolume = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

_HALF = 4
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
    out = data.copy()
    for shear in shears_of(linear, shift):
        amount = np.full((1, 1, 1), shear.offset)
        for axis in range(3):
            if shear.slope[axis] != 0.0:
                line = shear.slope[axis] * (np.arange(data.shape[axis]) - middle[axis])
                amount = amount + line.reshape([-1 if a == axis else 1 for a in range(3)])
        out = shift_lines(out, shear.axis, amount)
    return out


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


def shift_lines(data: FloatVolume, axis: int, amount: Matrix) -> FloatVolume:
    """Shift every line along an axis by its own amount.

    Parameters
    ----------
    data : array of float32 (X, Y, Z)
        Image.
    axis : int
        Axis along which the lines run.
    amount : array
        Voxels to look ahead; broadcasts to `data`'s shape with 1 along `axis`.

    Returns
    -------
    array of float32 (X, Y, Z)
        ``out[i] = data[i + amount]`` along the axis.
    """
    whole = np.floor(amount)
    weights = _lagrange_weights(amount - whole)
    low, high = int(whole.min()) - _HALF + 1, int(whole.max()) + _HALF
    pad = [(0, 0)] * 3
    pad[axis] = (max(-low, 0), max(high, 0))
    padded = np.pad(data, pad, mode="edge")
    n, start = data.shape[axis], pad[axis][0]
    out, term = np.zeros_like(data), np.empty_like(data)
    for step in range(low, high + 1):
        weight = np.zeros(amount.shape, np.float32)
        for tap in range(2 * _HALF):
            weight += np.where(whole + tap - _HALF + 1 == step, weights[tap], 0.0)
        window = [slice(None)] * 3
        window[axis] = slice(start + step, start + step + n)
        np.multiply(padded[tuple(window)], weight, out=term)
        out += term
    return out


def _lagrange_weights(fraction: Matrix) -> npt.NDArray[np.float32]:
    """Weights of the eight neighbours at -3 ... 4, for positions in [0, 1), (8, ...)."""
    nodes = range(-_HALF + 1, _HALF + 1)
    weights = np.ones((2 * _HALF, *fraction.shape))
    for k, node in enumerate(nodes):
        for other in nodes:
            if other != node:
                weights[k] *= (fraction - other) / (node - other)
    return weights.astype(np.float32)
