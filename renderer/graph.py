"""One graph for one picture: network, steps and decoder put together, so that a frame is one call.

Three exported graphs (`flow` u(z_t, t, h, ...), `decoder` z to pictures, `low` the latent that a
low-level z stands for) become one, with the steps z <- z - h u unrolled. Weights are there once for
all steps, in 16 bits if that is how they are stored; what a step has in common with the others
(tokens of c, coordinates) is computed once. The last operator makes bytes: TensorRT takes bytes
nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from phosphene.errors import BundleError, ConfigError, problem

__all__ = ["MOST_STEPS", "StartKind", "compose"]

StartKind = Literal["given", "low", "plain"]
"""Where the way to a picture begins:

- ``given``: at (1 - start_t) start + start_t noise; with start_t = 1 that is noise alone;
- ``low``: the same with the latent of z_low in place of `start`;
- ``plain``: nowhere; the latent of z_low is painted as it stands.
"""
MOST_STEPS = 8
"""Unrolled at most; the network was trained for no shorter ones."""
OPSET = 20
IR_VERSION = 10
_MOVING = ("z_t", "t", "h")
_CONDITIONS = ("c", "has_c", "z_low", "has_z")


def compose(
    flow: bytes, decoder: bytes, low: bytes, steps: int, start: StartKind, guided: bool = False
) -> bytes:
    """Put the graphs together, for one picture at a time.

    Parameters
    ----------
    flow, decoder, low : bytes
        ONNX; `flow` and `decoder` with a free batch size, or 1.
    steps : int
        Equal jumps from start_t to 0, 1 to 8; of no account for ``plain``.
    start : str
        See `StartKind`.
    guided : bool
        Whether each step goes beyond its own: u = u0 + guidance (u - u0), u0 being told nothing
        (Ho and Salimans 2022, eq. 6); it then costs two evaluations and has the input `guidance`.

    Returns
    -------
    bytes
        ONNX with inputs z_low and, but for ``plain``, noise, start_t, has_z, c, has_c, for
        ``given`` start, if guided guidance; outputs `latent` (1, 4, 32, 32) and `picture`
        uint8 (1, height, width, 3). Vectors (start_t, has_z, has_c, guidance) have length 1.

    Raises
    ------
    ConfigError
        If steps or start are not as above.
    BundleError
        If the graphs do not fit together.
    """
    if start not in ("given", "low", "plain"):
        raise ConfigError(problem("start", start, "given, low or plain", "Use given."))
    if not 1 <= steps <= MOST_STEPS:
        raise ConfigError(problem("steps", steps, f"1 to {MOST_STEPS}", "Use 1, 2 or 4."))
    sheet = _Sheet()
    if start == "plain":
        part = _Part(low, "low")
        inputs = part.inputs(("z_low",))
        sheet.add(part, {"z_low": "z_low"}, {"z": "latent"})
    else:
        inputs = _fly(sheet, _Part(flow, "flow"), _Part(low, "low"), steps, start, guided)
    outputs = _paint(sheet, _Part(decoder, "decoder"))
    return _checked(helper.make_graph(sheet.nodes, "picture", inputs, outputs, sheet.constants))


class _Part:
    """A graph that becomes part of another."""

    def __init__(self, content: bytes, name: str) -> None:
        cure = "Take all three from one export."
        try:
            model = onnx.load_model_from_string(content)
        except Exception as error:  # protobuf's error classes depend on its implementation
            raise BundleError(problem(name, f"{len(content)} bytes", "ONNX", cure)) from error
        versions = {o.domain or "ai.onnx": o.version for o in model.opset_import}
        if versions != {"ai.onnx": OPSET} or model.functions:
            raise BundleError(problem(name, versions, f"operators of ONNX {OPSET} only", cure))
        self.name, self.graph = name, model.graph
        self.shapes = {v.name: _one(v) for v in self.graph.input}

    def inputs(self, names: Iterable[str]) -> list[Any]:
        """Describe some of its inputs, for one picture."""
        return [self.value(name) for name in names]

    def value(self, name: str, alias: str | None = None) -> Any:
        """Describe an input, or another of the same shape, for one picture."""
        if name not in self.shapes:
            cure = "Take all three from one export."
            raise BundleError(problem(self.name, sorted(self.shapes), f"an input {name}", cure))
        return helper.make_tensor_value_info(alias or name, TensorProto.FLOAT, self.shapes[name])


class _Sheet:
    """The graph in the making: operators and constants, each there once."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._known: set[str] = set()

    def put(self, kind: str, inputs: Sequence[str], output: str) -> str:
        """Add an operator."""
        if output not in self._known:
            self._known.add(output)
            self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output))
        return output

    def constant(self, name: str, value: Any) -> str:
        """Add numbers in 32 bits."""
        if name not in self._known:
            self._known.add(name)
            array = np.asarray(value, np.float32)
            self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(
        self,
        part: _Part,
        feeds: Mapping[str, str],
        results: Mapping[str, str],
        told: str = "",
        step: str = "",
    ) -> None:
        """Add a part, or what of it differs from when it was last added.

        Parameters
        ----------
        part : _Part
        feeds, results : Mapping of str to str
            Tensors for its inputs, names for its outputs.
        told, step : str
            Names of this set of conditions and of this step: tensors that depend on neither are
            shared by all, those that do not depend on the step by all steps.
        """
        level = {name: 2 if name in _MOVING else 1 for name in feeds}
        names = dict(feeds)
        for constant in part.graph.initializer:
            names[constant.name] = f"{part.name}/{constant.name}"
            if names[constant.name] not in self._known:
                self._known.add(names[constant.name])
                self.constants.append(_renamed(constant, names[constant.name]))
        for node in part.graph.node:
            depth = max((level.get(name, 0) for name in node.input), default=0)
            place = "/".join((part.name, told, step)[: depth + 1])
            for output in node.output:
                level[output] = depth
                names[output] = results.get(output, f"{place}/{output}") if output else ""
            self._copy(node, names)

    def _copy(self, node: Any, names: Mapping[str, str]) -> None:
        made = type(node)()
        made.CopyFrom(node)
        del made.input[:], made.output[:]
        made.input.extend(names[name] if name else "" for name in node.input)
        made.output.extend(names[name] for name in node.output)
        made.name = made.output[0]
        if made.output[0] not in self._known:
            self._known.update(made.output)
            self.nodes.append(made)


