"""A graph in torch: torch's way to a GPU, and the second reference beside onnx's own.

Every operator that the exports use is one of torch (`renderer.torch_operators`). What depends on
constants and shapes only is computed once; on a GPU the rest is captured as one CUDA graph for each
set of input shapes and replayed, which leaves one launch per run. Found by its name through the
entry points ``phosphene.engines``, since a default installation has no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from phosphene.engine import Array, GraphEngine
from phosphene.engines.reference import specs_of
from phosphene.errors import BundleError, check_all, problem
from renderer.torch_operators import OPERATORS, Operator

__all__ = ["TorchEngine", "open_torch"]

_PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_PRODUCTS = ("Conv", "Gemm", "MatMul")
"""Computed in the asked-for precision; what follows stays in it."""
_EXACT = ("Exp", "Log", "LogSoftmax", "Pow", "ReduceSum", "ReduceMean", "Softplus", "Reciprocal")
"""Sums and logarithms: always in 32 bits."""
WARM_RUNS = 3

Values = dict[str, Tensor]


@dataclass(frozen=True)
class _Step:
    kind: str
    function: Operator
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass
class _Plan:
    """What is left to do for one set of shapes, and what it needs."""

    steps: list[_Step]
    constants: Values
    graph: Any = None
    """The captured CUDA graph, with the arrays that it reads and writes."""
    given: Values = field(default_factory=dict)
    results: Values = field(default_factory=dict)


def open_torch(graph: bytes, precision: str = "fp32", threads: int = 1) -> TorchEngine:
    """Open a graph on the GPU if torch sees one, else on the CPU.

    Parameters
    ----------
    graph : bytes
        ONNX.
    precision : str
        ``auto`` is fp16 on a GPU, else fp32.
    threads : int
        CPU threads; left as they are where there is a GPU.
    """
    on_gpu = torch.cuda.is_available()
    if not on_gpu:
        torch.set_num_threads(threads)
    if precision == "auto":
        precision = "fp16" if on_gpu else "fp32"
    return TorchEngine(graph, "cuda" if on_gpu else "cpu", precision)


class TorchEngine(GraphEngine):
    """An ONNX graph in torch.

    Parameters
    ----------
    graph : bytes
        Of a decoder or a renderer.
    device : str
        Such as ``cpu`` or ``cuda``.
    precision : {"fp32", "fp16", "bf16"}
        Of products and convolutions and what follows them; inputs and outputs keep their type.
    capture : bool
        Replay a captured CUDA graph; has no effect on the CPU.

    Raises
    ------
    BundleError
        Listing the operators that it does not know.
    """

    def __init__(
        self, graph: bytes, device: str = "cpu", precision: str = "fp32", capture: bool = True
    ) -> None:
        try:
            model = onnx.load_from_string(graph)
        except Exception as error:  # protobuf's error classes depend on its implementation
            raise BundleError(
                problem("graph", f"{len(graph)} bytes", "an ONNX graph", "Export it anew.")
            ) from error
        self._inputs, self._outputs = specs_of(model)
        self._device = torch.device(device)
        self._precision = _PRECISIONS[precision]
        self._capture = capture and self._device.type == "cuda"
        unknown = sorted({n.op_type for n in model.graph.node} - set(OPERATORS))
        check_all(
            [problem("operator", name, ", ".join(OPERATORS), "Use engine cpu.")
             for name in unknown],
            BundleError, "torch engine",
        )  # fmt: skip
        # dtypes of torch by way of an empty array: the names of both differ
        self._kinds = {
            spec.name: torch.from_numpy(np.empty(0, spec.dtype)).dtype for spec in self._outputs
        }
        self._held, self._steps = self._read(model)
        self._plans: dict[tuple[tuple[int, ...], ...], _Plan] = {}

    def describe(self) -> str:
        """Return one line: which engine, on what, with how many threads."""
        where = "CPU"
        if self._device.type == "cuda":
            where = torch.cuda.get_device_name(self._device)
            where += ", CUDA graph" if self._capture else ""
        words = f"torch {torch.__version__}, {where}, {str(self._precision).removeprefix('torch.')}"
        return f"{words}, {torch.get_num_threads()} thread(s)"

    def _read(self, model: Any) -> tuple[Values, list[_Step]]:
        held = {c.name: self._tensor(numpy_helper.to_array(c)) for c in model.graph.initializer}
        steps = []
        for node in model.graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                held[node.output[0]] = self._tensor(numpy_helper.to_array(attributes["value"]))
                continue
            steps.append(
                _Step(node.op_type, OPERATORS[node.op_type], tuple(node.input),
                      tuple(node.output), attributes)
            )  # fmt: skip
        return held, steps

    def _compute(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        key = tuple(np.shape(inputs[spec.name]) for spec in self._inputs)
        with torch.inference_mode():
            given = {name: self._tensor(x) for name, x in inputs.items()}
            if key not in self._plans:
                self._plans[key] = self._planned(given)
            results = self._results(self._plans[key], given)
            # One copy back for each output; it waits for the GPU.
            return {spec.name: results[spec.name].cpu().numpy() for spec in self._outputs}

    def _results(self, plan: _Plan, given: Values) -> Values:
        if not self._capture:
            return self._walk(plan, given)
        if plan.graph is None:
            self._record(plan, given)
        for name, value in given.items():
            plan.given[name].copy_(value)
        plan.graph.replay()
        return plan.results

    def _record(self, plan: _Plan, given: Values) -> None:
        plan.given = {name: value.clone() for name, value in given.items()}
        stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_RUNS):
                self._walk(plan, plan.given)
        torch.cuda.current_stream().wait_stream(stream)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            plan.results = self._walk(plan, plan.given)
        plan.graph = captured

    def _planned(self, given: Values) -> _Plan:
        """Run once; keep the steps that depend on the inputs' values, and what they need."""
        values, varying, steps = {**self._held, **given}, set(given), []
        for step in self._steps:
            values.update(self._done(step, values))
            if step.kind != "Shape" and varying.intersection(step.inputs):
                varying.update(step.outputs)
                steps.append(step)
        needed = {name for step in steps for name in step.inputs}
        needed |= {spec.name for spec in self._outputs}
        constants = {name: values[name] for name in needed - varying if name}
        return self._moved(_Plan(steps, constants))

    def _moved(self, plan: _Plan) -> _Plan:
        """Bring weights into the precision, form and place in which they are used each time."""
        for step in plan.steps:
            for k, name in enumerate(step.inputs):
                value = plan.constants.get(name)
                if value is None:
                    continue
                if step.kind == "Gather" and k == 1:
                    plan.constants[name] = value.to(self._device)
                elif step.kind == "Conv" and value.ndim == 4:
                    form = torch.channels_last
                    plan.constants[name] = value.to(self._precision, memory_format=form)
                elif step.kind in _PRODUCTS and value.is_floating_point():
                    plan.constants[name] = value.to(self._precision)
        return plan

    def _walk(self, plan: _Plan, given: Values) -> Values:
        values = {**plan.constants, **given}
        for step in plan.steps:
            values.update(self._done(step, values))
        return {name: values[name].to(kind) for name, kind in self._kinds.items()}

    def _done(self, step: _Step, values: Values) -> Values:
        given = [values[name] if name else None for name in step.inputs]
        if self._precision != torch.float32:
            given = self._in_precision(step.kind, given)
        result = step.function(*given, **step.attributes)
        results = result if isinstance(result, tuple) else (result,)
        return dict(zip(step.outputs, results, strict=True))

    def _in_precision(self, kind: str, given: list[Tensor | None]) -> list[Tensor | None]:
        """Half precision begins at a product and is handed on; other inputs follow it."""
        halves = any(x is not None and x.dtype == self._precision for x in given)
        goal = torch.float32 if kind in _EXACT else self._precision
        if kind == "Cast" or not (halves or kind in _PRODUCTS):
            return given
        return [x.to(goal) if x is not None and x.is_floating_point() else x for x in given]

    def _tensor(self, array: Array) -> Tensor:
        held = torch.from_numpy(np.array(array))
        return held.to(self._device) if held.is_floating_point() else held
