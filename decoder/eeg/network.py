"""A compact convolution for epochs, as arrays: what training hands over and what is exported.

Each member is a network in the manner of EEGNet (Lawhern et al. 2018, J. Neural Eng. 15:056013),
with the channels combined first. From a white epoch (`decoder.eeg.whiten`):

1. `maps` combinations of channels, each with a filter in time of its own; ELU; means of `pool`
   samples;
2. a second filter in time for each, combined anew; ELU; means of `pool_again` samples;
3. a linear map to the outputs.

Normalisation over batches is part of the filters after training. The members' outputs are
averaged. Everything is computed within one epoch: nothing later and no other epoch counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.eeg.whiten import Whitener
from decoder.graph import GraphBuilder

__all__ = ["Convolution", "Layers", "Shape"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Shape:
    """How large the networks are.

    Attributes
    ----------
    members : int
        Networks that are averaged.
    maps : int
        Combinations of channels in each.
    filter_s, pool_s : float
        Length of the first filter and of the first means, in seconds.
    filter_again, pool_again : int
        Length of the second ones, in samples of what the first leave; the filter odd.
    """

    members: int = 4
    maps: int = 16
    filter_s: float = 0.12
    pool_s: float = 0.03
    filter_again: int = 5
    pool_again: int = 2

    def filter(self, rate_hz: float) -> int:
        """Return the samples of the first filter: odd, 5 or more."""
        return max(5, 2 * (round(self.filter_s * rate_hz) // 2) + 1)

    def pools(self, times: int, rate_hz: float) -> tuple[int, int]:
        """Return the pools for epochs of this length; short epochs have shorter ones."""
        first = max(1, min(round(self.pool_s * rate_hz), times // 4))
        return first, max(1, min(self.pool_again, times // first // 2))


@dataclass(frozen=True)
class Layers:
    """Weights of all members, one behind the other along the first axis.

    Attributes
    ----------
    across : array (members * maps, channels)
    along, along_bias : array (members * maps, filter), (members * maps,)
    again : array (members * maps, filter_again)
    mixed, mixed_bias : array (members, maps, maps), (members * maps,)
    out, bias : array (members * maps * times', outputs), (outputs,)
        times' is what is left after both pools; the mean over members is part of the weights.
    """

    across: Array = field(repr=False)
    along: Array = field(repr=False)
    along_bias: Array = field(repr=False)
    again: Array = field(repr=False)
    mixed: Array = field(repr=False)
    mixed_bias: Array = field(repr=False)
    out: Array = field(repr=False)
    bias: Array = field(repr=False)

    def scaled(self, factor: Array | float, shift: Array | float = 0.0) -> Layers:
        """Return the layers whose outputs are multiplied and shifted."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Layers(**values | {"out": self.out * factor, "bias": self.bias * factor + shift})


@dataclass(frozen=True)
class Convolution:
    """Fitted: rows (n, channels * times) to outputs (n, k)."""

    whitener: Whitener
    layers: Layers
    pools: tuple[int, int]

    @property
    def features(self) -> int:
        """Length of a row."""
        return self.whitener.features

    @property
    def size(self) -> int:
        """Number of outputs."""
        return len(self.layers.bias)

    def __call__(self, X: Array) -> Array:
        """Return the outputs of rows."""
        w = self.layers
        x = w.across @ self.whitener(X)
        x = _pooled(_elu(_filtered(x, w.along) + w.along_bias[:, None]), self.pools[0])
        x = _filtered(x, w.again).reshape(len(x), *w.mixed.shape[:2], -1)
        x = (w.mixed @ x).reshape(len(x), len(w.mixed_bias), -1)
        x = _pooled(_elu(x + w.mixed_bias[:, None]), self.pools[1])
        return np.asarray(x.reshape(len(x), -1) @ w.out + w.bias)

    def add_to_graph(
        self, graph: GraphBuilder, source: str, output: str, temperature: float = 1.0
    ) -> str:
        """Add the same to a graph, outputs divided by `temperature`; returns `output`."""
        p, w = f"{output}_conv_", self.layers.scaled(1.0 / temperature)
        white = self.whitener.add_to_graph(graph, source, p)
        groups = len(w.along)
        across = graph.constant(p + "across_w", w.across[:, :, None])
        graph.add("Conv", [white, across], p + "maps")
        along = graph.constant(p + "along_w", w.along[:, None])
        bias = graph.constant(p + "along_b", w.along_bias)
        half = w.along.shape[1] // 2
        graph.add("Conv", [p + "maps", along, bias], p + "first", group=groups, pads=[half, half])
        x = _add_pooled(graph, p + "first", self.pools[0])
        again = graph.constant(p + "again_w", w.again[:, None])
        half = w.again.shape[1] // 2
        x = graph.add("Conv", [x, again], p + "again", group=groups, pads=[half, half])
        members, maps = w.mixed.shape[:2]
        mixed = graph.constant(p + "mixed_w", w.mixed.reshape(groups, maps, 1))
        bias = graph.constant(p + "mixed_b", w.mixed_bias)
        graph.add("Conv", [x, mixed, bias], p + "second", group=members)
        x = _add_pooled(graph, p + "second", self.pools[1])
        flat = graph.add("Flatten", [x], p + "flat", axis=1)
        out, last = graph.constant(p + "out_w", w.out), graph.constant(p + "out_b", w.bias)
        return graph.add("Gemm", [flat, out, last], output)


def _filtered(x: Array, filters: Array) -> Array:
    """Filter every row of (n, rows, times) by its own symmetric-length filter, zeros outside."""
    half = filters.shape[1] // 2
    padded = np.pad(x, ((0, 0), (0, 0), (half, half)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, filters.shape[1], axis=2)
    return np.asarray(np.einsum("nrtk,rk->nrt", windows, filters))


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


def _pooled(x: Array, length: int) -> Array:
    kept = x.shape[2] // length * length
    return np.asarray(x[:, :, :kept].reshape(*x.shape[:2], -1, length).mean(axis=3))


def _add_pooled(graph: GraphBuilder, source: str, length: int) -> str:
    graph.add("Elu", [source], f"{source}_elu")
    return graph.add(
        "AveragePool", [f"{source}_elu"], f"{source}_pool", kernel_shape=[length], strides=[length]
    )
