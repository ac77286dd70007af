"""How much a window looks like those that the decoder was fitted on.

A window's mean volume is standardised with training statistics and split into its part in the
space of the strongest training components and the rest. Three logarithms say how it compares:

- ``outside``: mean square of the rest per feature (noise, another brain and a moved head have more,
  or less, of it than the person's own data; the squared prediction error of process monitoring,
  Jackson & Mudholkar 1979, Technometrics 21:341);
- ``inside``: mean squared score over the components, each in units of its training variance (the
  Mahalanobis distance, Hotelling 1947);
- ``share``: variance inside over variance outside (features that do not go together, as in noise or
  in another order, have little inside).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.graph import GraphBuilder

__all__ = ["MEASURES", "Familiarity"]

Array = npt.NDArray[Any]

MEASURES = ("outside", "inside", "share")
_COMPONENTS = 32
_MOST_ROWS = 400
# Variance outside the components is not taken for smaller than this share of all: beyond it lies
# only the rounding of 32 bits.
_LEAST_SHARE = 1e-3
_FLOOR = 1e-6


@dataclass(frozen=True)
class Familiarity:
    """What usual windows look like.

    Attributes
    ----------
    times : int
        Volumes in a window.
    mean, gain : array (features,)
        Of the mean volume of training windows: mean, and 1 / standard deviation.
    axes : array (features, components)
        Orthonormal.
    variances : array (components,)
        Of the training windows' scores.
    """

    times: int
    mean: Array = field(repr=False)
    gain: Array = field(repr=False)
    axes: Array = field(repr=False)
    variances: Array = field(repr=False)

    @classmethod
    def of(cls, X: Array, times: int) -> Familiarity:
        """Learn from training windows (n, times * features); evenly spaced ones if many."""
        step = -(-len(X) // _MOST_ROWS)
        rows = _mean_volumes(X[::step], times)
        mean, std = rows.mean(axis=0), rows.std(axis=0)
        gain = np.divide(1.0, std, out=np.zeros_like(std), where=std > 1e-8 * (1 + np.abs(mean)))
        scaled = (rows - mean) * gain
        n, p = scaled.shape
        values, vectors = np.linalg.eigh(scaled @ scaled.T)
        count = max(1, min(_COMPONENTS, n // 4, p // 2))
        best = np.argsort(values)[::-1][:count]
        best = best[values[best] > max(values[best[0]], _FLOOR) * 1e-6]
        root = np.sqrt(np.maximum(values[best], _FLOOR))
        axes = scaled.T @ (vectors[:, best] / root)
        return cls(times, mean, gain, axes, np.maximum(values[best] / n, _FLOOR))

    def __call__(self, X: Array) -> Array:
        """Measure windows (n, times * features): (n, 3), in the order of `MEASURES`."""
        rows = (_mean_volumes(X, self.times) - self.mean) * self.gain
        scores = rows @ self.axes
        whole = (rows**2).mean(axis=1)
        within = (scores**2).sum(axis=1) / rows.shape[1]
        outside = np.maximum(whole - within, _LEAST_SHARE * whole) + _FLOOR
        inside = (scores**2 / self.variances).mean(axis=1) + _FLOOR
        return np.asarray(np.log(np.column_stack([outside, inside, (within + _FLOOR) / outside])))

    def add_to_graph(self, graph: GraphBuilder, source: str) -> str:
        """Add the same to a graph, for one window; returns the name of the measures (1, 3)."""
        p, k = self.axes.shape
        shape = graph.constant("familiar_shape", [self.times, p], np.int64)
        graph.add("Reshape", [source, shape], "volumes")
        graph.add("ReduceMean", ["volumes"], "mean_volume", axes=[0], keepdims=1)
        graph.add("Sub", ["mean_volume", graph.constant("usual_mean", self.mean[None])], "unusual")
        graph.add("Mul", ["unusual", graph.constant("usual_gain", self.gain[None])], "usual_rows")
        graph.add("MatMul", ["usual_rows", graph.constant("axes", self.axes)], "axis_scores")
        graph.add("Mul", ["axis_scores", "axis_scores"], "axis_squares")
        graph.add("Mul", ["usual_rows", "usual_rows"], "row_squares")
        graph.add("ReduceMean", ["row_squares"], "whole", axes=[1], keepdims=1)
        spread = graph.constant("per_feature", np.full((k, 1), 1.0 / p))
        graph.add("MatMul", ["axis_squares", spread], "within")
        scale = graph.constant("per_variance", 1.0 / (k * self.variances[:, None]))
        graph.add("MatMul", ["axis_squares", scale], "inside_raw")
        floor = graph.constant("familiar_floor", _FLOOR)
        graph.add("Sub", ["whole", "within"], "rest_of_whole")
        graph.add("Mul", ["whole", graph.constant("least_share", _LEAST_SHARE)], "least_outside")
        graph.add("Max", ["rest_of_whole", "least_outside"], "outside_raw")
        graph.add("Add", ["outside_raw", floor], "outside")
        graph.add("Add", ["inside_raw", floor], "inside")
        graph.add("Add", ["within", floor], "within_floor")
        graph.add("Div", ["within_floor", "outside"], "share")
        graph.add("Concat", ["outside", "inside", "share"], "measures_raw", axis=1)
        return graph.add("Log", ["measures_raw"], "measures")


def _mean_volumes(X: Array, times: int) -> Array:
    rows = np.asarray(X, np.float64)
    return np.asarray(rows.reshape(len(rows), times, -1).mean(axis=1))
