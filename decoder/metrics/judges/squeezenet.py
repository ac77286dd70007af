"""SqueezeNet v1.0 (Iandola et al. 2016) from its packed form: a judge of 1000 classes in 676 kB.

The packed file (Han, Mao & Dally 2016: pruned, 8-bit codebooks, relative indices) is
uint32 count[26], then for each convolution in order: float32 codebook[256], float32 bias[out],
uint8 codes[count], and ceil(count / 2) bytes of 4-bit gaps, the lower half first. A gap is how many
zeros lie before the weight that a code stands for. The network becomes an ONNX graph in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from decoder.metrics.judges.onnxfile import OnnxJudge
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["CONVOLUTIONS", "Convolution", "graph_of", "open_squeezenet", "unpack"]

Floats = npt.NDArray[np.float32]
_SIDE_PX = 227
_MEAN_BGR = (104.0, 117.0, 123.0)
_FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
_POOLED_AFTER = ("fire4", "fire8")
_OUTPUTS = {"fire4": (256, 9, 9), "fire9": (512, 1, 1), "logits": (1000,)}
_CODEBOOK = 256


@dataclass(frozen=True)
class Convolution:
    """One convolution: name, channels in and out, side of its square kernel."""

    name: str
    inputs: int
    outputs: int
    side: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of its weights."""
        return (self.outputs, self.inputs, self.side, self.side)


def _architecture() -> tuple[Convolution, ...]:
    found, channels = [Convolution("conv1", 3, 96, 7)], 96
    for number, (squeeze, expand) in enumerate(_FIRES, start=2):
        found += [
            Convolution(f"fire{number}-squeeze", channels, squeeze, 1),
            Convolution(f"fire{number}-expand1", squeeze, expand, 1),
            Convolution(f"fire{number}-expand3", squeeze, expand, 3),
        ]
        channels = 2 * expand
    return (*found, Convolution("conv10", channels, 1000, 1))


CONVOLUTIONS = _architecture()


