"""Permutations of what was shown, and the false discovery rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "LEAST_UNITS",
    "benjamini_hochberg",
    "drawn_units",
    "p_values",
    "reordered",
    "unit_blocks",
]

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.intp]

LEAST_UNITS = 8
"""Units are permuted within their fold where every fold has this many, over all folds otherwise."""


def unit_blocks(runs: Array, times: Array, block_s: float) -> Rows:
    """Give rows of a run that lie within the same `block_s` seconds one number.

    Returns
    -------
    array of int (n,)
        A short last block of a run is joined to the one before it.
    """
    numbers = np.zeros(len(runs), np.intp)
    count = 0
    for name in dict.fromkeys(runs.tolist()):
        own = np.flatnonzero(runs == name)
        from_start = times[own] - times[own].min()
        whole = max(int((from_start.max() + 1e-9) // block_s), 1)
        numbers[own] = count + np.minimum((from_start // block_s).astype(int), whole - 1)
        count += whole
    return numbers


def reordered(units: Rows, folds: Rows, count: int, seed: int) -> tuple[Rows, Rows]:
    """Draw orders in which units stand in each other's place, rows within them in order.

    Parameters
    ----------
    units : array of int (n,)
        Unit (stimulus, block of time) of each held-out row.
    folds : array of int (n,)
        Fold of each row.
    count : int
        Permutations.
    seed : int
        Of the draws.

    Returns
    -------
    array of int (n,)
        Rows, unit after unit.
    array of int (count, n)
        For each permutation, which row takes the place of those.
    """
    within = folds
    if min(len(np.unique(units[folds == fold])) for fold in np.unique(folds)) < LEAST_UNITS:
        within = np.zeros_like(folds)
    rng = np.random.default_rng(seed)
    base = np.lexsort((np.arange(len(units)), units, within))
    parts = [
        [base[units[base] == unit] for unit in dict.fromkeys(units[rows].tolist())]
        for rows in (base[within[base] == fold] for fold in np.unique(within))
    ]
    orders = np.empty((count, len(units)), np.intp)
    for k in range(count):
        orders[k] = np.concatenate([
            np.concatenate([own[unit] for unit in rng.permutation(len(own))]) for own in parts
        ])  # fmt: skip
    return base, orders


def drawn_units(units: int, count: int, seed: int) -> Array:
    """Draw how often each unit counts in each bootstrap resample, (count, units)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(units, np.full(units, 1.0 / units), size=count).astype(np.float64)


def p_values(as_good: Array, permutations: int) -> Array:
    """Return (1 + count) / (1 + permutations) (Phipson & Smyth 2010)."""
    return np.asarray((1.0 + as_good) / (1.0 + permutations))


def benjamini_hochberg(p: Array) -> Array:
    """Return the smallest false discovery rate at which each p counts as a discovery.

    Benjamini & Hochberg (1995): the j-th smallest of m becomes the smallest of p m / rank over its
    own and all larger ones.
    """
    m = len(p)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * m / np.arange(1, m + 1)
    q = np.empty(m)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q
