"""Large epochs are held back, so that one artefact does not decide a percept.

Blinks and movements are several times larger than the rest of the EEG, and every decoder here that
is linear in the signal, or in a logarithm of its covariance, follows them. With rms the root mean
square of a channel's epoch, and L the median of it over training epochs, every channel is divided
in the manner of divisive normalisation (Heeger 1992, Vis. Neurosci. 9:181)::

    x -> x / sqrt(1 + (rms(x) / L)^2)

A response keeps its shape, an epoch of ten times the usual size comes out 1.4 times as large as a
usual one, and every epoch is still decoded. Nothing but the epoch itself counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.graph import GraphBuilder

__all__ = ["Limiter"]

Array = npt.NDArray[Any]

_FLOOR_UV = 1e-6


@dataclass(frozen=True)
class Limiter:
    """Rows (n, channels * times) to rows of the same shape.

    Attributes
    ----------
    usual : array (channels,)
        L of each channel, in microvolts.
    times : int
        Samples per channel.
    """

    usual: Array = field(repr=False)
    times: int

    @classmethod
    def of(cls, X: Array, channels: int) -> Limiter:
        """Learn the usual sizes from training epochs (n, channels * times)."""
        epochs = np.asarray(X, np.float64).reshape(len(X), channels, -1)
        usual = np.median(np.sqrt((epochs**2).mean(axis=2)), axis=0)
        return cls(np.maximum(usual, _FLOOR_UV), epochs.shape[2])

    @property
    def features(self) -> int:
        """Length of a row."""
        return len(self.usual) * self.times

    def __call__(self, X: Array) -> Array:
        """Hold rows back."""
        epochs = np.asarray(X, np.float64).reshape(len(X), len(self.usual), self.times)
        power = (epochs**2).mean(axis=2) / self.usual**2
        return np.asarray((epochs / np.sqrt(1.0 + power)[:, :, None]).reshape(len(X), -1))

    def add_to_graph(self, graph: GraphBuilder, source: str, prefix: str, dtype: Any) -> str:
        """Add the same to a graph; returns the name of the epoch (1, channels, times)."""
        p = prefix
        shape = graph.constant(p + "shape", [1, len(self.usual), self.times], np.int64)
        graph.add("Reshape", [source, shape], p + "epoch")
        # Divided before it is squared: nothing overflows in 32 bits.
        usual = graph.constant(p + "usual", self.usual[:, None], dtype)
        graph.add("Div", [p + "epoch", usual], p + "relative")
        graph.add("Mul", [p + "relative", p + "relative"], p + "squares")
        graph.add("ReduceMean", [p + "squares"], p + "power", axes=[2], keepdims=1)
        graph.add("Add", [p + "power", graph.constant(p + "one", 1.0, dtype)], p + "power_1")
        graph.add("Sqrt", [p + "power_1"], p + "size")
        return graph.add("Div", [p + "epoch", p + "size"], p + "held")
