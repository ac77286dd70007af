"""Rows that show the same do not compete: identification where stimuli come more than once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from phosphene import metrics
from phosphene.metrics import row_correlations

__all__ = ["competing", "n_way_top1", "one_each", "resampled", "same_shown", "two_way"]

Array = npt.NDArray[Any]


def same_shown(true: Array, names: Array | None = None) -> npt.NDArray[np.intp]:
    """Give what was shown a number: rows of one name, or of one truth, have one number.

    Parameters
    ----------
    true : array (n, ...)
        Finite truths. Equal ones cannot be told apart, whatever their names.
    names : array of str (n,), optional
        Of stimuli; "" where unknown.

    Returns
    -------
    array of int (n,)
    """
    truths = _codes([row.tobytes() for row in np.ascontiguousarray(true)])
    if names is None or not (names != "").any():
        return truths
    named = np.flatnonzero(names != "")
    called = _codes(names[named].tolist()) + int(truths.max()) + 1
    size = int(called.max()) + 1
    links = coo_array((np.ones(len(named)), (truths[named], called)), shape=(size, size))
    return np.asarray(connected_components(links, directed=False)[1][truths], np.intp)


def competing(shown: Array, clusters: Array) -> Array:
    """Return who competes: rows of one cluster, or all where a cluster shows one thing only."""
    alone = any(len(np.unique(shown[clusters == k])) < 2 for k in np.unique(clusters))
    return np.zeros(len(shown), np.intp) if alone else clusters


def one_each(shown: Array, groups: Array) -> npt.NDArray[np.intp]:
    """Return one row, the middle one, for each thing shown in each group."""
    keys = np.unique(groups, return_inverse=True)[1] * (int(shown.max()) + 1) + shown
    order = np.argsort(keys, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)
    return np.sort(np.array([part[len(part) // 2] for part in parts]))


def two_way(decoded: Array, true: Array, shown: Array) -> Array:
    """2-way identification of each row among rows that show something else; see `metrics`."""
    every = np.arange(len(true))
    return metrics.two_way(row_correlations(decoded, true), shown, every)


def n_way_top1(decoded: Array, true: Array, shown: Array, n_way: int) -> Array:
    """Strict n-way identification in the same way; give one row of each thing shown."""
    every = np.arange(len(true))
    return metrics.n_way(row_correlations(decoded, true), shown, every, n_way)


def resampled(names: Array | None, n: int) -> Array:
    """Return what is drawn together for an interval: repeats of a stimulus, or single rows."""
    own = np.char.add("\x00row ", np.arange(n).astype(np.str_))
    return own if names is None else np.where(names == "", own, names)


def _codes(values: list[Any]) -> npt.NDArray[np.intp]:
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.intp)
