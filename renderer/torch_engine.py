"""A graph in torch: torch's way to a GPU, and the second reference beside onnx's own.

Every operator that the exports use is one of torch (`renderer.torch_operators`). What depends on
constants and shapes only is computed once; on a GPU the rest is captured as one CUDA graph for each
set of input shapes and replayed, which leaves one launch per run. Found by its name through the
entry points ``phosphene.engines``, since a default installation has no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from phosphene.engine import Array, GraphEngine
from phosphene.engines.reference import specs_of
from phosphene.errors import BundleError, check_all, problem
from renderer.large.work import Captured
from renderer.torch_operators import OPERATORS, Operator

__all__ = ["TorchEngine", "open_torch"]

_PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_PRODUCTS = ("Conv", "Gemm", "MatMul")
"""Computed in the asked-for precision; what follows stays in it."""
_EXACT = ("Exp", "Log", "LogSoftmax", "Pow", "ReduceSum", "ReduceMean", "Softplus", "Reciprocal")
"""Sums and logarithms: always in 32 bits."""

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
    captured: Captured | None = None


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
        names, tensors = list(given), list(given.values())
        if plan.captured is None:

            def function(now: list[Tensor]) -> list[Tensor]:
                made = self._walk(plan, dict(zip(names, now, strict=True)))
                return [made[spec.name] for spec in self._outputs]

            plan.captured = Captured(function, tensors)
        made = plan.captured(tensors)
        return {spec.name: value for spec, value in zip(self._outputs, made, strict=True)}

    def _planned(self, given: Values) -> _Plan:
        """Run once; keep the steps that depend on the inputs' values, and what they need."""
        values, varying, steps = {**self._held, **given}, set(given), []
        constants: Values = {}
        for step in self._steps:
            taken = self._taken(step, values)
            values.update(_results_of(step, taken))
            if step.kind == "Shape" or not varying.intersection(step.inputs):
                continue
            varying.update(step.outputs)
            fixed = {
                f"{step.outputs[0]}/{k}": self._placed(step, k, value)
                for k, value in enumerate(taken)
                if value is not None and step.inputs[k] not in varying
            }
            constants.update(fixed)
            inputs = (f"{step.outputs[0]}/{k}" for k in range(len(step.inputs)))
            named = (a if a in fixed else b for a, b in zip(inputs, step.inputs, strict=True))
            steps.append(replace(step, inputs=tuple(named)))
        unmoved = {s.name: values[s.name] for s in self._outputs if s.name not in varying}
        return _Plan(steps, {**constants, **unmoved})

    def _placed(self, step: _Step, k: int, value: Tensor) -> Tensor:
        """Bring a constant into the place and form in which it is used each time."""
        if step.kind == "Gather" and k == 1:
            return value.to(self._device)
        if step.kind == "Conv" and value.ndim == 4:
            return value.contiguous(memory_format=torch.channels_last)
        return value

    def _walk(self, plan: _Plan, given: Values) -> Values:
        values = {**plan.constants, **given}
        for step in plan.steps:
            values.update(_results_of(step, self._taken(step, values)))
        return {name: values[name].to(kind) for name, kind in self._kinds.items()}

    def _taken(self, step: _Step, values: Values) -> list[Tensor | None]:
        given = [values[name] if name else None for name in step.inputs]
        return given if self._precision == torch.float32 else self._in_precision(step.kind, given)

    def _in_precision(self, kind: str, given: list[Tensor | None]) -> list[Tensor | None]:
        """Half precision begins at a product and is handed on; other inputs follow it."""
        halves = any(x is not None and x.dtype == self._precision for x in given)
        goal = torch.float32 if kind in _EXACT else self._precision
        if kind == "Cast" or not (halves or kind in _PRODUCTS):
            return given
        return [x.to(goal) if x is not None and x.is_floating_point() else x for x in given]

    def _tensor(self, array: Array) -> Tensor:
        held = torch.from_numpy(np.array(array))
        # Shapes and places stay on the CPU.
        numbers = held.is_floating_point() or held.dtype == torch.uint8
        return held.to(self._device) if numbers else held


def _results_of(step: _Step, given: list[Tensor | None]) -> Values:
    result = step.function(*given, **step.attributes)
    results = result if isinstance(result, tuple) else (result,)
    return dict(zip(step.outputs, results, strict=True))
