"""Confidence: the calibrated probability that a percept identifies what was seen.

Two questions are asked of a window and their answers multiplied. Does it belong to the person's own
data (`decoder.familiar`)? And if it does, is the percept right, given the odds of the best category
and how much signal the decoder finds? Each answer is a logistic curve, learned on runs that the
decoder was not fitted on; what does not belong is made from the same runs (`decoder.impostors`).
The second is fitted so that the product is the probability on the person's own data. With m the
measures of familiarity, c and d their mean and deviation over percepts that were right::

    u = (m - c) / d
    belongs = s(w . [max(u, 0), max(-u, 0)] + b),  no w above 0
    right = s(v1 odds + v2 signal + a),            v1, v2 not below 0
    confidence = belongs right

so that nothing can be too unlike the training data to be refused, however poor the percepts are.
`signal` is the logarithm of the mean square of c (or of z, where there is no c).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from decoder.calibrate import (
    calibration_error,
    fit_logistic,
    quantile_kept,
    reliability,
)
from decoder.familiar import MEASURES, Familiarity
from decoder.graph import GraphBuilder
from phosphene.errors import InputError, problem
from phosphene.manifest import Calibration, Control

__all__ = ["KEPT", "Curves", "Trials", "Trust", "calibrate", "fit_curves", "held_out", "signal_of"]

Array = npt.NDArray[Any]

KEPT = 0.8
"""Share of right percepts that the threshold lets through."""
_LEAST_RIGHT = 5
_SIGNAL_FLOOR = 1e-6
_RIGHT_SIGNS = (1, 1)
_BELONG_SIGNS = (-1,) * (2 * len(MEASURES))
_BELONG_PENALTY = 1e-2


@dataclass(frozen=True)
class Trials:
    """Held-out windows and impostors as the curves see them.

    Attributes
    ----------
    measures : array (n, 3)
        Of familiarity.
    odds : array (n,)
        Of the best category; 0 without categories.
    signal : array (n,)
        See the module's text.
    success : array (n,)
        From 0 to 1; 0 for impostors.
    clusters : array of str (n,)
        Run (or fold) of each row.
    kinds : array of str (n,)
        "own" for the person's own data; otherwise what the impostor is.
    """

    measures: Array = field(repr=False)
    odds: Array = field(repr=False)
    signal: Array = field(repr=False)
    success: Array = field(repr=False)
    clusters: Array = field(repr=False)
    kinds: Array = field(repr=False)

    def take(self, rows: Array) -> Trials:
        """Return some of the rows (indices or a mask)."""
        return Trials(
            self.measures[rows], self.odds[rows], self.signal[rows], self.success[rows],
            self.clusters[rows], self.kinds[rows],
        )  # fmt: skip

    @property
    def own(self) -> npt.NDArray[np.bool_]:
        """Which rows are the person's own data."""
        return np.asarray(self.kinds == "own")


@dataclass(frozen=True)
class Curves:
    """The fitted curves; see the module's text for the formula and the names."""

    centre: Array
    spread: Array
    belongs: tuple[Array, float]
    right: tuple[Array, float]

    def confidence(self, measures: Array, odds: Array, signal: Array) -> Array:
        """Confidence (n,) of rows; what is not a number gives 0."""
        rate = expit(np.column_stack([odds, signal]) @ self.right[0] + self.right[1])
        return np.asarray(np.nan_to_num(self.belonging(measures) * rate))

    def belonging(self, measures: Array) -> Array:
        """Probability (n,) that rows belong to the person's own data."""
        hinges = _hinges(measures, self.centre, self.spread)
        return np.asarray(expit(hinges @ self.belongs[0] + self.belongs[1]))


@dataclass(frozen=True)
class Trust:
    """What a decoder needs to say how far its percepts can be believed."""

    usual: Familiarity
    curves: Curves

    def confidence(self, X: Array, odds: Array, signal: Array) -> Array:
        """Confidence (n,) of windows (n, times * features) with their odds and signal (n,)."""
        return self.curves.confidence(self.usual(X), odds, signal)

    def add_to_graph(self, graph: GraphBuilder, source: str, odds: str, decoded: str) -> str:
        """Add `confidence` to a graph, for one window.

        Parameters
        ----------
        graph : GraphBuilder
            Collects.
        source : str
            Name of the windows (1, times * features).
        odds : str
            Name of the odds (1,).
        decoded : str
            Name of what `signal` is the mean square of, (1, C).

        Returns
        -------
        str
            Name of the confidence (1,).
        """
        self.usual.add_to_graph(graph, source)
        _add_belongs(graph, self.curves)
        _add_right(graph, self.curves, odds, decoded)
        return graph.add("Mul", ["belonging", "rightness"], "confidence")


def signal_of(decoded: Array) -> Array:
    """Logarithm of the mean square of decoded rows (n, ...): (n,)."""
    flat = np.asarray(decoded, np.float64).reshape(len(decoded), -1)
    return np.asarray(np.log((flat**2).mean(axis=1) + _SIGNAL_FLOOR))


