"""A fitted `PictureDecoder` as nodes of an ONNX graph, and as a graph of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from decoder.graph import Graph, GraphBuilder
from decoder.images.painter import Painter
from decoder.images.reconstruct import PictureDecoder

__all__ = ["add_pictures", "export_pictures"]

# Those of bundles (`decoder.export`), in whose graphs these nodes stand too.
OPSET, IR = 17, 9


class _Builder:
    """Names constants and nodes by number, behind a prefix that nothing else has."""

    def __init__(self, graph: GraphBuilder, prefix: str) -> None:
        self._graph, self._prefix, self._count = graph, prefix, 0

    def value(self, array: Any, kind: type = np.float32) -> str:
        return self._graph.constant(self._name("k"), array, kind)

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        return self._graph.add(kind, list(inputs), name or self._name("v"), **attributes)

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{self._prefix}{kind}{self._count}"


def add_pictures(graph: GraphBuilder, decoder: PictureDecoder, source: str, output: str) -> str:
    """Add what `PictureDecoder.predict` does to a graph.

    Parameters
    ----------
    graph : GraphBuilder
        Collects; its opset is 13 to 17.
    decoder : PictureDecoder
        Fitted.
    source, output : str
        Names of the responses (m, voxels) and of the flat pictures (m, pixels); every other name
        begins with `output`.

    Returns
    -------
    str
        `output`.
    """
    found, settings, g = decoder.known(), decoder.settings, _Builder(graph, f"{output}_")
    smoother = found.smoother
    centred = g.add("Sub", source, g.value(smoother.mean))
    standard = g.add("Div", centred, g.value(smoother.std))
    count = smoother.maps.shape[1]
    weights = g.add("Gemm", standard, g.value(smoother.maps), g.value(np.full(count, 1 / count)))
    if not found.painters:
        return _shape(g, decoder, weights, output)
    shape = _shape(g, decoder, weights, "")
    codes = g.add("MatMul", weights, g.value(found.codes))
    painted = [_paint(g, painter, codes) for painter in found.painters]
    mean = g.add("Mean", *painted)
    share = settings.painter_share
    a, b = g.add("Mul", mean, g.value(share)), g.add("Mul", shape, g.value(1.0 - share))
    return g.add("Add", a, b, name=output)


def export_pictures(decoder: PictureDecoder) -> bytes:
    """Return the graph; see `PictureDecoder.export`."""
    found, graph = decoder.known(), Graph()
    picture = add_pictures(graph, decoder, "x", "picture")
    height, width = found.shape
    g = _Builder(graph, "out_")
    g.add("Reshape", picture, g.value([-1, height, width], np.int64), name="pictures")
    twice = g.add("Sub", g.add("Mul", picture, g.value(2.0)), g.value(1.0))
    g.add("Reshape", twice, g.value([-1, 1, height, width], np.int64), name="z")
    return _model(graph, len(found.smoother.mean), (height, width))


def _shape(g: _Builder, decoder: PictureDecoder, weights: str, name: str) -> str:
    found, settings = decoder.known(), decoder.settings
    kinds = g.add("MatMul", weights, g.value(found.kinds))
    largest = g.add("ReduceMax", kinds, axes=[1], keepdims=1)
    equal = g.add("Equal", kinds, largest)
    most = g.add("Cast", equal, to=TensorProto.FLOAT)
    step = g.add("Mul", g.add("Sub", most, kinds), g.value(settings.kind_share))
    drawn = g.add("Add", kinds, step)
    mean = g.add("MatMul", drawn, g.value(found.kind_distances))
    distances = g.add("Add", mean, g.add("MatMul", weights, g.value(found.residuals)))
    grey = g.add("Sigmoid", g.add("Mul", distances, g.value(2.0 / settings.softness_px)))
    held = g.add("Sub", grey, g.value(settings.cut))
    stretched = g.add("Div", held, g.value(1.0 - 2.0 * settings.cut))
    return g.add("Clip", stretched, g.value(0.0), g.value(1.0), name=name)


def _paint(g: _Builder, painter: Painter, codes: str) -> str:
    x = g.add("Div", codes, g.value(painter.scale))
    for w, b in painter.layers[:-1]:
        x = _gelu(g, g.add("Gemm", x, g.value(w), g.value(b)))
    w, b = painter.layers[-1]
    return g.add("Sigmoid", g.add("Gemm", x, g.value(w), g.value(b)))


def _gelu(g: _Builder, x: str) -> str:
    """Multiply by the normal distribution function; ONNX has it by name from opset 20 on only."""
    erf = g.add("Erf", g.add("Mul", x, g.value(1.0 / np.sqrt(2.0))))
    twice = g.add("Mul", x, g.add("Add", erf, g.value(1.0)))
    return g.add("Mul", twice, g.value(0.5))


def _model(graph: Graph, voxels: int, shape: tuple[int, int]) -> bytes:
    def info(name: str, *dims: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *dims])

    outputs = [info("pictures", *shape), info("z", 1, *shape)]
    built = helper.make_graph(
        graph.nodes, "pictures", [info("x", voxels)], outputs, graph.constants
    )
    model = helper.make_model(
        built,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="phosphene",
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content
