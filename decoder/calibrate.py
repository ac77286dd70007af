"""Calibration: probabilities from held-out rows, and how far they can be believed.

Curves are logistic (Platt 1999), fitted by maximum likelihood with bounded weights. A success is a
number from 0 to 1: whether the most probable category is the one that was seen (a rest volume, in
which none was, counts as a failure) or, without categories, the share of other pictures that the
truth beats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from phosphene.manifest import ReliabilityBin

__all__ = [
    "ODDS_LIMIT",
    "calibration_error",
    "confidences",
    "fit_logistic",
    "log_odds",
    "quantile_kept",
    "reliability",
]

Array = npt.NDArray[Any]

ODDS_LIMIT = 1e-3
"""Probabilities are held this far from 0 and 1, so that 32 bits are enough for their odds."""
_BINS = 10
_PENALTY = 1e-3


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


def fit_logistic(
    features: Array,
    success: Array,
    signs: Sequence[int],
    weights: Array | None = None,
    penalty: float = _PENALTY,
    ceiling: Array | float = 1.0,
) -> tuple[Array, float]:
    """Fit success = ceiling / (1 + exp(-(features @ w + b))).

    Parameters
    ----------
    features : array (n, k)
        Of about unit scale.
    success : array (n,)
        From 0 to 1. Smoothed as Platt did, so that all-right data stay finite.
    signs : Sequence of int (k,)
        1: that weight may not be negative; -1: not positive; 0: any.
    weights : array (n,), optional
        Of the rows.
    penalty : float
        On the mean square of w.
    ceiling : array (n,)
        What success cannot rise above, from 0 to 1.

    Returns
    -------
    array (k,)
        w.
    float
        b.
    """
    y = np.asarray(success, np.float64)
    n, k = features.shape
    low, high = 1 / (n - y.sum() + 2), 1 - 1 / (y.sum() + 2)
    target = low + (high - low) * y
    share = np.full(n, 1 / n) if weights is None else weights / weights.sum()
    design = np.column_stack([features, np.ones(n)])

    def loss(w: Array) -> tuple[float, Array]:
        t = design @ w
        rate = expit(t)
        miss = np.maximum(1 - ceiling * rate, 1e-12)
        value = (share * (target * np.logaddexp(0, -t) - (1 - target) * np.log(miss))).sum()
        pull = (1 - target) * ceiling * rate * (1 - rate) / miss - target * (1 - rate)
        slope = design.T @ (share * pull)
        shrink = np.append(penalty * w[:-1], 0.0)
        return float(value + 0.5 * (shrink * w).sum()), slope + shrink

    bounds = [(0 if s > 0 else None, 0 if s < 0 else None) for s in signs] + [(None, None)]
    found = minimize(loss, np.zeros(k + 1), jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.asarray(found[:-1]), float(found[-1])


def quantile_kept(confidence: Array, success: Array, kept: float) -> float:
    """Threshold at or above which a share `kept` of all success lies."""
    order = np.argsort(confidence)[::-1]
    reached = np.cumsum(success[order]) >= kept * success.sum() - 1e-9
    return float(confidence[order][int(np.argmax(reached))]) if len(order) else 0.0


def reliability(confidence: Array, success: Array) -> tuple[ReliabilityBin, ...]:
    """Rows of a reliability diagram: ten bins of equal width, empty ones left out."""
    at = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return tuple(
        ReliabilityBin(
            confidence=float(confidence[at == k].mean()),
            success=float(success[at == k].mean()),
            n=int((at == k).sum()),
        )
        for k in np.unique(at)
    )


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return the expected calibration error: mean distance of confidence and success."""
    total = sum(b.n for b in bins)
    return sum(b.n * abs(b.confidence - b.success) for b in bins) / max(total, 1)
