"""ONNX operators in torch: what the graphs of decoder and renderer are made of.

Shapes and indices stay on the CPU, so that a whole graph can be captured on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["OPERATORS", "TYPES", "Operator"]

Operator = Callable[..., Any]
TYPES = {
    1: torch.float32, 2: torch.uint8, 6: torch.int32, 7: torch.int64, 9: torch.bool,
    10: torch.float16, 11: torch.float64, 16: torch.bfloat16,
}  # fmt: skip


def _axes(given: Any) -> tuple[int, ...]:
    return tuple(int(a) for a in given)


def _reduced(function: Callable[..., Tensor]) -> Operator:
    def run(x: Tensor, given: Tensor | None = None, **a: Any) -> Tensor:
        # As an attribute until opset 17, as an input later.
        over = _axes(a.get("axes", [])) if given is None else _axes(given.tolist())
        return function(x, dim=over or tuple(range(x.ndim)), keepdim=bool(a.get("keepdims", 1)))

    return run


def _slice(
    x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None
) -> Tensor:
    over = list(range(len(starts))) if axes is None else axes.tolist()
    if steps is not None and any(step < 1 for step in steps.tolist()):
        raise NotImplementedError("Slice backwards")
    index: list[slice] = [slice(None)] * x.ndim
    by = [1] * len(over) if steps is None else steps.tolist()
    for start, end, axis, step in zip(starts.tolist(), ends.tolist(), over, by, strict=True):
        # Exporters write "to the end" as the largest number there is.
        size = x.shape[axis]
        index[axis] = slice(max(min(start, size), -size), max(min(end, size), -size), step)
    return x[tuple(index)]


def _gemm(a: Tensor, b: Tensor, c: Tensor | None = None, **how: Any) -> Tensor:
    alpha, beta = how.get("alpha", 1.0), how.get("beta", 1.0)
    left = a.T if how.get("transA") else a
    if how.get("transB") and alpha == beta == 1.0 and (c is None or c.ndim == 1):
        return functional.linear(left, b, c)
    right = b.T if how.get("transB") else b
    product = alpha * (left @ right)
    result: Tensor = product if c is None else product + beta * c
    return result


def _transpose(x: Tensor, **a: Any) -> Tensor:
    return x.permute(*_axes(a.get("perm", range(x.ndim)[::-1])))


def _unsqueeze(x: Tensor, axes: Tensor) -> Tensor:
    rank = x.ndim + axes.numel()
    for axis in sorted(a % rank for a in axes.reshape(-1).tolist()):
        x = x.unsqueeze(axis)
    return x


def _squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(_axes(axes.tolist()))


def _reshape(x: Tensor, shape: Tensor, **a: Any) -> Tensor:
    sizes = shape.tolist()
    if not a.get("allowzero"):
        sizes = [x.shape[k] if n == 0 else n for k, n in enumerate(sizes)]
    return x.reshape(sizes)


def _gather(x: Tensor, index: Tensor, **a: Any) -> Tensor:
    axis = int(a.get("axis", 0)) % x.ndim
    size = x.shape[axis]
    flat = index.reshape(-1).to(x.device)
    taken = torch.index_select(x, axis, torch.where(flat < 0, flat + size, flat))
    return taken.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def _split(x: Tensor, sizes: Tensor | None = None, **a: Any) -> tuple[Tensor, ...]:
    axis = int(a.get("axis", 0))
    if sizes is not None:
        return torch.split(x, sizes.tolist(), dim=axis)
    return torch.split(x, -(-x.shape[axis] // int(a["num_outputs"])), dim=axis)


def _shape(x: Tensor, **a: Any) -> Tensor:
    return torch.tensor(list(x.shape)[a.get("start", 0) : a.get("end")], dtype=torch.int64)


def _clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return x if low is None and high is None else torch.clamp(x, low, high)


def _conv(x: Tensor, weight: Tensor, bias: Tensor | None = None, **a: Any) -> Tensor:
    rank = x.ndim - 2
    pads = _axes(a.get("pads", [0] * 2 * rank))
    padding = pads[:rank]
    if pads[rank:] != padding:
        x = functional.pad(x, [n for k in reversed(range(rank)) for n in (pads[k], pads[rank + k])])
        padding = (0,) * rank
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    strides, dilations = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    y: Tensor = convolve(
        x, weight, bias, _axes(strides), padding, _axes(dilations), int(a.get("group", 1))
    )
    return y


def _resize(x: Tensor, _roi: Tensor | None = None, scales: Tensor | None = None,
            sizes: Tensor | None = None, **a: Any) -> Tensor:  # fmt: skip
    whole = tuple(int(n) for n in (scales if scales is not None else torch.ones(0)).tolist()[2:])
    nearest = a.get("mode", b"nearest") == b"nearest"
    floors = a.get("nearest_mode") == b"floor"
    plain = a.get("coordinate_transformation_mode") == b"asymmetric" and floors
    if not nearest or not plain or not whole or sizes is not None:
        raise NotImplementedError("Resize other than nearest, asymmetric, floor, by whole scales")
    return functional.interpolate(x, scale_factor=whole, mode="nearest")


def _to_space(x: Tensor, **a: Any) -> Tensor:
    if a.get("mode", b"DCR") != b"CRD":
        raise NotImplementedError("DepthToSpace other than CRD")
    return functional.pixel_shuffle(x, int(a["blocksize"]))


def _layer_norm(x: Tensor, scale: Tensor, bias: Tensor | None = None, **a: Any) -> Tensor:
    axis = int(a.get("axis", -1)) % x.ndim
    return functional.layer_norm(x, x.shape[axis:], scale, bias, a.get("epsilon", 1e-5))


def _expand(x: Tensor, shape: Tensor) -> Tensor:
    wanted = shape.tolist()
    rank = max(x.ndim, len(wanted))
    have, want = [1] * (rank - x.ndim) + list(x.shape), [1] * (rank - len(wanted)) + wanted
    return x.expand([max(a, b) for a, b in zip(have, want, strict=True)])


def _constant(**a: Any) -> Tensor:
    raise NotImplementedError("Constant")  # read when the graph is loaded


OPERATORS: dict[str, Operator] = {
    "Abs": torch.abs,
    "Add": torch.add,
    "Cast": lambda x, **a: x.to(TYPES[a["to"]]),
    "Clip": _clip,
    "Concat": lambda *x, **a: torch.cat(x, dim=a["axis"]),
    "Constant": _constant,
    "Conv": _conv,
    "Cos": torch.cos,
    "DepthToSpace": _to_space,
    "Div": torch.div,
    "Equal": torch.eq,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Expand": _expand,
    "Floor": torch.floor,
    "Gather": _gather,
    "Gelu": lambda x, **a: functional.gelu(x, approximate=a.get("approximate", b"none").decode()),
    "Gemm": _gemm,
    "Identity": lambda x: x,
    "InstanceNormalization": lambda x, scale, bias, **a: functional.instance_norm(
        x, weight=scale, bias=bias, eps=a.get("epsilon", 1e-5)
    ),
    "LayerNormalization": _layer_norm,
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
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Sigmoid": torch.sigmoid,
    "Sin": torch.sin,
    "Slice": _slice,
    "Softmax": lambda x, **a: torch.softmax(x, dim=a.get("axis", -1)),
    "Softplus": functional.softplus,
    "Split": _split,
    "Sqrt": torch.sqrt,
    "Squeeze": _squeeze,
    "Sub": torch.sub,
    "Tanh": torch.tanh,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": torch.where,
}
