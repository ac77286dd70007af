"""A committee (`decoder.committee`) as nodes of an ONNX graph, in 64 bits.

ONNX has no eigenvalues, so the matrix logarithm is made of products. With s the Frobenius norm of a
positive definite A, and A_0 = A / s, whose eigenvalues lie in (0, 1]::

    A_r = sqrt(A_(r-1)),  r = 1 ... R          (Newton-Schulz: Y <- Y T, Z <- T Z,
                                                T = (3 I - Z Y) / 2, from Y = A_(r-1), Z = I)
    log A = log(s) I - 2^R (E + E^2 / 2 + E^3 / 3 + ...),    E = I - A_R

(inverse scaling and squaring; Higham 2008, Functions of Matrices, sections 6.7 and 11.5). `STEPS`
is enough for condition numbers up to 10^6. Maps of one size are computed side by side.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from decoder.committee import Committee
from decoder.linear import Affine
from decoder.riemann import TangentMap, triangle

__all__ = ["GraphBuilder", "add_committee", "add_log"]

Array = npt.NDArray[Any]

STEPS = (24, 16, 12, 10, 8)
"""Newton-Schulz steps of each square root."""
_TERMS = 22


class GraphBuilder(Protocol):
    """Collects nodes and constants."""

    def constant(self, name: str, value: Any, dtype: Any = ...) -> str:
        """Add a constant and return its name."""
        ...

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        ...


def add_committee(
    graph: GraphBuilder, committee: Committee, source: str, temperature: float
) -> str:
    """Add the nodes; return the name of the scores (1, classes), 32 bits.

    Parameters
    ----------
    graph : GraphBuilder
    committee : Committee
    source : str
        Name of the row (1, channels * times), 32 bits.
    temperature : float
        Divides the scores.
    """
    x = graph.add("Cast", [source], "row64", to=TensorProto.DOUBLE)
    held = committee.limiter.add_to_graph(graph, x, "limit_", np.float64)
    long = graph.constant("row_shape", [1, committee.features], np.int64)
    x = graph.add("Reshape", [held, long], "row_held")
    weights = graph.constant("waveforms_w", committee.waveforms.weights / temperature, np.float64)
    biases = committee.waveforms.bias + sum(head.bias for _, head in committee.tangents)
    bias = graph.constant("votes_b", np.atleast_1d(biases) / temperature, np.float64)
    graph.add("MatMul", [x, weights], "waveform_votes")
    total = graph.add("Add", ["waveform_votes", bias], "votes_0")
    alike: dict[int, list[tuple[TangentMap, Affine]]] = defaultdict(list)
    for tangent, head in committee.tangents:
        alike[tangent.size].append((tangent, head))
    for size, members in sorted(alike.items()):
        votes = _add_tangents(graph, members, size, x, temperature)
        total = graph.add("Add", [total, votes], f"votes_{size}")
    return graph.add("Cast", [total], "scores", to=TensorProto.FLOAT)


def _add_tangents(
    graph: GraphBuilder,
    members: list[tuple[TangentMap, Affine]],
    size: int,
    x: str,
    temperature: float,
) -> str:
    """Votes (1, classes) of maps of one size, m of them side by side."""
    first = members[0][0]
    times = first.expected.shape[1]
    p = f"t{size}_"

    def constant(name: str, value: Any) -> str:
        return graph.constant(p + name, value, np.float64)

    shape = graph.constant(p + "shape", [1, first.channels, times], np.int64)
    epoch = graph.add("Reshape", [x, shape], p + "epoch")  # (1, channels, times)
    filters = constant("filters", np.stack([t.filters for t, _ in members]))
    keep = constant("keep", np.stack([np.eye(times) - t.slow @ t.slow.T for t, _ in members]))
    graph.add("MatMul", [filters, epoch], p + "filtered")  # (m, f, times)
    graph.add("MatMul", [p + "filtered", keep], p + "seen")
    expected = constant("expected", np.stack([t.expected for t, _ in members]))
    both = graph.add("Concat", [expected, p + "seen"], p + "both", axis=1)  # (m, 2 f, times)
    turned = graph.add("Transpose", [both], p + "turned", perm=[0, 2, 1])
    raw = graph.add("MatMul", [both, turned], p + "raw")
    # C = ((1 - a) S + a tr(S) / d I) / times, a the shrinkage
    share = np.array([t.shrinkage for t, _ in members])[:, None, None]
    scaled = graph.add("Mul", [raw, constant("own", (1 - share) / times)], p + "scaled")
    squares = graph.add("Mul", [both, both], p + "squares")
    axes = graph.constant(p + "axes", [1, 2], np.int64)
    trace = graph.add("ReduceSum", [squares, axes], p + "trace", keepdims=1)
    sphere = constant("sphere", share / (times * size) * np.eye(size))
    round_part = graph.add("Mul", [trace, sphere], p + "round")
    shrunken = graph.add("Add", [scaled, round_part], p + "covariance")
    white = constant("whitener", np.stack([t.whitener for t, _ in members]))
    graph.add("MatMul", [white, shrunken], p + "half_white")
    whitened = graph.add("MatMul", [p + "half_white", white], p + "whitened")
    logarithm = add_log(graph, whitened, size, p)
    row = graph.constant(p + "row", [len(members), 1, size * size], np.int64)
    vectors = graph.add("Reshape", [logarithm, row], p + "vectors")
    heads = np.stack([_square(h.weights, size) for _, h in members]) / temperature
    votes = graph.add("MatMul", [vectors, constant("heads", heads)], p + "each")
    over = graph.constant(p + "members", [0], np.int64)
    return graph.add("ReduceSum", [votes, over], p + "votes", keepdims=0)


def _square(weights: Array, size: int) -> Array:
    """Weights of a whole matrix (size * size, classes) from those of its upper triangle."""
    rows, columns, factors = triangle(size)
    full = np.zeros((size, size, weights.shape[1]))
    full[rows, columns] = weights * factors[:, None]
    return full.reshape(size * size, -1)


def add_log(graph: GraphBuilder, source: str, size: int, prefix: str) -> str:
    """Add the logarithm of positive definite matrices (m, size, size); return its name."""
    p = prefix

    def constant(name: str, value: Any) -> str:
        return graph.constant(p + name, value, np.float64)

    one = constant("one", np.eye(size))
    three, half = constant("three", 3 * np.eye(size)), constant("half", 0.5)
    axes = graph.constant(p + "log_axes", [1, 2], np.int64)
    graph.add("Mul", [source, source], p + "squared")
    graph.add("ReduceSum", [p + "squared", axes], p + "norm2", keepdims=1)
    norm = graph.add("Sqrt", [p + "norm2"], p + "norm")
    now = graph.add("Div", [source, norm], p + "root_0")
    for r, steps in enumerate(STEPS, start=1):
        y, z = now, one
        for k in range(steps):
            q = f"{p}{r}_{k}_"
            product = graph.add("MatMul", [z, y], q + "zy")
            missing = graph.add("Sub", [three, product], q + "gap")
            t = graph.add("Mul", [missing, half], q + "t")
            y = graph.add("MatMul", [y, t], q + "y")
            z = graph.add("MatMul", [t, z], q + "z")
        now = y
    error = graph.add("Sub", [one, now], p + "e")
    # Horner: E (I + E (I / 2 + E (I / 3 + ...)))
    series = constant(f"term_{_TERMS}", np.eye(size) / _TERMS)
    for k in range(_TERMS - 1, 0, -1):
        graph.add("MatMul", [error, series], f"{p}horner_{k}")
        term = constant(f"term_{k}", np.eye(size) / k)
        series = graph.add("Add", [f"{p}horner_{k}", term], f"{p}series_{k}")
    graph.add("MatMul", [error, series], p + "sum")
    graph.add("Mul", [p + "sum", constant("power", -(2.0 ** len(STEPS)))], p + "log_unit")
    graph.add("Log", [norm], p + "log_norm")
    graph.add("Mul", [p + "log_norm", one], p + "log_scale")
    return graph.add("Add", [p + "log_unit", p + "log_scale"], p + "log")
