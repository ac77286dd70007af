"""Kernels that shift lines of voxels by a fraction of a voxel.

Interpolation is Lagrange's of eighth order, from the nine nearest voxels of the line; beyond the
ends the end voxels are repeated.
"""

# Rows are taken as slices before the innermost loops: an index that might be negative keeps numba
# from using vector instructions, which is five times slower.
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.fmri.jit import kernel

__all__ = ["N_NEIGHBOURS", "interpolate", "shift_columns", "shift_rows"]

Floats = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]

N_NEIGHBOURS = 9


@kernel("float64[1]", "int64[1]!", "float32[2]!")
def interpolate(amount: npt.NDArray[np.float64], whole: Whole, weights: Floats) -> None:
    """Split amounts into whole voxels and the weights of the neighbours at -4 ... 4, (9, N)."""
    for c in range(amount.size):
        nearest = np.floor(amount[c] + 0.5)
        whole[c] = int(nearest)
        f = amount[c] - nearest
        # Distances to the nodes -4 ... 4. A node's weight is the product of the distances to the
        # others, over the same product taken at the node.
        d0, d1, d2, d3 = f + 4.0, f + 3.0, f + 2.0, f + 1.0
        d5, d6, d7, d8 = f - 1.0, f - 2.0, f - 3.0, f - 4.0
        left, right = d0 * d1 * d2 * d3, d5 * d6 * d7 * d8
        weights[0, c] = d1 * d2 * d3 * f * right * (1.0 / 40320.0)
        weights[1, c] = d0 * d2 * d3 * f * right * (-1.0 / 5040.0)
        weights[2, c] = d0 * d1 * d3 * f * right * (1.0 / 1440.0)
        weights[3, c] = d0 * d1 * d2 * f * right * (-1.0 / 720.0)
        weights[4, c] = left * right * (1.0 / 576.0)
        weights[5, c] = left * f * d6 * d7 * d8 * (-1.0 / 720.0)
        weights[6, c] = left * f * d5 * d7 * d8 * (1.0 / 1440.0)
        weights[7, c] = left * f * d5 * d6 * d8 * (-1.0 / 5040.0)
        weights[8, c] = left * f * d5 * d6 * d7 * (1.0 / 40320.0)


@kernel("float32[3]", "int64[2]", "float32[3]", "float32[3]!")
def shift_columns(data: Floats, whole: Whole, weights: Floats, out: Floats) -> None:
    """Look ahead along the middle axis: ``out[o, i, c] = data[o, i + amount[o, c], c]``."""
    n_outer, n, n_inner = data.shape
    for o in range(n_outer):
        begin = 0
        while begin < n_inner:  # columns that move by the same whole number of voxels
            first = whole[o, begin] - 4
            end = begin + 1
            while end < n_inner and end < begin + 256 and whole[o, end] - 4 == first:
                end += 1
            for i in range(n):
                to = out[o, i, begin:end]
                # three neighbours at a time: more would keep the loop from being vectorised
                for t in range(0, 9, 3):
                    at = i + first + t
                    one = data[o, min(max(at, 0), n - 1), begin:end]
                    two = data[o, min(max(at + 1, 0), n - 1), begin:end]
                    three = data[o, min(max(at + 2, 0), n - 1), begin:end]
                    w1, w2 = weights[t, o, begin:end], weights[t + 1, o, begin:end]
                    w3 = weights[t + 2, o, begin:end]
                    if t == 0:
                        for c in range(to.size):
                            to[c] = w1[c] * one[c] + w2[c] * two[c] + w3[c] * three[c]
                    else:
                        for c in range(to.size):
                            to[c] += w1[c] * one[c] + w2[c] * two[c] + w3[c] * three[c]
            begin = end


@kernel("float32[2]", "int64[1]", "float32[2]", "float32[2]!")
def shift_rows(data: Floats, whole: Whole, weights: Floats, out: Floats) -> None:
    """Look ahead along the last axis: ``out[r, i] = data[r, i + amount[r]]``."""
    n_rows, n = data.shape
    line = np.empty(n + 8, np.float32)
    for r in range(n_rows):
        source, to = data[r], out[r]
        first = whole[r] - 4
        begin = min(max(-first, 0), n + 8)
        end = max(min(n - first, n + 8), begin)
        for i in range(begin):
            line[i] = source[0]
        here, there = line[begin:end], source[begin + first : end + first]
        for i in range(here.size):
            here[i] = there[i]
        behind = line[end:]
        for i in range(behind.size):
            behind[i] = source[n - 1]
        l1, l2, l3, l4 = line[1:], line[2:], line[3:], line[4:]
        l5, l6, l7, l8 = line[5:], line[6:], line[7:], line[8:]
        w0, w1, w2, w3 = weights[0, r], weights[1, r], weights[2, r], weights[3, r]
        w4, w5, w6, w7 = weights[4, r], weights[5, r], weights[6, r], weights[7, r]
        w8 = weights[8, r]
        for i in range(n):
            near = w3 * l3[i] + w4 * l4[i] + w5 * l5[i]
            far = w0 * line[i] + w1 * l1[i] + w2 * l2[i]
            to[i] = far + near + (w6 * l6[i] + w7 * l7[i] + w8 * l8[i])
