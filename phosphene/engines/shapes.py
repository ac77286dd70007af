"""Graphs with fixed shapes, which is what engines are built for."""

from __future__ import annotations

import onnx

from phosphene.engine import TensorSpec
from phosphene.engines.reference import specs_of
from phosphene.errors import BundleError, problem

__all__ = ["fixed_shapes", "read_graph", "shapes_of"]


def read_graph(graph: bytes) -> onnx.ModelProto:
    """Parse ONNX.

    Raises
    ------
    BundleError
        If it is none.
    """
    try:
        return onnx.load_from_string(graph)
    except Exception as error:  # protobuf's error classes depend on its implementation
        raise BundleError(
            problem("graph", f"{len(graph)} bytes", "an ONNX graph", "Export it anew.")
        ) from error


def shapes_of(specs: tuple[TensorSpec, ...], free: int = 1) -> dict[str, tuple[int, ...]]:
    """Return shapes by name, axes of any length as `free`."""
    return {s.name: tuple(free if n is None else n for n in s.shape) for s in specs}


def fixed_shapes(graph: bytes, free: int = 1) -> bytes:
    """Give every axis of any length, which is the batch, the length `free`.

    Parameters
    ----------
    graph : bytes
        ONNX.
    free : int
        Samples in a batch.

    Returns
    -------
    bytes
        ONNX without free axes at its inputs and outputs.
    """
    model = read_graph(graph)
    specs = specs_of(model)
    shapes = {**shapes_of(specs[0], free), **shapes_of(specs[1], free)}
    for value in (*model.graph.input, *model.graph.output):
        for axis, size in zip(value.type.tensor_type.shape.dim, shapes[value.name], strict=True):
            axis.dim_value = size
    # What was noted of values inside names the free axis still.
    del model.graph.value_info[:]
    fixed: bytes = model.SerializeToString()
    return fixed
