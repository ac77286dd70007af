"""Confidence: the probability that a percept names the truth, learned on held-out rows.

With p the largest category probability, confidence = 1 / (1 + exp(-(a l + b))) with
l = log(p / (1 - p)) (Platt 1999). What counts as a success is that the most probable category is
the one that was seen; a rest volume, in which none was, counts as a failure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from phosphene.manifest import Calibration

__all__ = ["ODDS_LIMIT", "confidences", "fit_confidence", "log_odds"]

Array = npt.NDArray[Any]

ODDS_LIMIT = 1e-3
"""Probabilities are held this far from 0 and 1, so that 32 bits are enough for their odds."""


def log_odds(log_probabilities: Array, categories: int) -> Array:
    """Log odds of the most probable category.

    Parameters
    ----------
    log_probabilities : array (n, labels)
        Categories first, then "rest" where there is one.
    categories : int
        How many of the labels are categories.

    Returns
    -------
    array (n,)
        Within about -7 to 7.
    """
    best = np.exp(log_probabilities[:, :categories].max(axis=1))
    best = np.clip(best, ODDS_LIMIT, 1.0 - ODDS_LIMIT)
    return np.asarray(np.log(best) - np.log1p(-best))


def confidences(odds: Array, slope: float, intercept: float) -> Array:
    """Confidence (n,) of log odds (n,)."""
    return np.asarray(expit(slope * odds + intercept))


def fit_confidence(odds: Array, success: Array, groups: Array) -> Calibration:
    """Fit slope and intercept, and measure how well they do on groups left out.

    Parameters
    ----------
    odds : array (n,)
        Log odds of held-out rows.
    success : array of bool (n,)
        Whether the percept named the truth.
    groups : array of str (n,)
        Run of each row.

    Returns
    -------
    Calibration
        Brier score by leave-one-group-out; beside it that of always saying the mean.
    """
    success = np.asarray(success, np.float64)
    slope, intercept = _logistic(odds, success)
    held = np.empty(len(odds))
    base = np.empty(len(odds))
    for name in np.unique(groups):
        test = groups == name
        train = ~test if (~test).any() else test
        held[test] = confidences(odds[test], *_logistic(odds[train], success[train]))
        base[test] = success[train].mean()
    return Calibration(
        feature="log_odds",
        slope=slope,
        intercept=intercept,
        brier=float(((held - success) ** 2).mean()),
        base_brier=float(((base - success) ** 2).mean()),
        n=len(odds),
    )


def _logistic(x: Array, y: Array) -> tuple[float, float]:
    """Maximum likelihood with Platt's smoothed targets, so that all-right data stay finite."""
    ones, zeros = y.sum(), len(y) - y.sum()
    target = np.where(y > 0, (ones + 1) / (ones + 2), 1 / (zeros + 2))

    def loss(w: Array) -> tuple[float, Array]:
        t = w[0] * x + w[1]
        error = expit(t) - target
        value = np.logaddexp(0, t).sum() - (target * t).sum()
        return float(value) / len(x), np.array([(error * x).sum(), error.sum()]) / len(x)

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS")
    return float(found.x[0]), float(found.x[1])
