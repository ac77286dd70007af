"""Scores as the report writes them: tables of `phosphene.metrics.Scored`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from phosphene import metrics

__all__ = ["scored", "scored_auc", "zscored_by_truth"]

Array = npt.NDArray[Any]
_KEYS = ("value", "chance", "shuffled", "low", "high", "n", "rule", "split")


def zscored_by_truth(decoded: Array, true: Array) -> tuple[Array, Array]:
    """Scale every attribute by its mean and spread over what was seen; constant ones are left out.

    Without it the few attributes that vary much, or whose mean is far from zero, decide alone.
    """
    mean, spread = true.mean(axis=0), true.std(axis=0)
    varying = spread > 1e-6
    mean, spread = mean[varying], spread[varying]
    return (decoded[:, varying] - mean) / spread, (true[:, varying] - mean) / spread


def scored(
    values: Callable[[Array], Array],
    clusters: Array,
    *,
    chance: float,
    rule: str,
    split: str,
    seed: int = 0,
) -> dict[str, Any]:
    """Score one value per row, see `phosphene.metrics.scored`.

    Returns
    -------
    dict
        value, chance, shuffled, low, high, n, rule, split.
    """
    found = metrics.scored(values, clusters, chance=chance, rule=rule, split=split, seed=seed)
    return _table(found)


def scored_auc(
    scores: Array, positive: Array, clusters: Array, *, rule: str, split: str, seed: int = 0
) -> dict[str, Any]:
    """Score an area under the ROC curve; returns the same as `scored`."""
    return _table(metrics.scored_auc(scores, positive, clusters, rule=rule, split=split, seed=seed))


def _table(found: metrics.Scored) -> dict[str, Any]:
    return {key: getattr(found, key) for key in _KEYS}
