"""From predicted and measured held-out rows of some voxels to figures, permutations and resamples.

Correlations are taken within folds: each fold's mean is taken off both sides and the products of
all folds are added. Over all rows at once the mean of the training rows, which is the lower the
higher the held-out rows are, would push voxels without a response below 0. The same holds, less,
for weights: rows held out by one fold teach the others, so that empty voxels still lean below 0 and
p of cross-validation is, if anything, too large.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

__all__ = ["Draws", "Pair", "Tally", "centred", "correlation_pair", "tally", "unique_pair"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Draws:
    """How rows are permuted and drawn; the same for all voxels and sets.

    Attributes
    ----------
    base : array of int (n,)
        Rows, unit after unit.
    orders : array of int (permutations, n)
        Rows in the place of those.
    units : array of int (n,)
        Unit of each row, 0, 1, ...
    counts : array (resamples, units)
        How often each unit is drawn.
    """

    base: Array = field(repr=False)
    orders: Array = field(repr=False)
    units: Array = field(repr=False)
    counts: Array = field(repr=False)

    def by_unit(self, values: Array) -> Array:
        """Sum rows (n, voxels) of each unit."""
        n, units = len(self.units), self.counts.shape[1]
        pick = csr_array((np.ones(n), (self.units, np.arange(n))), (units, n))
        return np.asarray(pick @ values)


@dataclass(frozen=True)
class Pair:
    """Two sides whose products are added, and what the sum means.

    The figure is ``(factor * sum(a b) - less) / scale``; permutations move the rows of b.

    Attributes
    ----------
    a, b : array (n, voxels)
    factor : float
    less_rows, scale_rows, root_rows : array (n, voxels) or None
        Rows whose sums are `less` and `scale`; with `root_rows` the scale is the root of both sums.
    """

    a: Array = field(repr=False)
    b: Array = field(repr=False)
    scale_rows: Array = field(repr=False)
    factor: float = 1.0
    less_rows: Array | None = field(default=None, repr=False)
    root_rows: Array | None = field(default=None, repr=False)

    def figure(self, products: Array, less: Array, scale: Array, root: Array | None) -> Array:
        """Make the figure of sums."""
        below = scale if root is None else np.sqrt(scale * root)
        above = self.factor * products - less
        return np.divide(above, below, out=np.zeros_like(above), where=below > 1e-12)


@dataclass(frozen=True)
class Tally:
    """Figures of some voxels.

    Attributes
    ----------
    value : array (voxels,)
    as_good : array (voxels,)
        Permutations that reach the value.
    total : array (regions,)
        Sum of the values over the voxels of each region.
    permuted : array (permutations, regions)
        Sum over the voxels of each region.
    drawn : array (resamples, regions)
        The same of resamples.
    above, above_permuted, above_drawn : array (regions,), (permutations, regions), ...
        Voxels above the threshold.
    """

    value: Array
    as_good: Array
    total: Array
    permuted: Array
    drawn: Array
    above: Array
    above_permuted: Array
    above_drawn: Array


def centred(values: Array, folds: Array) -> Array:
    """Take the mean of each fold off."""
    found = values.astype(np.float64)
    for fold in np.unique(folds):
        own = folds == fold
        found[own] -= found[own].mean(axis=0)
    return found


def correlation_pair(predicted: Array, truth: Array, folds: Array) -> Pair:
    """Correlate within folds; `truth` is what was measured, `centred` already."""
    a = centred(predicted, folds)
    return Pair(a, truth, scale_rows=a**2, root_rows=truth**2)


def unique_pair(joint: Array, other: Array, measured: Array) -> Pair:
    """Compare errors of a joint model and of one of its parts: what the other part adds.

    With d the change of the prediction and e the error of the part, the squared error falls by
    sum(2 e d - d^2). Permuted, e no longer knows what d is about.
    """
    d = joint.astype(np.float64) - other
    return Pair(d, measured - other.astype(np.float64), measured.astype(np.float64) ** 2, 2.0, d**2)


def tally(
    pairs: Mapping[str, Pair],
    draws: Draws,
    members: Array,
    threshold: float,
    told: Callable[[float], None] = lambda _: None,
) -> dict[str, Tally]:
    """Compute figures, permutations and resamples of some voxels.

    Parameters
    ----------
    pairs : mapping of str to Pair
        Sets.
    draws : Draws
    members : array (voxels, regions) of 0 and 1
    threshold : float
        See `Tally.above`.
    told : Callable
        Told the share of permutations that are done.

    Returns
    -------
    dict of str to Tally
    """
    own = {name: _Running(pair, draws, members, threshold) for name, pair in pairs.items()}
    # Sets share what was measured: it is permuted once for all of them.
    sides = {id(pair.b): pair.b.astype(np.float32) for pair in pairs.values()}
    for k, order in enumerate(draws.orders):
        moved = {key: side[order] for key, side in sides.items()}
        for name, pair in pairs.items():
            own[name].permuted(k, moved[id(pair.b)])
        told((k + 1) / len(draws.orders))
    return {name: running.done() for name, running in own.items()}


class _Running:
    """A tally while its permutations are made."""

    def __init__(self, pair: Pair, draws: Draws, members: Array, threshold: float) -> None:
        self._pair, self._draws, self._members, self._threshold = pair, draws, members, threshold
        self._a = pair.a[draws.base].astype(np.float32)
        self._less_rows = np.zeros_like(pair.a) if pair.less_rows is None else pair.less_rows
        self._less, self._scale = self._less_rows.sum(axis=0), pair.scale_rows.sum(axis=0)
        self._root = None if pair.root_rows is None else pair.root_rows.sum(axis=0)
        self._value = self._figure((pair.a * pair.b).sum(axis=0))
        self._as_good = np.zeros(len(self._value))
        shape = (len(draws.orders), members.shape[1])
        self._sums, self._above = np.empty(shape), np.empty(shape)

    def permuted(self, number: int, b: Array) -> None:
        """Take in one permutation, of which `b` are the rows in the place of the base."""
        figure = self._figure(np.einsum("ij,ij->j", self._a, b).astype(np.float64))
        self._as_good += figure >= self._value
        self._sums[number] = figure @ self._members
        self._above[number] = (figure > self._threshold) @ self._members

    def done(self) -> Tally:
        """Draw the resamples and return everything."""
        drawn = _resampled(self._pair, self._less_rows, self._draws)
        value, members, least = self._value, self._members, self._threshold
        return Tally(
            value, self._as_good, value @ members, self._sums, drawn @ members,
            (value > least) @ members, self._above, (drawn > least) @ members,
        )  # fmt: skip

    def _figure(self, products: Array) -> Array:
        return self._pair.figure(products, self._less, self._scale, self._root)


def _resampled(pair: Pair, less_rows: Array, draws: Draws) -> Array:
    """Figures of resamples of units, (resamples, voxels)."""
    sums = [draws.counts @ draws.by_unit(rows)
            for rows in (pair.a * pair.b, less_rows, pair.scale_rows)]  # fmt: skip
    root = None if pair.root_rows is None else draws.counts @ draws.by_unit(pair.root_rows)
    return pair.figure(sums[0], sums[1], sums[2], root)
