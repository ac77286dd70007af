"""A decoder's graph in torch: the second reference beside onnx's own, and torch's way to a GPU.

Every operator that the exports use is one line of torch. Import it where torch is installed; the
decoder node does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from phosphene.engine import Array, TensorSpec, check_inputs
from phosphene.engines.reference import specs_of
from phosphene.errors import BundleError, check_all, problem

__all__ = ["TorchEngine"]

Tensor = torch.Tensor
_TYPES = {1: torch.float32, 7: torch.int64, 6: torch.int32, 10: torch.float16, 11: torch.float64}


def _axes(given: Any) -> tuple[int, ...]:
    return tuple(int(a) for a in given)


def _reduced(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def run(x: Tensor, given: Tensor | None = None, **a: Any) -> Tensor:
        # As an attribute until opset 17, as an input later.
        over = _axes(a.get("axes", [])) if given is None else _axes(given.tolist())
        return function(x, dim=over or tuple(range(x.ndim)), keepdim=bool(a.get("keepdims", 1)))

    return run


def _slice(x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor) -> Tensor:
    for start, end, axis in zip(starts.tolist(), ends.tolist(), axes.tolist(), strict=True):
        x = x.narrow(axis, start, min(end, x.shape[axis]) - start)
    return x


def _gemm(a: Tensor, b: Tensor, c: Tensor | None = None, **how: Any) -> Tensor:
    left = a.T if how.get("transA") else a
    right = b.T if how.get("transB") else b
    product = how.get("alpha", 1.0) * (left @ right)
    result: Tensor = product if c is None else product + how.get("beta", 1.0) * c
    return result


def _transpose(x: Tensor, **a: Any) -> Tensor:
    return x.permute(*_axes(a.get("perm", range(x.ndim)[::-1])))


_OPERATORS: dict[str, Callable[..., Any]] = {
    "Abs": torch.abs,
    "Add": torch.add,
    "Cast": lambda x, **a: x.to(_TYPES[a["to"]]),
    "Clip": lambda x, low, high: torch.clamp(x, low, high),
    "Concat": lambda *x, **a: torch.cat(x, dim=a["axis"]),
    "Div": torch.div,
    "Equal": torch.eq,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Gather": lambda x, i, **a: torch.index_select(x, a.get("axis", 0), i.reshape(-1)),
    "Gemm": _gemm,
    "Identity": lambda x: x,
    "Log": torch.log,
    "LogSoftmax": lambda x, **a: torch.log_softmax(x, dim=a.get("axis", -1)),
    "MatMul": torch.matmul,
    "Max": torch.maximum,
    "Mean": lambda *x: torch.stack(x).mean(dim=0),
    "Min": torch.minimum,
    "Mul": torch.mul,
    "Neg": torch.neg,
    "Pow": torch.pow,
    "Reciprocal": torch.reciprocal,
    "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean),
    "ReduceSum": _reduced(torch.sum),
    "Relu": torch.relu,
    "Reshape": lambda x, shape, **_a: x.reshape(shape.tolist()),
    "Sigmoid": torch.sigmoid,
    "Slice": _slice,
    "Softmax": lambda x, **a: torch.softmax(x, dim=a.get("axis", -1)),
    "Softplus": torch.nn.functional.softplus,
    "Sqrt": torch.sqrt,
    "Sub": torch.sub,
    "Tanh": torch.tanh,
    "Transpose": _transpose,
    "Unsqueeze": lambda x, axes: x.unsqueeze(int(axes)),
}


class TorchEngine:
    """An ONNX graph in torch.

    Parameters
    ----------
    graph : bytes
        Of a decoder.
    device : str
        Such as ``cpu`` or ``cuda``.

    Raises
    ------
    BundleError
        Listing the operators that it does not know.
    """

    def __init__(self, graph: bytes, device: str = "cpu") -> None:
        model = onnx.load_from_string(graph)
        self._inputs, self._outputs = specs_of(model)
        self._device = torch.device(device)
        unknown = sorted({n.op_type for n in model.graph.node} - set(_OPERATORS))
        check_all(
            [problem("operator", name, ", ".join(_OPERATORS), "Use engine cpu.")
             for name in unknown],
            BundleError, "torch engine",
        )  # fmt: skip
        self._held = {
            c.name: self._tensor(numpy_helper.to_array(c)) for c in model.graph.initializer
        }
        self._nodes = [
            (
                _OPERATORS[node.op_type],
                list(node.input),
                node.output[0],
                {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
            )
            for node in model.graph.node
        ]

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `run` needs."""
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `run` gives."""
        return self._outputs

    def describe(self) -> str:
        """Return one line: which engine, on what, with how many threads."""
        return f"torch {torch.__version__}, {self._device}, {torch.get_num_threads()} thread(s)"

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs from all inputs, by name; InputError names every wrong input."""
        check_inputs(self._inputs, inputs)
        values = {**self._held, **{name: self._tensor(x) for name, x in inputs.items()}}
        with torch.inference_mode():
            for function, names, output, attributes in self._nodes:
                given = [values[name] if name else None for name in names]
                values[output] = function(*given, **attributes)
        return {spec.name: values[spec.name].cpu().numpy() for spec in self._outputs}

    def _tensor(self, array: Array) -> Tensor:
        return torch.from_numpy(np.array(array)).to(self._device)
