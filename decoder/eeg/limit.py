"""Large swings are held back, so that one artefact does not decide a percept.

Blinks and movements are several times larger than the rest of the EEG, and every decoder here that
is linear in the signal, or in a logarithm of its covariance, follows them. With r the median over
training epochs of a channel's root mean square, and L = `LIMIT` r::

    x -> L tanh(x / L)

leaves small signals as they are. Every epoch is still decoded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["LIMIT", "GraphBuilder", "Limiter"]

Array = npt.NDArray[Any]

LIMIT = 3.0
"""In median root mean squares of a channel."""
_FLOOR_UV = 1e-6


class GraphBuilder(Protocol):
    """Collects nodes and constants."""

    def constant(self, name: str, value: Any, dtype: Any = ...) -> str:
        """Add a constant and return its name."""
        ...

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        ...


@dataclass(frozen=True)
class Limiter:
    """Rows (n, channels * times) to rows of the same shape.

    Attributes
    ----------
    levels : array (channels * times,)
        L of each feature, in microvolts.
    """

    levels: Array = field(repr=False)

    @classmethod
    def of(cls, X: Array, channels: int, limit: float = LIMIT) -> Limiter:
        """Learn the levels from training epochs (n, channels * times)."""
        epochs = np.asarray(X, np.float64).reshape(len(X), channels, -1)
        usual = np.median(np.sqrt((epochs**2).mean(axis=2)), axis=0)
        return cls(np.repeat(np.maximum(limit * usual, _FLOOR_UV), epochs.shape[2]))

    def __call__(self, X: Array) -> Array:
        """Limit rows."""
        return np.asarray(self.levels * np.tanh(np.asarray(X, np.float64) / self.levels))

    def add_to_graph(self, graph: GraphBuilder, source: str, prefix: str, dtype: Any) -> str:
        """Add the same to a graph; returns the name of the limited row (1, features)."""
        levels = graph.constant(f"{prefix}levels", self.levels[None], dtype)
        graph.add("Div", [source, levels], f"{prefix}relative")
        graph.add("Tanh", [f"{prefix}relative"], f"{prefix}bent")
        return graph.add("Mul", [f"{prefix}bent", levels], f"{prefix}limited")
