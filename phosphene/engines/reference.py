"""The reference: a graph computed operator by operator in numpy, slowly, as ONNX defines it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from onnx.reference import ReferenceEvaluator

from phosphene.engine import Array, GraphEngine, TensorSpec
from phosphene.errors import BundleError, problem

__all__ = ["ReferenceEngine", "specs_of"]


class ReferenceEngine(GraphEngine):
    """An ONNX graph in onnx's own evaluator; to compare others with, not for live runs.

    Parameters
    ----------
    graph : bytes
        The serialised model.

    Raises
    ------
    BundleError
        If it is no ONNX graph.
    """

    def __init__(self, graph: bytes) -> None:
        try:
            model = onnx.load_from_string(graph)
            self._inputs, self._outputs = specs_of(model)
            self._evaluator = ReferenceEvaluator(model)
        except Exception as error:  # protobuf's error classes depend on its implementation
            raise BundleError(
                problem("graph", f"{len(graph)} bytes", "an ONNX graph", "Export it anew.")
            ) from error

    def describe(self) -> str:
        """Return one line: which engine, on what, with how many threads."""
        return f"onnx {onnx.__version__} reference, numpy"

    def _compute(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        names = [spec.name for spec in self._outputs]
        values = self._evaluator.run(names, dict(inputs))
        return dict(zip(names, values, strict=True))


def specs_of(model: Any) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return inputs and outputs of an ONNX model."""
    constants = {c.name for c in model.graph.initializer}
    inputs = tuple(_spec(v) for v in model.graph.input if v.name not in constants)
    return inputs, tuple(_spec(v) for v in model.graph.output)


def _spec(value: Any) -> TensorSpec:
    tensor = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
    return TensorSpec(value.name, shape, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