def fit_curves(trials: Trials) -> Curves:
    """Learn the curves from held-out rows and impostors.

    What is right sets the scale of familiarity; each row of the person's own data counts as its
    success says. Right ones and impostors weigh the same in `belongs`, whatever their numbers.
    """
    own = trials.own
    worth = trials.success * own
    if (worth > 0).sum() < _LEAST_RIGHT:
        worth = own.astype(np.float64)
    worth = worth / worth.sum()
    centre = worth @ trials.measures
    spread = np.sqrt(worth @ (trials.measures - centre) ** 2) + 1e-3
    weights = worth + np.where(own, 0.0, 1.0 / max(int((~own).sum()), 1))
    used = weights > 0
    hinges = _hinges(trials.measures, centre, spread)
    belongs = fit_logistic(
        hinges[used], own[used], _BELONG_SIGNS, weights[used], penalty=_BELONG_PENALTY
    )
    evidence = np.column_stack([trials.odds, trials.signal])[own]
    ceiling = expit(hinges[own] @ belongs[0] + belongs[1])
    right = fit_logistic(evidence, trials.success[own], _RIGHT_SIGNS, ceiling=ceiling)
    return Curves(centre, spread, belongs, right)


def _hinges(measures: Array, centre: Array, spread: Array) -> Array:
    unit = (measures - centre) / spread
    return np.concatenate([np.maximum(unit, 0), np.maximum(-unit, 0)], axis=1)


def held_out(trials: Trials) -> Array:
    """Confidence of every row by curves that were learned without its cluster.

    Raises
    ------
    InputError
        If there is only one cluster with rows of the person.
    """
    _check_clusters(trials)
    found = np.zeros(len(trials.odds))
    for name in np.unique(trials.clusters):
        test = trials.clusters == name
        part = trials.take(test)
        curves = fit_curves(trials.take(~test))
        found[test] = curves.confidence(part.measures, part.odds, part.signal)
    return found


def _check_clusters(trials: Trials) -> None:
    """Refuse what would be judged by curves that have learned from it."""
    names = np.unique(trials.clusters[trials.own])
    if len(names) < 2:
        got = ", ".join(map(str, names)) or "none"
        raise InputError(
            problem("runs or folds whose truth is known", got, "2 or more",
                    "Confidence is measured on runs left out: add runs, or choose a --split with "
                    "more folds.")
        )  # fmt: skip


def calibrate(trials: Trials) -> tuple[Curves, Calibration]:
    """Learn the curves, and measure on clusters left out how far they can be believed.

    Parameters
    ----------
    trials : Trials
        Held-out rows of the person and impostors.

    Returns
    -------
    Curves
        Learned on all of them.
    Calibration
        Brier score, reliability, threshold, and the share of each kind of impostor that falls
        below it.

    Raises
    ------
    InputError
        If there is only one cluster.
    """
    confidence, own = held_out(trials), trials.own
    curves = fit_curves(trials)
    sure, success = confidence[own], trials.success[own]
    threshold = quantile_kept(sure, success, KEPT)
    base = np.empty(len(success))
    clusters = trials.clusters[own]
    for name in np.unique(clusters):
        others = clusters != name
        base[~others] = success[others].mean()
    bins = reliability(sure, success)
    controls = {"not identified": sure[success < 0.5]}
    controls |= {str(k): confidence[trials.kinds == k] for k in np.unique(trials.kinds[~own])}
    return curves, Calibration(
        feature="trust",
        slope=1.0,
        intercept=0.0,
        brier=float(((sure - success) ** 2).mean()),
        base_brier=float(((base - success) ** 2).mean()),
        n=len(success),
        error=calibration_error(bins),
        reliability=bins,
        kept=KEPT,
        threshold=threshold,
        controls=tuple(
            Control(kind=kind, refused=float((values < threshold).mean()), n=len(values))
            for kind, values in controls.items()
            if len(values)
        ),
    )


def _add_belongs(graph: GraphBuilder, curves: Curves) -> None:
    centre = graph.constant("usual_centre", curves.centre[None])
    gain = graph.constant("usual_scale", 1.0 / curves.spread[None])
    graph.add("Sub", ["measures", centre], "measures_centred")
    graph.add("Mul", ["measures_centred", gain], "unit")
    graph.add("Neg", ["unit"], "unit_below")
    graph.add("Concat", ["unit", "unit_below"], "sides", axis=1)
    graph.add("Relu", ["sides"], "hinges")
    weights = graph.constant("belongs_weights", curves.belongs[0][:, None])
    bias = graph.constant("belongs_bias", [curves.belongs[1]])
    graph.add("Gemm", ["hinges", weights, bias], "belongs_row")
    flat = graph.constant("one_value", [1], np.int64)
    graph.add("Reshape", ["belongs_row", flat], "belongs_logit")
    graph.add("Sigmoid", ["belongs_logit"], "belonging")


def _add_right(graph: GraphBuilder, curves: Curves, odds: str, decoded: str) -> None:
    graph.add("Mul", [decoded, decoded], "signal_squares")
    graph.add("ReduceMean", ["signal_squares"], "signal_mean", axes=[1], keepdims=0)
    graph.add("Add", ["signal_mean", graph.constant("signal_floor", _SIGNAL_FLOOR)], "signal_safe")
    graph.add("Log", ["signal_safe"], "signal")
    (by_odds, by_signal), bias = curves.right
    graph.add("Mul", [odds, graph.constant("by_odds", by_odds)], "right_odds")
    graph.add("Mul", ["signal", graph.constant("by_signal", by_signal)], "right_signal")
    graph.add("Add", ["right_odds", "right_signal"], "right_sum")
    graph.add("Add", ["right_sum", graph.constant("right_bias", bias)], "right_logit")
    graph.add("Sigmoid", ["right_logit"], "rightness")
