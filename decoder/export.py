"""The model as an ONNX graph.

Input ``x`` (1, window * features) float32, oldest volume first. Outputs: ``z`` (1, *z_shape) and
``c`` (1, C) where decoded, ``log_probabilities`` (1, labels) where there are categories, and
``confidence`` (1,). The formulas are those of `decoder.model` and `decoder.calibrate`. A head that
reads some regions only gathers their features first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from decoder.calibrate import ODDS_LIMIT
from decoder.committee import Committee
from decoder.eeg.network import Convolution
from decoder.export_committee import add_committee
from decoder.graph import Graph
from decoder.images.head import PictureHead
from decoder.linear import Affine
from decoder.power import POWER_FLOOR, PowerHead
from phosphene.errors import InputError, problem

if TYPE_CHECKING:
    from decoder.model import LinearModel

__all__ = ["OPSET", "export_linear"]

OPSET = 17
_IR_VERSION = 9
_WORTH_GATHERING = 0.9
"""A head that reads a smaller share of the features than this gathers them."""


class _Graph(Graph):
    """Names each node by its output."""

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        return super().add(kind, inputs, output, name=output, **attributes)

    def affine(self, source: str, head: Affine, output: str) -> str:
        """Rows times weights plus bias, without the features that nothing depends on."""
        reading = head.weights if head.first is None else head.first
        used = np.flatnonzero(reading.any(axis=1))
        if 0 < len(used) < _WORTH_GATHERING * len(reading):
            index = self.constant(f"{output}_features", used, np.int64)
            source = self.add("Gather", [source, index], f"{output}_gathered", axis=1)
            reading = reading[used]
        weights = reading
        if head.first is not None:
            first = self.constant(f"{output}_first", reading)
            source = self.add("MatMul", [source, first], f"{output}_coordinates")
            weights = head.weights
        bias = self.constant(f"{output}_bias", head.bias)
        return self.add("Gemm", [source, self.constant(f"{output}_weights", weights), bias], output)


def export_linear(model: LinearModel) -> bytes:
    """Write a fitted linear model as ONNX.

    Parameters
    ----------
    model : LinearModel
        Fitted and calibrated.

    Returns
    -------
    bytes
        Serialised model, opset 17, checked.

    Raises
    ------
    InputError
        If the model is not fitted.
    """
    if not model.heads:
        raise InputError(problem("model", "not fitted", "a fitted model", "Call fit first."))
    graph = _Graph()
    outputs = []
    if model.z is not None:
        if isinstance(model.z, PictureHead):
            model.z.add_to_graph(graph, "x", "z_flat")
        else:
            graph.affine("x", model.z, "z_flat")
        shape = graph.constant("z_shape", [1, *model.z_shape], np.int64)
        graph.add("Reshape", ["z_flat", shape], "z")
        outputs.append(("z", [1, *model.z_shape]))
    regressed = "c" if model.mix is None else "c_regressed"
    if model.c is not None:
        if isinstance(model.c, Convolution):
            model.c.add_to_graph(graph, "x", regressed)
        else:
            graph.affine("x", model.c, regressed)
        size = model.c.size if isinstance(model.c, Convolution) else len(model.c.bias)
        outputs.append(("c", [1, size]))
    if model.scores is not None:
        _add_scores(graph, model)
        outputs.append(("log_probabilities", [1, len(model.labels)]))
        if model.c is None:
            prototypes = graph.constant("prototypes", model.shown_prototypes())
            graph.add("MatMul", ["probabilities", prototypes], "c")
            outputs.append(("c", [1, model.prototypes.shape[1]]))
        if model.mix is not None:
            model.mix.add_to_graph(graph, regressed, "category_logs", "c")
        _add_odds(graph)
    if model.trust is not None:
        odds = "odds" if model.scores is not None else graph.constant("odds", [0.0])
        decoded = regressed if model.c is not None or model.scores is not None else "z_flat"
        model.trust.add_to_graph(graph, "x", odds, decoded)
    elif model.scores is None:
        _add_constant_confidence(graph, model.intercept)
    else:
        _add_confidence(graph, model.slope, model.intercept)
    outputs.append(("confidence", [1]))
    head = model.scores or model.z or model.c
    if head is None:
        raise InputError("a decoder without any head cannot be exported")
    return _serialised(graph, head.features, outputs)


def _add_scores(graph: _Graph, model: LinearModel) -> None:
    """Log-probabilities of the labels and probabilities of the categories."""
    # The temperature is folded into the weights: softmax(s / T).
    t = model.temperature
    if isinstance(model.scores, Committee):
        add_committee(graph, model.scores, "x", t)
    elif isinstance(model.scores, Convolution):
        model.scores.add_to_graph(graph, "x", "scores", t)
    elif isinstance(model.scores, PowerHead):
        _add_power(graph, model.scores, t)
    elif model.scores is not None:
        scores = model.scores.dense()
        graph.affine("x", Affine(scores.weights / t, scores.bias / t), "scores")
    graph.add("LogSoftmax", ["scores"], "log_probabilities", axis=1)
    _add_category_nodes(graph, len(model.shown))


def _add_power(graph: _Graph, power: PowerHead, temperature: float) -> None:
    """Logarithms of power at a few frequencies, times weights plus bias."""
    for name, map_ in (("cos", power.cosines), ("sin", power.sines)):
        graph.add("MatMul", ["x", graph.constant(f"{name}_waves", map_)], name)
        graph.add("Mul", [name, name], f"{name}_squared")
    graph.add("Add", ["cos_squared", "sin_squared"], "power_raw")
    graph.add("Add", ["power_raw", graph.constant("floor", POWER_FLOOR)], "power")
    graph.add("Log", ["power"], "log_power")
    head = Affine(power.head.weights / temperature, power.head.bias / temperature)
    graph.affine("log_power", head, "scores")


def _add_category_nodes(graph: _Graph, count: int) -> None:
    """Probabilities of the categories, rest left out."""
    start = graph.constant("first", [0], np.int64)
    end = graph.constant("categories", [count], np.int64)
    axis = graph.constant("label_axis", [1], np.int64)
    graph.add("Slice", ["log_probabilities", start, end, axis], "category_logs")
    graph.add("Exp", ["category_logs"], "probabilities")


def _add_odds(graph: _Graph) -> None:
    """Log odds of the most probable category."""
    low = graph.constant("odds_low", ODDS_LIMIT)
    high = graph.constant("odds_high", 1.0 - ODDS_LIMIT)
    graph.add("ReduceMax", ["probabilities"], "best_raw", axes=[1], keepdims=0)
    graph.add("Clip", ["best_raw", low, high], "best")
    graph.add("Sub", [graph.constant("one", 1.0), "best"], "rest_of_one")
    graph.add("Log", ["best"], "log_best")
    graph.add("Log", ["rest_of_one"], "log_rest")
    graph.add("Sub", ["log_best", "log_rest"], "odds")


def _add_confidence(graph: _Graph, slope: float, intercept: float) -> None:
    """Logistic curve on the log odds."""
    graph.add("Mul", ["odds", graph.constant("slope", slope)], "sloped")
    graph.add("Add", ["sloped", graph.constant("intercept", intercept)], "logit")
    graph.add("Sigmoid", ["logit"], "confidence")


def _add_constant_confidence(graph: _Graph, intercept: float) -> None:
    """Say the same for every window; the input only has to be there."""
    start, end, axis = (graph.constant(f"first_{n}", [v], np.int64) for n, v in
                        (("start", 0), ("end", 1), ("axis", 1)))  # fmt: skip
    graph.add("Slice", ["x", start, end, axis], "first_feature")
    graph.add("Mul", ["first_feature", graph.constant("zero", 0.0)], "nothing")
    shape = graph.constant("one_number", [1], np.int64)
    graph.add("Reshape", ["nothing", shape], "nothing_flat")
    graph.add("Add", ["nothing_flat", graph.constant("intercept", intercept)], "logit")
    graph.add("Sigmoid", ["logit"], "confidence")


def _serialised(graph: _Graph, width: int, outputs: list[tuple[str, list[int]]]) -> bytes:
    float_type = TensorProto.FLOAT
    built = helper.make_graph(
        graph.nodes,
        "phosphene-decoder",
        [helper.make_tensor_value_info("x", float_type, [1, width])],
        [helper.make_tensor_value_info(name, float_type, shape) for name, shape in outputs],
        graph.constants,
    )
    model = helper.make_model(
        built,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="phosphene",
    )
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised
