"""Correlations of all with all, ranks, and the chance of being among the best of a draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["auc", "row_correlations", "top_share"]

Array = npt.NDArray[Any]


def row_correlations(a: Array, b: Array) -> Array:
    """Pearson correlation of every row of `a` with every row of `b`.

    Parameters
    ----------
    a, b : array (n, ...), (m, ...)
        Flattened beyond the first axis; float32 stays float32, which long runs need.

    Returns
    -------
    array (n, m)
        0 where a row is constant.
    """

    def unit(x: Array) -> Array:
        flat = x.reshape(len(x), -1)
        flat = flat.astype(np.float32 if x.dtype == np.float32 else np.float64)
        flat = flat - flat.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(flat, axis=1, keepdims=True)
        return np.asarray(np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-9))

    return np.asarray(unit(a) @ unit(b).T)


def auc(scores: Array, positive: Array) -> float:
    """Area under the ROC curve by ranks (Mann & Whitney 1947); ties count one half. Chance 0.5.

    Parameters
    ----------
    scores : array (n,)
    positive : array of bool (n,)

    Returns
    -------
    float
        NaN where a class or a score is missing.
    """
    positive = np.asarray(positive, bool)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    above = _ranks(np.asarray(scores))[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def _ranks(scores: Array) -> Array:
    """Ranks from 1, equal scores share their mean; scipy's would load half a second of modules."""
    _, group, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(np.where(np.isnan(scores).any(), np.nan, mean[group]))


def top_share(better: Array, others: Array | int, drawn: int, top_k: int = 1) -> Array:
    """Probability to be among the `top_k` best when `drawn` of `others` are drawn to compete.

    In closed form over all draws without replacement: the hypergeometric probability that fewer
    than `top_k` of the drawn are among the `better` ones.

    Parameters
    ----------
    better : array of int
        How many of the others are at least as good.
    others : array of int, or int
        How many others there are, `drawn` or more.
    drawn : int
        Competitors in one draw.
    top_k : int
        1 or more.

    Returns
    -------
    array of float
    """
    b = np.asarray(better, np.float64)
    total = np.broadcast_to(np.asarray(others, np.float64), b.shape)
    share = np.zeros(b.shape)
    for hits in range(min(top_k, drawn + 1)):
        possible = (b >= hits) & (total - b >= drawn - hits)
        log_share = (
            _log_choose(np.where(possible, b, hits), hits)
            + _log_choose(np.where(possible, total - b, drawn - hits), drawn - hits)
            - _log_choose(total, drawn)
        )
        share += np.where(possible, np.exp(log_share), 0.0)
    return share


def _log_choose(n: Array, k: int) -> Array:
    from scipy.special import gammaln  # every node loads this module, few rank anything

    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))
