"""Puts chance, a shuffled control and a 95 % interval beside every figure.

Neighbouring volumes are alike, so intervals resample whole clusters (runs, or blocks) where these
are given, and the shuffled control is the same metric on truth that was permuted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.metrics import auc
from phosphene.manifest import Score
from phosphene.metrics import bootstrap, interval

__all__ = ["score_auc", "score_items"]

Array = npt.NDArray[Any]


def score_items(
    name: str,
    metric: Callable[[Array, Array], Array],
    decoded: Array,
    true: Array,
    *,
    chance: float,
    split: str,
    seed: int,
    clusters: Array | None = None,
    within: bool = False,
    permutations: int = 10,
) -> Score:
    """Score a metric that gives one value per item.

    Parameters
    ----------
    name : str
        Of the metric.
    metric : Callable
        (decoded, true) -> (n,).
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
            found[part] = metric(decoded[part], true[own])
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
        low=low,
        high=high,
        n=len(values),
        split=split,
    )


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
    """Score the area under the ROC curve; see `score_items` for the parameters."""
    rng = np.random.default_rng(seed)
    truth = np.asarray(positive, bool)
    units = np.arange(len(truth)) if clusters is None else clusters
    drawn = [
        auc(scores[rows], truth[rows])
        for rows in bootstrap(rng, units)
        if 0 < truth[rows].sum() < len(rows)
    ]
    low, high = interval(drawn)
    shuffled = [auc(scores, rng.permutation(truth)) for _ in range(permutations)]
    return Score(
        name=name,
        value=auc(scores, truth),
        chance=0.5,
        shuffled=float(np.mean(shuffled)),
        low=low,
        high=high,
        n=len(truth),
        split=split,
    )
