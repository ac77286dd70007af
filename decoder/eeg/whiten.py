"""Epochs made white: slow waves and what all channels share would otherwise drown the response.

Epochs are limited (`decoder.eeg.limit`), taken into cosine waves up to `HIGHEST_HZ`, and divided by
their deviation over training epochs: between channels by the inverse root of the mean covariance,
between waves by the deviation of each. All of it is one matrix from each side::

    x -> S x T - m

with S (channels, channels), T (times, times), m the mean of training epochs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.eeg.limit import Limiter
from decoder.graph import GraphBuilder
from decoder.riemann import cosines

__all__ = ["HIGHEST_HZ", "Whitener"]

Array = npt.NDArray[Any]

HIGHEST_HZ = 20.0
_RIDGE = 1e-6


@dataclass(frozen=True)
class Whitener:
    """Rows (n, channels * times) to epochs (n, channels, times) of about unit variance.

    Attributes
    ----------
    limiter : Limiter
    across : array (channels, channels)
        S.
    along : array (times, times)
        T, with the scale to unit variance in it.
    mean : array (channels, times)
        m.
    """

    limiter: Limiter
    across: Array = field(repr=False)
    along: Array = field(repr=False)
    mean: Array = field(repr=False)

    @classmethod
    def of(cls, X: Array, channels: int, rate_hz: float) -> Whitener:
        """Learn from training epochs (n, channels * times) at `rate_hz` hertz."""
        limiter = Limiter.of(X, channels)
        epochs = limiter(X).reshape(len(X), channels, -1)
        times = epochs.shape[2]
        most = round(2 * HIGHEST_HZ * times / rate_hz) if rate_hz else times
        waves = cosines(times, 0, min(max(most, 2), times))
        seen = epochs @ waves
        seen = seen - seen.mean(axis=0)
        each = np.einsum("nck,ndk->kcd", seen, seen)
        sizes = np.trace(each, axis1=1, axis2=2)[:, None, None]
        shared = (each / np.maximum(sizes, 1e-30)).mean(axis=0) + _RIDGE * np.eye(channels)
        values, vectors = np.linalg.eigh(shared)
        across = (vectors / np.sqrt(values)) @ vectors.T
        deviation = np.sqrt(((across @ seen) ** 2).mean(axis=(0, 1)))
        along = (waves / np.maximum(deviation, _RIDGE * deviation.max() + 1e-30)) @ waves.T
        white = across @ epochs @ along
        scale = 1.0 / (white.std() + 1e-30)
        return cls(limiter, across, along * scale, white.mean(axis=0) * scale)

    @property
    def features(self) -> int:
        """Length of a row."""
        return self.limiter.features

    def __call__(self, X: Array) -> Array:
        """Whiten rows."""
        epochs = self.limiter(X).reshape(len(X), *self.mean.shape)
        return np.asarray(self.across @ epochs @ self.along - self.mean)

    def add_to_graph(self, graph: GraphBuilder, source: str, prefix: str) -> str:
        """Add the same to a graph; returns the name of the epoch (1, channels, times)."""
        held = self.limiter.add_to_graph(graph, source, f"{prefix}limit_", np.float32)
        across = graph.constant(f"{prefix}across", self.across)
        graph.add("MatMul", [across, held], f"{prefix}unmixed")
        along = graph.constant(f"{prefix}along", self.along)
        graph.add("MatMul", [f"{prefix}unmixed", along], f"{prefix}even")
        mean = graph.constant(f"{prefix}mean", self.mean[None])
        return graph.add("Sub", [f"{prefix}even", mean], f"{prefix}white")
