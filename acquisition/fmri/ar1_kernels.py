"""Inner loops of `acquisition.fmri.ar1`, compiled: one pass over the voxels each, no temporaries.

Arrays with the data are (voxels, columns), so that the columns of a voxel lie side by side.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.fmri.jit import kernel

__all__ = ["FLAT", "accumulate", "close", "correlations", "estimate"]

Array = npt.NDArray[np.float64]

FLAT = 1e-12
"""Sums of squares below this part of the total are rounding errors: the voxel never varies."""


@kernel(
    "float64[2]!",
    "float64[2]!",
    "float64[2]!",
    "float64[1]",
    "float64[1]",
    "float64[1]",
    "float64[1]",
    "float64[1]!",
)
def accumulate(
    xy: Array, lagged: Array, squares: Array, x: Array, y: Array, first: Array,
    x_old: Array, y_old: Array,
) -> None:  # fmt: skip
    """Add one row to all sums; `y_old` becomes this row."""
    p = len(x)
    for v in range(len(y)):
        new = y[v] - first[v]
        old = y_old[v]
        for j in range(p):
            xy[v, j] += new * x[j]
            lagged[v, j] += old * x[j] + new * x_old[j]
        squares[v, 0] += new * new
        squares[v, 1] += new * old
        y_old[v] = new


@kernel("float64[2]!", "float64[2]!", "float64[1]", "float64[1]")
def close(ended: Array, squares: Array, x: Array, y: Array) -> None:
    """Note the row before a break: it has no next neighbour."""
    for v in range(len(y)):
        for j in range(len(x)):
            ended[v, j] += y[v] * x[j]
        squares[v, 2] += y[v] * y[v]


@kernel(
    "float64[2]", "float64[2]", "float64[2]", "float64[2]", "float64[2]", "float64", "float64[1]!"
)
def correlations(
    xy: Array, lagged: Array, squares: Array, inverse: Array, lag: Array, ratio: float, rho: Array
) -> None:
    """Write the lag-one correlation of the least squares residuals into `rho` (voxels,)."""
    n, p = xy.shape
    rho[:] = 0.0
    beta, turned = np.empty(p), np.empty(p)
    for v in range(n):
        beta[:] = 0.0
        for j in range(p):
            b = xy[v, j]
            for i in range(p):
                beta[i] += inverse[j, i] * b
        turned[:] = 0.0
        for j in range(p):
            b = beta[j]
            for i in range(p):
                turned[i] += lag[j, i] * b
        same, next_ = squares[v, 0], squares[v, 1]
        for j in range(p):
            same -= xy[v, j] * beta[j]
            next_ += (turned[j] - lagged[v, j]) * beta[j]
        if same > FLAT * squares[v, 0]:
            rho[v] = ratio * next_ / same


@kernel(
    "float64[2]",
    "float64[2]",
    "float64[2]",
    "float64[2]",
    "float64[1]",
    "float64[1]",
    "float64[1]",
    "int64[1]",
    "float64[3]",
    "float64[3]",
    "float64[2]!",
    "float64[1]!",
)
def estimate(
    xy: Array, lagged: Array, ended: Array, squares: Array, x: Array, y: Array,
    rhos: Array, which: npt.NDArray[np.int64], inverses: Array, gains: Array,
    effect: Array, left: Array,
) -> None:  # fmt: skip
    """Write contrasts (contrasts, voxels) and residual sum of squares (voxels,), whitened."""
    n, p = xy.shape
    m = gains.shape[1]
    left[:] = 0.0
    b, beta = np.empty(p), np.empty(p)
    for v in range(n):
        k = which[v]
        r = rhos[k]
        for j in range(p):
            before = xy[v, j] - ended[v, j] - x[j] * y[v]
            b[j] = xy[v, j] - r * lagged[v, j] + r * r * before
        beta[:] = 0.0
        for j in range(p):
            bj = b[j]
            for i in range(p):
                beta[i] += inverses[k, j, i] * bj
        before_square = squares[v, 0] - squares[v, 2] - y[v] * y[v]
        total = squares[v, 0] - 2.0 * r * squares[v, 1] + r * r * before_square
        rest = total
        for j in range(p):
            rest -= b[j] * beta[j]
        if rest > FLAT * total:
            left[v] = rest
        for c in range(m):
            value = 0.0
            for j in range(p):
                value += gains[k, c, j] * b[j]
            effect[c, v] = value