def unpack(
    packed: bytes, convolutions: Sequence[Convolution] = CONVOLUTIONS
) -> list[tuple[Floats, Floats]]:
    """Unpack weights and biases.

    Parameters
    ----------
    packed : bytes
        The whole file.
    convolutions : sequence of Convolution
        What it holds, in order.

    Returns
    -------
    list of (weights (out, in, side, side), bias (out,))

    Raises
    ------
    InputError
        If the file is too short, too long, or points outside a layer.
    """
    head = 4 * len(convolutions)
    if len(packed) < head:
        raise TruncatedError(f"packed SqueezeNet: {len(packed)} bytes, {head} of counts expected")
    counts = np.frombuffer(packed, "<u4", len(convolutions)).astype(np.int64)
    needed = head + sum(
        4 * (_CODEBOOK + c.outputs) + int(n) + -(-int(n) // 2)
        for c, n in zip(convolutions, counts, strict=True)
    )
    if needed != len(packed):
        kind = TruncatedError if len(packed) < needed else InputError
        raise kind(f"packed SqueezeNet: {len(packed)} bytes, its counts say {needed}")
    found, at = [], head
    for c, n in zip(convolutions, counts.tolist(), strict=True):
        codebook = np.frombuffer(packed, "<f4", _CODEBOOK, at)
        bias = np.frombuffer(packed, "<f4", c.outputs, at + 4 * _CODEBOOK)
        at += 4 * (_CODEBOOK + c.outputs)
        codes = np.frombuffer(packed, np.uint8, n, at)
        halves = np.frombuffer(packed, np.uint8, -(-n // 2), at + n)
        at += n + len(halves)
        found.append((_weights(c, codebook, codes, halves), bias.astype(np.float32)))
    return found


def _weights(
    c: Convolution, codebook: Floats, codes: npt.NDArray[Any], halves: npt.NDArray[Any]
) -> Floats:
    gaps = np.stack([halves & 15, halves >> 4], axis=1).reshape(-1)[: len(codes)]
    places = np.cumsum(gaps.astype(np.int64) + 1) - 1
    size = int(np.prod(c.shape))
    if len(places) and places[-1] >= size:
        raise InputError(
            problem(f"packed SqueezeNet, {c.name}", int(places[-1]), f"below {size}", "Get it anew")
        )
    flat = np.zeros(size, np.float32)
    flat[places] = codebook[codes]
    return flat.reshape(c.shape)


def graph_of(weights: Sequence[tuple[Floats, Floats]]) -> bytes:
    """Build the network as an ONNX graph.

    Parameters
    ----------
    weights : sequence of (weights, bias)
        One pair for each of `CONVOLUTIONS`.

    Returns
    -------
    bytes
        Input ``pictures`` uint8 (n, 227, 227, 3); outputs ``fire4`` (behind its pooling, averaged
        to 9 x 9), ``fire9`` (averaged over place) and ``logits``.
    """
    build = _Builder({c.name: pair for c, pair in zip(CONVOLUTIONS, weights, strict=True)})
    build.node("Cast", ["pictures"], "float", to=TensorProto.FLOAT)
    build.node("Transpose", ["float"], "planes", perm=[0, 3, 1, 2])
    build.constant("bgr", np.array([2, 1, 0], np.int64))
    build.node("Gather", ["planes", "bgr"], "swapped", axis=1)
    build.constant("mean", np.array(_MEAN_BGR, np.float32).reshape(1, 3, 1, 1))
    build.node("Sub", ["swapped", "mean"], "centred")
    at = build.pool(build.convolution("conv1", "centred", strides=[2, 2]), "pool1")
    for number in range(2, 2 + len(_FIRES)):
        at = build.fire(f"fire{number}", at)
        if f"fire{number}" in _POOLED_AFTER:
            at = build.pool(at, f"pool{number}")
        if number == 4:
            build.node("AveragePool", [at], "fire4", kernel_shape=[3, 3], strides=[3, 3])
    build.node("GlobalAveragePool", [at], "fire9")
    # The published network pads its last 1 x 1 convolution by one pixel.
    last = build.convolution("conv10", at, pads=[1, 1, 1, 1])
    build.node("GlobalAveragePool", [last], "means")
    build.node("Flatten", ["means"], "logits", axis=1)
    return build.bytes()


class _Builder:
    """Collects nodes and weights of a graph."""

    def __init__(self, weights: dict[str, tuple[Floats, Floats]]) -> None:
        self._weights = weights
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: npt.NDArray[Any]) -> None:
        self._constants.append(numpy_helper.from_array(value, name))

    def convolution(self, name: str, at: str, **attributes: Any) -> str:
        """Add a convolution and its rectifier."""
        weights, bias = self._weights[name]
        self.constant(f"{name}.w", weights)
        self.constant(f"{name}.b", bias)
        self.node("Conv", [at, f"{name}.w", f"{name}.b"], f"{name}.sum", **attributes)
        return self.node("Relu", [f"{name}.sum"], f"{name}.out")

    def fire(self, name: str, at: str) -> str:
        """Add a fire module: squeeze, then two kinds of expansion side by side."""
        squeezed = self.convolution(f"{name}-squeeze", at)
        one = self.convolution(f"{name}-expand1", squeezed)
        three = self.convolution(f"{name}-expand3", squeezed, pads=[1, 1, 1, 1])
        return self.node("Concat", [one, three], f"{name}.out", axis=1)

    def pool(self, at: str, name: str) -> str:
        """Add a pooling that rounds up, as the network was trained with."""
        return self.node("MaxPool", [at], name, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

    def bytes(self) -> bytes:
        """Return the checked graph."""
        given = helper.make_tensor_value_info(
            "pictures", TensorProto.UINT8, ["n", _SIDE_PX, _SIDE_PX, 3]
        )
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])
            for name, shape in _OUTPUTS.items()
        ]
        graph = helper.make_graph(self._nodes, "squeezenet", [given], outputs, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


def open_squeezenet(path: Path) -> OnnxJudge:
    """Open a packed SqueezeNet.

    Parameters
    ----------
    path : Path
        The packed file, or a folder with one ``*.net``; ``synset_words.txt`` beside it names the
        classes.

    Raises
    ------
    InputError
        If it is not there or not of this form.
    """
    files = sorted(path.glob("*.net")) if path.is_dir() else [path]
    if len(files) != 1 or not files[0].is_file():
        allowed = "a packed SqueezeNet, or a folder with one *.net"
        raise InputError(problem("--judge squeezenet", str(path), allowed, "Check the path."))
    packed = files[0].read_bytes()
    names = files[0].with_name("synset_words.txt")
    lines = names.read_text("utf-8").splitlines() if names.is_file() else []
    classes = tuple(line.partition(" ")[2] for line in lines if line.strip())
    digest = hashlib.sha256(packed).hexdigest()
    return OnnxJudge(graph_of(unpack(packed)), "squeezenet", classes, digest)
