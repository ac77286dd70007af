"""Identification: what was decoded should resemble its own truth more than others."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.metrics.ranks import top_share

__all__ = ["BLIND", "TIE", "label_chance", "n_way", "n_way_chance", "two_way"]

Array = npt.NDArray[Any]
TIE = 1e-9
"""Similarities nearer than this are a tie: beyond it lies only rounding."""
BLIND = "chance: always saying the most frequent category"
"""What `label_chance` is, for people."""


def two_way(r: Array, stimulus: Array, truths: Array, groups: Array | None = None) -> Array:
    """2-way identification (Takagi & Nishimoto 2023): the own truth against one other. Chance 0.5.

    Parameters
    ----------
    r : array (n, n)
        Likeness of each decoded row to each true row, such as their correlation.
    stimulus : array (n,)
        Stimulus of each true row; rows of one stimulus never compete.
    truths : array of int (n,)
        For each decoded row the true row that is held to be its own; a control permutes it.
    groups : array (n,), optional
        Rows compete within their group only. Needed where each group was left out in turn: the
        truths of other groups were in the training data, so that an empty decoder lies nearer to
        them and falls below chance.

    Returns
    -------
    array (n,)
        For each row the share of true rows of *other* stimuli that are less like the decoded one
        than the own truth is; a tie counts one half. NaN where there is no other stimulus.
    """
    own = r[np.arange(len(r)), truths][:, None]
    wins = (own > r + TIE) + 0.5 * (np.abs(own - r) <= TIE)
    others = _others(stimulus, truths, groups)
    whole = others.sum(axis=1)
    won = (wins * others).sum(axis=1)
    return np.asarray(np.divide(won, whole, out=np.full(len(r), np.nan), where=whole > 0))


def n_way(
    r: Array,
    stimulus: Array,
    truths: Array,
    ways: int,
    *,
    groups: Array | None = None,
    top_k: int = 1,
) -> Array:
    """n-way identification: the own truth is among the `top_k` most alike of `ways`.

    In closed form over all draws of ``ways - 1`` others (`top_share`); a tie is a loss. Give one
    row for each stimulus, or stimuli with many rows are drawn more often.

    Parameters
    ----------
    r, stimulus, truths, groups
        As for `two_way`.
    ways : int
        How many compete, the own truth among them (a retrieval's pool size); 2 or more.
    top_k : int
        1 is the strict rule.

    Returns
    -------
    array (n,)
        Chance is `n_way_chance`; NaN where fewer than ``ways - 1`` others are there.
    """
    own = r[np.arange(len(r)), truths][:, None]
    others = _others(stimulus, truths, groups)
    whole = others.sum(axis=1)
    better = ((r + TIE >= own) & others).sum(axis=1)
    enough = whole >= ways - 1
    share = top_share(np.where(enough, better, 0), np.where(enough, whole, ways), ways - 1, top_k)
    return np.where(enough, share, np.nan)


def n_way_chance(ways: int, top_k: int = 1, accepted: int = 1) -> float:
    """Level by chance of an n-way choice.

    Parameters
    ----------
    ways : int
        How many compete when one is accepted.
    top_k : int
        How many of the best are looked at.
    accepted : int
        How many candidates count as right, all of which compete with ``ways - 1`` others:
        1 for the strict rule (k / n), 3 for the rule of MinD-Video (3 / (n + 2) at k = 1).

    Returns
    -------
    float
    """
    drawn = ways - 1
    return 1.0 - comb(drawn, top_k) / comb(drawn + accepted, top_k)


def label_chance(labels: Array) -> float:
    """Level by chance of an accuracy of categories: the share of the most frequent one.

    What a blind decoder reaches that always says that one; 1 / k where k are equally frequent.

    Parameters
    ----------
    labels : array of str (n,)
        True categories of the rows that are scored; one or more.

    Returns
    -------
    float
    """
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def _others(stimulus: Array, truths: Array, groups: Array | None) -> Array:
    others = stimulus[truths][:, None] != stimulus[None, :]
    if groups is not None:
        others &= groups[truths][:, None] == groups[None, :]
    return np.asarray(others)
