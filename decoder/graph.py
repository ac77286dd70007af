"""What collects an ONNX graph while decoders are written into it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

__all__ = ["Graph", "GraphBuilder"]


class GraphBuilder(Protocol):
    """Collects the nodes and constants of a graph."""

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        """Keep a constant; returns its name."""
        ...

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        ...


class Graph:
    """A `GraphBuilder`; each node has one output.

    Attributes
    ----------
    nodes, constants : list
        In the order in which they came.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        """Keep a constant; returns its name."""
        from onnx import numpy_helper  # nodes that only run graphs do without

        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output
