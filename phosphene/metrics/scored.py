"""A figure with what it needs beside it: chance, a shuffled control, an interval and its split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.metrics.ranks import auc

__all__ = ["Scored", "bootstrap", "interval", "scored", "scored_auc"]

Array = npt.NDArray[Any]
PERMUTATIONS = 100
RESAMPLES = 1000
MOST_COMPARISONS = 2 * 10**8


@dataclass(frozen=True)
class Scored:
    """One measured figure.

    Attributes
    ----------
    value : float
        Mean over rows (or the area under the curve).
    chance : float
        Level without information.
    shuffled : float
        Mean of the same figure over permuted truths.
    shuffled_high : float
        Their 97.5 % quantile (2.5 % where less is better).
    p : float
        Share of permutations that are as good, (1 + count) / (1 + permutations).
    low, high : float
        95 % bootstrap interval over clusters (stimuli).
    n : int
        Rows.
    rule, split : str
        How it is computed, and on what, in words.
    higher_is_better : bool
        False for errors.
    values : array (n,)
        One value for each row; empty for a figure that has none.
    control : array (n,)
        The same of the first permutation, to be drawn beside `values`.
    drawn : array (permutations,)
        The figure of each permutation.
    """

    value: float
    chance: float
    shuffled: float
    shuffled_high: float
    p: float
    low: float
    high: float
    n: int
    rule: str
    split: str
    higher_is_better: bool = True
    values: Array = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    control: Array = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    drawn: Array = field(default_factory=lambda: np.empty(0), repr=False, compare=False)

    def as_json(self) -> dict[str, Any]:
        """Return everything but the arrays."""
        names = ("value", "chance", "shuffled", "shuffled_high", "p", "low", "high", "n", "rule")
        return {name: getattr(self, name) for name in (*names, "split", "higher_is_better")}


def scored(
    values: Callable[[Array], Array],
    clusters: Array,
    *,
    chance: float | None,
    rule: str,
    split: str,
    seed: int = 0,
    within: Array | None = None,
    whole: bool = False,
    higher_is_better: bool = True,
    permutations: int | None = None,
) -> Scored:
    """Put chance, shuffled control and 95 % interval beside the mean of one value per row.

    Parameters
    ----------
    values : Callable
        Gets, for each row, the row whose truth it is compared with; returns one value per row.
    clusters : array (n,)
        Rows of one cluster (a stimulus) are drawn together for the interval.
    chance : float or None
        Level by chance; None where it has no closed form (likeness of pictures, that share a
        mean): then it is the level of the shuffled control.
    rule, split : str
        How it is computed and what it is computed on, in words.
    seed : int
        Of the permutations and resamples.
    within : array (n,), optional
        Truths are permuted within these groups only.
    whole : bool
        Whether clusters change truths as a whole, row by row: needed where neighbouring rows of a
        cluster are alike, as otherwise the control varies less than chance does.
    higher_is_better : bool
        False for errors.
    permutations : int, optional
        Default `PERMUTATIONS`, fewer for long runs.

    Returns
    -------
    Scored
    """
    rng = np.random.default_rng(seed)
    n = len(clusters)
    own = values(np.arange(n))
    # Identification compares all with all; long runs get fewer permutations of it.
    count = permutations or int(np.clip(MOST_COMPARISONS // n**2, 5, PERMUTATIONS))
    parts = _parts(clusters, within, whole)
    control = values(_permuted(rng, n, parts))
    others = (values(_permuted(rng, n, parts)) for _ in range(count - 1))
    shuffled = [_mean(control), *map(_mean, others)]
    drawn = [_mean(own[rows]) for rows in bootstrap(rng, clusters)]
    found = _score(_mean(own), chance, shuffled, drawn, own, rule, split, higher_is_better)
    return replace(found, control=control)


def scored_auc(
    scores: Array, positive: Array, clusters: Array, *, rule: str, split: str, seed: int = 0
) -> Scored:
    """Put chance, shuffled control and 95 % interval beside an area under the ROC curve."""
    rng = np.random.default_rng(seed)
    shuffled = [auc(scores, rng.permutation(positive)) for _ in range(PERMUTATIONS)]
    drawn = [auc(scores[rows], positive[rows]) for rows in bootstrap(rng, clusters)]
    none = np.full(len(scores), np.nan)
    return _score(auc(scores, positive), 0.5, shuffled, drawn, none, rule, split, True)


def bootstrap(rng: np.random.Generator, clusters: Array, resamples: int = RESAMPLES) -> list[Array]:
    """Rows of clusters that are drawn with replacement, as many clusters as there are."""
    names, codes = np.unique(clusters, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    if len(names) == len(order):
        return list(order[rng.integers(0, len(names), (resamples, len(names)))])
    return [
        np.concatenate([members[k] for k in rng.integers(0, len(names), len(names))])
        for _ in range(resamples)
    ]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % quantiles of the finite values; NaN where there are none."""
    finite = [v for v in values if np.isfinite(v)]
    if not finite:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)


def _parts(clusters: Array, within: Array | None, whole: bool) -> list[list[Array]]:
    """Return, for each group, the rows of what changes places in it: clusters, or single rows."""
    groups = np.zeros(len(clusters), np.intp) if within is None else within
    found = []
    for name in np.unique(groups):
        rows = np.flatnonzero(groups == name)
        if whole and len(np.unique(clusters[rows])) < len(rows):
            found.append([rows[clusters[rows] == one] for one in np.unique(clusters[rows])])
        else:
            found.append(list(rows[:, None]))
    return found


def _permuted(rng: np.random.Generator, n: int, parts: list[list[Array]]) -> Array:
    """Give the rows of each unit those of another; a longer one takes them again from the first."""
    order = np.arange(n)
    for units in parts:
        if all(len(unit) == 1 for unit in units):
            rows = np.concatenate(units)
            order[rows] = rng.permutation(rows)
            continue
        for unit, other in zip(units, rng.permutation(len(units)), strict=True):
            order[unit] = np.resize(units[other], len(unit))
    return order


def _mean(values: Array) -> float:
    """Mean of the finite values; NaN, without a warning, where there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _score(
    value: float,
    chance: float | None,
    shuffled: list[float],
    drawn: list[float],
    own: Array,
    rule: str,
    split: str,
    higher_is_better: bool,
) -> Scored:
    low, high = interval(drawn)
    level = _mean(np.array(shuffled))
    tails = interval(shuffled)
    sign = 1.0 if higher_is_better else -1.0
    as_good = sum(sign * s >= sign * value - 1e-12 for s in shuffled)
    return Scored(
        value=value,
        chance=level if chance is None else chance,
        shuffled=level,
        shuffled_high=tails[1] if higher_is_better else tails[0],
        p=(1 + as_good) / (1 + len(shuffled)),
        low=low,
        high=high,
        n=len(own),
        rule=rule,
        split=split,
        higher_is_better=higher_is_better,
        values=own,
        drawn=np.array(shuffled),
    )
