"""A fitted `PictureDecoder` as one ONNX graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from decoder.images.painter import Painter
from decoder.images.reconstruct import PictureDecoder

__all__ = ["export_pictures"]

OPSET, IR = 20, 10


class _Graph:
    """Nodes and constants, each node with one output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def value(self, array: Any, kind: type = np.float32) -> str:
        name = f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, kind), name))
        return name

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name


def export_pictures(decoder: PictureDecoder) -> bytes:
    """Return the graph; see `PictureDecoder.export`."""
    found, settings, g = decoder.known(), decoder.settings, _Graph()
    height, width = found.shape
    smoother = found.smoother
    centred = g.add("Sub", "x", g.value(smoother.mean))
    standard = g.add("Div", centred, g.value(smoother.std))
    count = smoother.maps.shape[1]
    weights = g.add("Gemm", standard, g.value(smoother.maps), g.value(np.full(count, 1 / count)))
    picture = _shape(g, decoder, weights)
    if found.painters:
        codes = g.add("MatMul", weights, g.value(found.codes))
        painted = [_paint(g, painter, codes) for painter in found.painters]
        mean = g.add("Mean", *painted)
        share = settings.painter_share
        a = g.add("Mul", mean, g.value(share))
        picture = g.add("Add", a, g.add("Mul", picture, g.value(1.0 - share)))
    g.add("Reshape", picture, g.value([-1, height, width], np.int64), name="pictures")
    twice = g.add("Sub", g.add("Mul", picture, g.value(2.0)), g.value(1.0))
    g.add("Reshape", twice, g.value([-1, 1, height, width], np.int64), name="z")
    return _model(g, len(smoother.mean), (height, width))


def _shape(g: _Graph, decoder: PictureDecoder, weights: str) -> str:
    found, settings = decoder.known(), decoder.settings
    kinds = g.add("MatMul", weights, g.value(found.kinds))
    largest = g.add("ReduceMax", kinds, g.value([1], np.int64), keepdims=1)
    equal = g.add("Equal", kinds, largest)
    most = g.add("Cast", equal, to=TensorProto.FLOAT)
    step = g.add("Mul", g.add("Sub", most, kinds), g.value(settings.kind_share))
    drawn = g.add("Add", kinds, step)
    mean = g.add("MatMul", drawn, g.value(found.kind_distances))
    distances = g.add("Add", mean, g.add("MatMul", weights, g.value(found.residuals)))
    grey = g.add("Sigmoid", g.add("Mul", distances, g.value(2.0 / settings.softness_px)))
    held = g.add("Sub", grey, g.value(settings.cut))
    stretched = g.add("Div", held, g.value(1.0 - 2.0 * settings.cut))
    return g.add("Clip", stretched, g.value(0.0), g.value(1.0))


def _paint(g: _Graph, painter: Painter, codes: str) -> str:
    x = g.add("Div", codes, g.value(painter.scale))
    for w, b in painter.layers[:-1]:
        x = g.add("Gelu", g.add("Gemm", x, g.value(w), g.value(b)))
    w, b = painter.layers[-1]
    return g.add("Sigmoid", g.add("Gemm", x, g.value(w), g.value(b)))


def _model(g: _Graph, voxels: int, shape: tuple[int, int]) -> bytes:
    def info(name: str, *dims: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *dims])

    outputs = [info("pictures", *shape), info("z", 1, *shape)]
    graph = helper.make_graph(g.nodes, "pictures", [info("x", voxels)], outputs, g.constants)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="phosphene",
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content
