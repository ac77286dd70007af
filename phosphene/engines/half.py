"""Half precision: the matrices of a graph in 16 bits, all else in 32.

Matrices are what takes time; those with few columns (categories, the components of
`decoder.familiar`) take little, and sum up to large numbers, which 16 bits round to hundredths:
they stay as they are. Each column of the others is scaled so that its largest weight is 1 (weights
of a decoder of many voxels are too small for 16 bits otherwise), the input is cast to 16 bits, and
the output back to 32, where scale and bias come in. The graph's own inputs and outputs keep their
type.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from phosphene.errors import BundleError, problem

__all__ = ["half_precision"]

_WORTH = 64
"""Matrices with fewer columns than this stay in 32 bits."""
_PRODUCTS = ("Gemm", "MatMul")


def half_precision(graph: bytes, least: int = _WORTH) -> bytes:
    """Convert a graph.

    Parameters
    ----------
    graph : bytes
        ONNX in 32 bits.
    least : int
        Columns from which on a matrix is converted.

    Returns
    -------
    bytes
        ONNX with the same inputs and outputs.

    Raises
    ------
    BundleError
        If it is no ONNX graph.
    """
    try:
        model = onnx.load_from_string(graph)
    except Exception as error:  # protobuf's error classes depend on its implementation
        raise BundleError(
            problem("graph", f"{len(graph)} bytes", "an ONNX graph", "Export it anew.")
        ) from error
    constants = {c.name: c for c in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        weights = constants.get(node.input[1]) if node.op_type in _PRODUCTS else None
        if weights is None or not _convertible(node, weights, least):
            nodes.append(node)
            continue
        nodes += _halved(node, numpy_helper.to_array(weights), model.graph.initializer)
    used = {name for node in nodes for name in node.input}
    kept = [c for c in model.graph.initializer if c.name in used]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(kept)
    onnx.checker.check_model(model)
    converted: bytes = model.SerializeToString()
    return converted


def _convertible(node: onnx.NodeProto, weights: onnx.TensorProto, least: int) -> bool:
    plain = all(
        (a.name in ("alpha", "beta") and a.f == 1.0) or (a.name in ("transA", "transB") and not a.i)
        for a in node.attribute
    )
    wide = len(weights.dims) == 2 and weights.dims[1] >= least
    return plain and wide and weights.data_type == TensorProto.FLOAT


def _halved(
    node: onnx.NodeProto, weights: np.ndarray, constants: list[onnx.TensorProto]
) -> list[onnx.NodeProto]:
    """Cast, multiply in 16 bits, cast back, scale, add the bias."""
    name = node.output[0]
    largest = np.abs(weights).max(axis=0)
    scale = np.where(largest > 0, largest, 1.0).astype(np.float32)
    constants.append(
        numpy_helper.from_array((weights / scale).astype(np.float16), f"{name}_weights_16")
    )
    constants.append(numpy_helper.from_array(scale, f"{name}_scale"))
    biased = len(node.input) > 2 and bool(node.input[2])
    made = [
        helper.make_node("Cast", [node.input[0]], [f"{name}_in_16"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", [f"{name}_in_16", f"{name}_weights_16"], [f"{name}_out_16"]),
        helper.make_node("Cast", [f"{name}_out_16"], [f"{name}_out_32"], to=TensorProto.FLOAT),
        helper.make_node(
            "Mul", [f"{name}_out_32", f"{name}_scale"], [f"{name}_scaled" if biased else name]
        ),
    ]
    if biased:
        made.append(helper.make_node("Add", [f"{name}_scaled", node.input[2]], [name]))
    return made
