"""Scores of decoded against seen, each beside chance, a shuffled control and an interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln
from scipy.stats import rankdata

__all__ = [
    "auc",
    "n_way",
    "row_correlations",
    "scored",
    "scored_auc",
    "two_way",
    "zscored_by_truth",
]

Array = npt.NDArray[Any]
PERMUTATIONS = 100
RESAMPLES = 1000
MOST_COMPARISONS = 2 * 10**8


def row_correlations(a: Array, b: Array) -> Array:
    """Pearson correlation (n, m) of each row of `a` with each row of `b`; 0 for constant rows."""

    def unit(x: Array) -> Array:
        flat = x.reshape(len(x), -1).astype(np.float32 if x.dtype == np.float32 else np.float64)
        flat = flat - flat.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(flat, axis=1, keepdims=True)
        return np.asarray(np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-9))

    return np.asarray(unit(a) @ unit(b).T)


def zscored_by_truth(decoded: Array, true: Array) -> tuple[Array, Array]:
    """Scale every attribute by its mean and spread over what was seen; constant ones are left out.

    Without it the few attributes that vary much, or whose mean is far from zero, decide alone.
    """
    mean, spread = true.mean(axis=0), true.std(axis=0)
    varying = spread > 1e-6
    mean, spread = mean[varying], spread[varying]
    return (decoded[:, varying] - mean) / spread, (true[:, varying] - mean) / spread


def two_way(r: Array, stimulus: Array, truths: Array) -> Array:
    """2-way identification (Takagi & Nishimoto 2023): the own truth against one other stimulus.

    Parameters
    ----------
    r : array (n, n)
        Correlation of each decoded row with each true row.
    stimulus : array of int (n,)
        Stimulus of each true row.
    truths : array of int (n,)
        For each decoded row the true row that is held to be its own; a control permutes it.

    Returns
    -------
    array (n,)
        For each row the share of true rows of *other* stimuli that are less like the decoded one
        than the own truth is; a tie counts one half. NaN where there is no other stimulus.
    """
    own = r[np.arange(len(r)), truths][:, None]
    wins = (own > r) + 0.5 * (own == r)
    others = stimulus[truths][:, None] != stimulus[None, :]
    whole = others.sum(axis=1)
    won = (wins * others).sum(axis=1)
    return np.asarray(np.divide(won, whole, out=np.full(len(r), np.nan), where=whole > 0))


def n_way(r: Array, truths: Array, ways: int) -> Array:
    """Strict identification among `ways` stimuli, one row each: the own truth must beat all.

    In closed form over all draws of ``ways - 1`` of the N - 1 others: with b of them less alike,
    C(b, ways - 1) / C(N - 1, ways - 1). Chance is 1 / ways; a tie is a loss. `r` and `truths` as
    for `two_way`.
    """
    own = r[np.arange(len(r)), truths]
    beaten = (r < own[:, None]).sum(axis=1).astype(np.float64)
    k = ways - 1
    possible = beaten >= k
    log_share = _log_choose(np.maximum(beaten, k), k) - _log_choose(np.array(len(r) - 1.0), k)
    return np.where(possible, np.exp(log_share), 0.0)


def auc(scores: Array, positive: Array) -> float:
    """Area under the ROC curve by ranks (Mann & Whitney 1947); NaN where a class is missing."""
    positive = np.asarray(positive, bool)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    above = rankdata(scores)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def scored(
    values: Callable[[Array], Array],
    clusters: Array,
    *,
    chance: float,
    rule: str,
    split: str,
    seed: int = 0,
) -> dict[str, Any]:
    """Put chance, shuffled control and 95 % interval beside the mean of one value per row.

    Parameters
    ----------
    values : Callable
        Gets, for each row, the row whose truth it is compared with; returns one value per row.
    clusters : array (n,)
        Rows of one cluster (a stimulus) are drawn together for the interval.
    chance : float
        Level by chance.
    rule, split : str
        How it is computed and what it is computed on, in words.
    seed : int
        Of the permutations and resamples.

    Returns
    -------
    dict
        value, chance, shuffled, low, high, n, rule, split.
    """
    rng = np.random.default_rng(seed)
    n = len(clusters)
    own = values(np.arange(n))
    # Identification compares all with all; long runs get fewer permutations of it.
    permutations = int(np.clip(MOST_COMPARISONS // n**2, 5, PERMUTATIONS))
    shuffled = [np.nanmean(values(rng.permutation(n))) for _ in range(permutations)]
    drawn = [np.nanmean(own[rows]) for rows in _resamples(rng, clusters)]
    return _score(float(np.nanmean(own)), chance, shuffled, drawn, n, rule, split)


def scored_auc(
    scores: Array, positive: Array, clusters: Array, *, rule: str, split: str, seed: int = 0
) -> dict[str, Any]:
    """Put chance, shuffled control and 95 % interval beside an area under the ROC curve."""
    rng = np.random.default_rng(seed)
    shuffled = [auc(scores, rng.permutation(positive)) for _ in range(PERMUTATIONS)]
    drawn = [auc(scores[rows], positive[rows]) for rows in _resamples(rng, clusters)]
    return _score(auc(scores, positive), 0.5, shuffled, drawn, len(scores), rule, split)


def _score(
    value: float,
    chance: float,
    shuffled: list[Any],
    drawn: list[Any],
    n: int,
    rule: str,
    split: str,
) -> dict[str, Any]:
    finite = [d for d in drawn if np.isfinite(d)]
    low, high = np.quantile(finite, [0.025, 0.975]) if finite else (np.nan, np.nan)
    return {
        "value": value,
        "chance": chance,
        "shuffled": float(np.mean(shuffled)),
        "low": float(low),
        "high": float(high),
        "n": n,
        "rule": rule,
        "split": split,
    }


def _resamples(rng: np.random.Generator, clusters: Array) -> list[Array]:
    """Rows of clusters drawn with replacement."""
    names, codes = np.unique(clusters, return_inverse=True)
    members = [np.flatnonzero(codes == k) for k in range(len(names))]
    return [
        np.concatenate([members[k] for k in rng.integers(0, len(names), len(names))])
        for _ in range(RESAMPLES)
    ]


def _log_choose(n: Array, k: int) -> Array:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
