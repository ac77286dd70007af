"""Identification and retrieval with vectors of any kind: latents, embeddings, features."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from decoder.metrics.checks import need_items
from phosphene import metrics
from phosphene.errors import InputError, problem
from phosphene.metrics import row_correlations

__all__ = ["auc", "correct", "n_way_top1", "retrieval", "row_correlations", "two_way"]

Array = npt.NDArray[Any]


def two_way(decoded: Array, true: Array) -> Array:
    """2-way identification: how often the own truth beats another one. Chance 0.5.

    For item i the share of all j != i with corr(decoded_i, true_i) > corr(decoded_i, true_j);
    a tie counts one half. The definition of Takagi & Nishimoto (2023), on any features.

    Parameters
    ----------
    decoded, true : array (n, ...)
        n >= 2 items.

    Returns
    -------
    array (n,)
    """
    need_items(decoded, true, 2)
    every = np.arange(len(true))
    return metrics.two_way(row_correlations(decoded, true), every, every)


def n_way_top1(decoded: Array, true: Array, n_way: int) -> Array:
    """Strict n-way identification: the truth beats all of n - 1 others. Chance 1 / n.

    The probability over all draws of n - 1 different distractors, in closed form. A tie is a loss.

    Parameters
    ----------
    decoded, true : array (N, ...)
        N >= n_way items.
    n_way : int
        2 or more.

    Returns
    -------
    array (N,)
    """
    need_items(decoded, true, max(n_way, 2))
    every = np.arange(len(true))
    return metrics.n_way(row_correlations(decoded, true), every, every, n_way)


def retrieval(
    decoded: Array, true: Array, pool: int, direction: Literal["forward", "backward"]
) -> Array:
    """Top-1 retrieval by cosine similarity. Chance 1 / pool.

    Forward finds, for what was decoded, the own truth among `pool` truths; backward finds, for
    what was seen, the own decoded vector among `pool` decoded ones (the definitions of MindEye,
    Scotti et al. 2023, which draws pools of 300; here all pools, in closed form).

    Parameters
    ----------
    decoded, true : array (N, ...)
        N >= pool items.
    pool : int
        How many compete, the right one among them; 2 or more.
    direction : str
        "forward" or "backward".

    Returns
    -------
    array (N,)
    """
    need_items(decoded, true, max(pool, 2))
    likeness = cosines(decoded, true)
    every = np.arange(len(true))
    likeness = likeness if direction == "forward" else likeness.T
    return metrics.n_way(likeness, every, every, pool)


def cosines(a: Array, b: Array) -> Array:
    """Cosine of every row of `a` with every row of `b`; 0 where a row is zero."""

    def unit(x: Array) -> Array:
        flat = x.reshape(len(x), -1).astype(np.float64)
        norm = np.linalg.norm(flat, axis=1, keepdims=True)
        return np.asarray(np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-12))

    return np.asarray(unit(a) @ unit(b).T)


def correct(decoded: Array, true: Array) -> Array:
    """1.0 where the decoded label is the true one, otherwise 0.0."""
    return np.asarray(np.asarray(decoded) == np.asarray(true), np.float64)


def auc(scores: Array, positive: Array) -> float:
    """Area under the ROC curve: chance that a positive scores above a negative. Chance 0.5.

    Parameters
    ----------
    scores : array (n,)
    positive : array of bool (n,)
        With at least one True and one False.

    Returns
    -------
    float
        Ties count one half (Mann-Whitney).
    """
    truth = np.asarray(positive, bool)
    n_pos, n_neg = int(truth.sum()), int((~truth).sum())
    if n_pos == 0 or n_neg == 0:
        got = f"{n_pos} positive, {n_neg} negative"
        raise InputError(problem("positive", got, "both kinds", "Score more trials."))
    return metrics.auc(scores, truth)
