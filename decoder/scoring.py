"""Puts chance, a shuffled control and a 95 % interval beside every figure.

Neighbouring volumes are alike, so intervals resample whole clusters (runs, or blocks) where these
are given, and the shuffled control is the same metric on truth that was permuted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.metrics import auc
from decoder.repeats import competing, n_way_top1, one_each, same_shown, two_way
from phosphene.manifest import Score
from phosphene.metrics import bootstrap, interval

__all__ = ["score_auc", "score_identified", "score_items"]

Array = npt.NDArray[Any]
_WAYS = 10
_RESAMPLES = 1000
_LEAST_PERMUTATIONS = 40


def score_items(
    name: str,
    metric: Callable[..., Array],
    decoded: Array,
    true: Array,
    *,
    chance: float,
    split: str,
    seed: int,
    clusters: Array | None = None,
    within: bool = False,
    shown: Array | None = None,
    permutations: int = 10,
) -> Score:
    """Score a metric that gives one value per item.

    Parameters
    ----------
    name : str
        Of the metric.
    metric : Callable
        (decoded, true) -> (n,), or (decoded, true, shown) where that is given.
    decoded, true : array (n, ...)
        Held-out items.
    chance : float
        Its level by chance.
    split : str
        How the items were held out, in words.
    seed : int
        Of permutations and bootstrap.
    clusters : array (n,), optional
        Items of one cluster are resampled together.
    within : bool
        Whether items compete (and are permuted) within their cluster only. Identification needs
        this where each cluster was left out in turn: the truth of other clusters was in the
        training data, so an empty decoder would lie nearer to it and fall below chance.
    shown : array of int (n,), optional
        What each truth shows; the metric gets it in the order of the truths.
    permutations : int
        Over which the shuffled control is averaged.

    Returns
    -------
    Score
    """
    rng = np.random.default_rng(seed)
    parts = [np.arange(len(true))]
    if within and clusters is not None:
        parts = [np.flatnonzero(clusters == name) for name in np.unique(clusters)]

    def measure(order: Sequence[Array]) -> Array:
        found = np.empty(len(true))
        for part, own in zip(parts, order, strict=True):
            more = () if shown is None else (shown[own],)
            found[part] = metric(decoded[part], true[own], *more)
        return found

    values = measure(parts)
    shuffled = [
        float(measure([rng.permutation(part) for part in parts]).mean())
        for _ in range(permutations)
    ]
    units = np.arange(len(values)) if clusters is None else clusters
    low, high = interval([values[rows].mean() for rows in bootstrap(rng, units)])
    return Score(
        name=name,
        value=float(values.mean()),
        chance=chance,
        shuffled=float(np.mean(shuffled)),
        shuffled_high=_high(shuffled),
        low=low,
        high=high,
        n=len(values),
        split=split,
    )


def score_identified(
    name: str,
    decoded: Array,
    true: Array,
    names: Array | None,
    *,
    clusters: Array,
    within: bool,
    split: str,
    seed: int,
    permutations: int = 10,
) -> list[Score]:
    """Score how well decoded vectors find their own truth among those of other stimuli.

    Parameters
    ----------
    name : str
        Of the head: z or c.
    decoded, true : array (n, k)
        Held-out rows; those whose truth is not finite are left out.
    names : array of str (n,), optional
        Of stimuli; repeats do not compete.
    clusters : array (n,)
        Rows of one cluster are resampled together.
    within : bool
        Whether rows compete within their cluster only, see `score_items`; all do where a cluster
        shows one thing only.
    split, seed, permutations
        As for `score_items`.

    Returns
    -------
    list of Score
        ``two_way``, and ``10_way`` of one row for each stimulus, where there are that many.
    """
    known = np.asarray(np.isfinite(true).all(axis=1))
    decoded, true, clusters = decoded[known], true[known], clusters[known]
    if not len(true):
        return []
    shown = same_shown(true, None if names is None else names[known])
    groups = competing(shown, clusters) if within else np.zeros(len(shown), np.intp)
    pool = min(len(np.unique(shown[groups == g])) for g in np.unique(groups))
    ways: dict[str, tuple[Callable[..., Array], float, Array, int]] = {
        "two_way": (two_way, 0.5, np.arange(len(shown)), 2),
        f"{_WAYS}_way": (
            partial(n_way_top1, n_way=_WAYS), 1 / _WAYS, one_each(shown, groups), _WAYS,
        ),
    }  # fmt: skip
    return [
        score_items(
            f"{name}_{way}", metric, decoded[own], true[own], chance=chance,
            clusters=clusters[own], within=groups is clusters, shown=shown[own],
            permutations=permutations, split=split, seed=seed,
        )
        for way, (metric, chance, own, least) in ways.items()
        if pool >= least
    ]  # fmt: skip


def score_auc(
    name: str,
    scores: Array,
    positive: Array,
    *,
    split: str,
    seed: int,
    clusters: Array | None = None,
    permutations: int = 10,
) -> Score:
    """Score the area under the ROC curve; see `score_items` for the parameters.

    Where clusters hold both kinds, only rows of one cluster are compared, in the figure as in its
    interval: each cluster was decoded by a decoder of its own, whose scores have an offset of their
    own. Pooled, fewer distinct clusters in a resample would mean fewer offsets and thus a higher
    area than that of the data.
    """
    rng = np.random.default_rng(seed)
    truth = np.asarray(positive, bool)
    units = np.arange(len(truth)) if clusters is None else clusters
    within = _mostly_both(truth, units)
    parts = (
        [np.flatnonzero(units == k) for k in np.unique(units)]
        if within
        else [np.arange(len(truth))]
    )
    if within:
        won, pairs = _pairs(scores, truth, parts)
        value = float(won.sum() / pairs.sum())
        picks = rng.integers(0, len(parts), (_RESAMPLES, len(parts)))
        picks = picks[pairs[picks].sum(axis=1) > 0]
        drawn = (won[picks].sum(axis=1) / pairs[picks].sum(axis=1)).tolist()
    else:
        value = auc(scores, truth)
        drawn = [
            auc(scores[rows], truth[rows])
            for rows in bootstrap(rng, units)
            if 0 < truth[rows].sum() < len(rows)
        ]
    low, high = interval(drawn)
    shuffled = []
    for _ in range(permutations):
        other = truth.copy()
        for part in parts:
            other[part] = rng.permutation(truth[part])
        won, pairs = _pairs(scores, other, parts)
        shuffled.append(float(won.sum() / pairs.sum()))
    return Score(
        name=name,
        value=value,
        chance=0.5,
        shuffled=float(np.mean(shuffled)),
        shuffled_high=_high(shuffled),
        low=low,
        high=high,
        n=len(truth),
        split=split,
    )


def _mostly_both(truth: Array, clusters: Array) -> bool:
    """Tell whether most rows lie in clusters that hold both kinds."""
    rows = 0
    for name in np.unique(clusters):
        own = truth[clusters == name]
        rows += len(own) if 0 < own.sum() < len(own) else 0
    return 2 * rows > len(truth)


def _pairs(scores: Array, truth: Array, parts: Sequence[Array]) -> tuple[Array, Array]:
    """Return, for each part, its pairs of a positive and a negative that are won, and all."""
    won, pairs = np.zeros(len(parts)), np.zeros(len(parts))
    for k, part in enumerate(parts):
        positive = int(truth[part].sum())
        pairs[k] = positive * (len(part) - positive)
        won[k] = pairs[k] * auc(scores[part], truth[part]) if pairs[k] else 0.0
    return won, pairs


def _high(shuffled: Sequence[float]) -> float | None:
    return interval(shuffled)[1] if len(shuffled) >= _LEAST_PERMUTATIONS else None
