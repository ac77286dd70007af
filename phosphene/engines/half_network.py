"""Half precision for networks of convolutions: 16 bits from the first product on.

`phosphene.engines.half` keeps everything but wide matrices in 32 bits, as linear decoders need.
In a network each value has about unit size, so 16 bits begin at a convolution or matrix product and
are handed on through what follows; sums of many numbers and logarithms stay in 32, and so does what
comes before the first product, such as the sine of a time. Types are explicit in the graph, since
builders of today compute what it says and nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from phosphene.engines.reference import specs_of
from phosphene.engines.shapes import read_graph

__all__ = ["half_network", "is_network"]

_START = {"Conv", "Gemm", "MatMul"}
_FOLLOW = {
    "Add", "Clip", "Concat", "DepthToSpace", "Div", "Expand", "Gather", "Gelu", "Identity",
    "InstanceNormalization", "LayerNormalization", "Max", "Min", "Mul", "Neg", "Relu", "Reshape",
    "Resize", "Sigmoid", "Slice", "Softmax", "Split", "Squeeze", "Sub", "Tanh", "Transpose",
    "Unsqueeze", "Where",
}  # fmt: skip
_SHAPES = {"Expand": (1,), "Gather": (1,), "Reshape": (1,), "Slice": (1, 2, 3, 4),
           "Resize": (1, 2, 3), "Split": (1,), "Squeeze": (1,), "Unsqueeze": (1,)}  # fmt: skip
"""Inputs that say a shape or a place, never numbers of the network."""


def is_network(graph: bytes) -> bool:
    """Tell whether a graph has convolutions."""
    return any(node.op_type == "Conv" for node in read_graph(graph).graph.node)


def half_network(graph: bytes) -> bytes:
    """Convert a graph; its inputs and outputs keep their types.

    Parameters
    ----------
    graph : bytes
        ONNX in 32 bits; weights may be stored in 16.

    Returns
    -------
    bytes
        ONNX that computes in 16 bits where that is enough.
    """
    model = read_graph(graph)
    conversion = _Conversion(model)
    for node in list(model.graph.node):
        conversion.take(node)
    conversion.give_back([spec.name for spec in specs_of(model)[1]])
    used = {name for node in conversion.nodes for name in node.input}
    used |= {value.name for value in model.graph.output}
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(conversion.nodes)
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name)
        for name, value in conversion.constants.items()
        if name in used
    )
    onnx.checker.check_model(model)
    converted: bytes = model.SerializeToString()
    return converted


class _Conversion:
    """Walks a graph once and writes it anew."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.constants: dict[str, Any] = {
            c.name: numpy_helper.to_array(c) for c in model.graph.initializer
        }
        self.nodes: list[onnx.NodeProto] = []
        self._half: set[str] = set()
        self._floats: set[str] = {
            s.name for s in specs_of(model)[0] if s.dtype == np.float32
        }  # fmt: skip
        self._made: dict[tuple[str, bool], str] = {}

    def take(self, node: onnx.NodeProto) -> None:
        """Write one node, with the casts that it needs before it."""
        first = node.input[0] if node.input else ""
        if node.op_type == "Cast" and first in self.constants:
            to = helper.tensor_dtype_to_np_dtype(helper.get_attribute_value(node.attribute[0]))
            self.constants[node.output[0]] = self.constants[first].astype(to)
            return
        if node.op_type in ("Shape", "Cast", "Constant"):
            self.nodes.append(node)
            kind = helper.get_attribute_value(node.attribute[0]) if node.op_type == "Cast" else 0
            if kind == TensorProto.FLOAT:
                self._floats.add(node.output[0])
            return
        halves = any(name in self._half for name in self._numbers(node))
        half = node.op_type in _START or (halves and node.op_type in _FOLLOW)
        numeric = any(self._is_float(name) or name in self._half for name in self._numbers(node))
        made = onnx.NodeProto()
        made.CopyFrom(node)
        for k, name in enumerate(node.input):
            if name in self._numbers(node) and k not in _SHAPES.get(node.op_type, ()):
                made.input[k] = self._cast(name, half)
        self.nodes.append(made)
        if numeric:
            (self._half if half else self._floats).update(node.output)

    def give_back(self, outputs: list[str]) -> None:
        """Return outputs of the graph to 32 bits, under their own names."""
        for name in outputs:
            if name not in self._half:
                continue
            inside = f"{name}_16"
            for node in self.nodes:
                node.input[:] = [inside if n == name else n for n in node.input]
                node.output[:] = [inside if n == name else n for n in node.output]
            self.nodes.append(helper.make_node("Cast", [inside], [name], to=TensorProto.FLOAT))

    def _numbers(self, node: onnx.NodeProto) -> list[str]:
        skipped = _SHAPES.get(node.op_type, ())
        return [name for k, name in enumerate(node.input) if name and k not in skipped]

    def _is_float(self, name: str) -> bool:
        value = self.constants.get(name)
        return name in self._floats if value is None else value.dtype == np.float32

    def _cast(self, name: str, half: bool) -> str:
        """Return the name of the value in the wanted precision; casts it where it is not."""
        if not (self._is_float(name) if half else name in self._half):
            return name
        if (name, half) in self._made:
            return self._made[name, half]
        cast = f"{name}_{16 if half else 32}_bits"
        if name in self.constants:
            self.constants[cast] = self.constants[name].astype(np.float16)
        else:
            to = TensorProto.FLOAT16 if half else TensorProto.FLOAT
            self.nodes.append(helper.make_node("Cast", [name], [cast], to=to))
        self._made[name, half] = cast
        return cast
