"""Which engine computes a graph: what the session asks for, or the CPU where that is not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any, Literal, get_args

import onnxruntime as ort

from phosphene.engine import Engine, OnnxEngine
from phosphene.engines.bound import PROVIDERS, open_gpu
from phosphene.engines.built import in_precision, open_built
from phosphene.engines.cache import cache_folder
from phosphene.engines.device import NONE, device_here, why_no_driver
from phosphene.engines.half_network import is_network
from phosphene.engines.openvino import OpenVinoEngine, why_no_openvino
from phosphene.engines.reference import ReferenceEngine
from phosphene.engines.tensorrt import tensorrt_module
from phosphene.errors import ConfigError, PhospheneError, problem

__all__ = ["ENGINES", "EngineName", "Precision", "open_engine", "why_not_built", "why_not_here"]

EngineName = Literal[
    "auto", "cpu", "openvino", "cuda", "tensorrt", "tensorrt-file", "torch", "reference"
]
"""The engines:

- ``cpu``, ``cuda``, ``tensorrt``: ONNX Runtime with that execution provider;
- ``tensorrt-file``: an engine of TensorRT or TensorRT-RTX, from the cache or built into it;
- ``torch``: torch, as a CUDA graph where it sees a GPU, else on the CPU;
- ``openvino``: OpenVINO on the CPU, where it is installed, for networks of convolutions;
- ``reference``: numpy, operator by operator, to compare with;
- ``auto``: the CPU, where a window of 10,000 voxels takes less than a copy to the GPU is worth.
"""
Precision = Literal["auto", "fp32", "bf16", "fp16"]
ENGINES: tuple[str, ...] = get_args(EngineName)
GROUP = "phosphene.engines"
"""Entry points of engines that nodes provide: callables (graph, precision, threads) -> Engine."""
_ON_GPU = ("cuda", "tensorrt", "tensorrt-file")
_BF16 = ("openvino", "torch")


def why_not_here(name: str) -> str | None:
    """Say why an engine cannot run on this machine; None where it can as far as one can see."""
    if name in PROVIDERS:
        wanted = PROVIDERS[name][0]
        if wanted not in ort.get_available_providers():
            return f"this ONNX Runtime has no {wanted}"
        return why_no_driver()
    if name == "tensorrt-file":
        return why_not_built() or why_no_driver()
    if name == "torch":
        return _why_no_torch()
    return why_no_openvino() if name == "openvino" else None


def why_not_built() -> str | None:
    """Say why this machine cannot build engine files; None where it can."""
    try:
        name = tensorrt_module().__name__
    except ConfigError:
        return "neither tensorrt nor tensorrt_rtx is installed"
    if name == "tensorrt" and device_here() == NONE:
        return "tensorrt builds on a GPU only (tensorrt_rtx builds without)"
    return None


def _why_no_torch() -> str | None:
    if find_spec("torch") is None:
        return "torch is not installed"
    if not entry_points(group=GROUP, name="torch"):
        return "this installation does not name it; install Phosphene again"
    return None


@dataclass(frozen=True)
class _Wish:
    graph: bytes
    name: str
    precision: str
    threads: int
    tell: Callable[[str], None]
    label: str


def open_engine(
    graph: bytes,
    name: EngineName = "auto",
    precision: Precision = "fp32",
    threads: int = 1,
    tell: Callable[[str], None] = lambda _line: None,
    label: str = "",
) -> Engine:
    """Open a graph in an engine.

    Parameters
    ----------
    graph : bytes
        ONNX.
    name : str
        See `EngineName`.
    precision : str
        ``fp16`` computes large matrices and convolutions in half precision
        (`phosphene.engines.half`, `phosphene.engines.half_network`); ``bf16`` is OpenVINO's and
        torch's; ``auto`` is bf16 with OpenVINO where the processor has it, fp16 on GPUs, else fp32.
    threads : int
        CPU threads.
    tell : Callable
        Gets one line where another engine takes the place of the one asked for.
    label : str
        Name of the graph in the cache of built engines; by default from its hash.

    Raises
    ------
    BundleError
        If the graph cannot be loaded.
    """
    missing = why_not_here(name)
    if precision == "bf16" and (name not in _BF16 or missing):
        tell(f"engine {name}: bf16 is OpenVINO's and torch's alone; fp32 takes its place")
        precision = "fp32"
    wish = _Wish(graph, name, precision, threads, tell, label)
    if missing is None:
        try:
            return _OPENERS[name](wish)
        except PhospheneError as error:
            if name in ("auto", "cpu", "reference"):
                raise
            missing = str(error)
    tell(f"engine {name}: {missing}; the CPU takes its place")
    return _cpu(wish)


def _cpu(wish: _Wish) -> Engine:
    half = wish.precision == "fp16"
    if half and is_network(wish.graph):
        wish.tell("engine cpu: convolutions in 16 bits are slower there; fp32 takes its place")
        half = False
    return OnnxEngine(in_precision(wish.graph, "fp16" if half else "fp32"), wish.threads)


def _reference(wish: _Wish) -> Engine:
    return ReferenceEngine(in_precision(wish.graph, wish.precision))


def _openvino(wish: _Wish) -> Engine:
    half = wish.precision == "fp16"
    inner: Any = "auto" if half else wish.precision
    return OpenVinoEngine(in_precision(wish.graph, wish.precision), wish.threads, inner)


def _on_gpu(wish: _Wish) -> Engine:
    precision = "fp32" if wish.precision == "fp32" else "fp16"
    if wish.name == "tensorrt-file":
        return open_built(wish.graph, precision, wish.tell, wish.label)
    ready = in_precision(wish.graph, precision)
    return open_gpu(ready, wish.name, wish.threads, cache_folder() / wish.name, wish.tell)


def _torch(wish: _Wish) -> Engine:
    (point,) = entry_points(group=GROUP, name="torch")
    try:
        engine: Engine = point.load()(wish.graph, wish.precision, wish.threads)
    except ImportError as error:
        raise ConfigError(
            problem("torch", str(error), "one that loads", 'pip install "torch>=2.11"')
        ) from error
    return engine


_OPENERS: dict[str, Callable[[_Wish], Engine]] = {
    "auto": _cpu,
    "cpu": _cpu,
    "openvino": _openvino,
    "reference": _reference,
    "torch": _torch,
    **dict.fromkeys(_ON_GPU, _on_gpu),
}