def _fly(
    sheet: _Sheet, flow: _Part, low: _Part, steps: int, start: StartKind, guided: bool
) -> list[Any]:
    """Add the way from the start to the latent; return the inputs that it needs."""
    inputs = flow.inputs(("z_low", "has_z", "c", "has_c"))
    inputs += [flow.value("z_t", "noise"), flow.value("t", "start_t")]
    if start == "given":
        inputs.append(flow.value("z_t", "start"))
    else:
        sheet.add(low, {"z_low": "z_low"}, {"z": "start"})
    if guided:
        inputs.append(flow.value("t", "guidance"))
    kept = sheet.put("Sub", (sheet.constant("one", [1.0]), "start_t"), "kept_t")
    old = sheet.put("Mul", (kept, "start"), "kept")
    new = sheet.put("Mul", ("start_t", "noise"), "noised")
    latent = sheet.put("Add", (old, new), "z_0")
    conditions = {name: name for name in ("c", "has_c", "has_z")}
    conditions["z_low"] = sheet.put("Mul", ("z_low", "has_z"), "told_z")
    h = sheet.put("Mul", ("start_t", sheet.constant("share", [1.0 / steps])), "h")
    for k in range(steps):
        t = sheet.put("Mul", ("start_t", sheet.constant(f"left_{k}", [1.0 - k / steps])), f"t_{k}")
        moving = {"z_t": latent, "t": t, "h": h}
        u = f"u_{k}"
        sheet.add(flow, {**conditions, **moving}, {"u": u}, "told", f"{k}")
        if guided:
            u = _guided(sheet, flow, moving, k)
        move = sheet.put("Mul", (h, u), f"move_{k}")
        latent = sheet.put("Sub", (latent, move), "latent" if k == steps - 1 else f"z_{k + 1}")
    return inputs


def _guided(sheet: _Sheet, flow: _Part, moving: Mapping[str, str], k: int) -> str:
    """Add an evaluation without conditions, and go beyond it; return the guided velocity."""
    nothing = {
        name: sheet.constant(f"no_{name}", np.zeros(flow.shapes[name])) for name in _CONDITIONS
    }
    sheet.add(flow, {**nothing, **moving}, {"u": f"u0_{k}"}, "untold", f"{k}")
    pull = sheet.put("Sub", (f"u_{k}", f"u0_{k}"), f"pull_{k}")
    beyond = sheet.put("Mul", ("guidance", pull), f"beyond_{k}")
    return sheet.put("Add", (f"u0_{k}", beyond), f"guided_{k}")


def _paint(sheet: _Sheet, decoder: _Part) -> list[Any]:
    """Add the decoder, with the cast to bytes moved to its end; return the outputs."""
    graph = decoder.graph
    casts = [
        n
        for n in graph.node
        if n.op_type == "Cast" and any(a.i == TensorProto.UINT8 for a in n.attribute)
    ]
    if len(casts) != 1 or len(graph.output) != 1:
        got = f"{len(casts)} casts to bytes"
        raise BundleError(problem(decoder.name, got, "one", "Take all three from one export."))
    cast = casts[0]
    graph.node.remove(cast)
    name = graph.output[0].name
    if cast.output[0] == name:
        last = {cast.input[0]: "grey"}
    else:
        last = {name: "grey"}
        for node in graph.node:
            node.input[:] = [cast.input[0] if n == cast.output[0] else n for n in node.input]
    sheet.add(decoder, {"z": "latent"}, last)
    made = helper.make_node("Cast", ["grey"], ["picture"], name="picture", to=TensorProto.UINT8)
    sheet.nodes.append(made)
    shape = _one(graph.output[0])
    return [
        helper.make_tensor_value_info("latent", TensorProto.FLOAT, decoder.shapes["z"]),
        helper.make_tensor_value_info("picture", TensorProto.UINT8, shape),
    ]


def _checked(graph: Any) -> bytes:
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    try:
        model = onnx.shape_inference.infer_shapes(model)
        onnx.checker.check_model(model)
    except Exception as error:  # both are made in C++ and share no base
        cure = "Take all three from one export."
        raise BundleError(problem("graphs", str(error), "parts that fit", cure)) from error
    content: bytes = model.SerializeToString()
    return content


def _one(value: Any) -> list[int]:
    """Return the shape of a value for one picture: what is free is 1."""
    return [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]


def _renamed(constant: Any, name: str) -> Any:
    made = type(constant)()
    made.CopyFrom(constant)
    made.name = name
    return made
