"""Which engine computes a graph: what the session asks for, or the CPU where that is not there."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Literal, get_args

import onnxruntime as ort

from phosphene.engine import Engine, OnnxEngine
from phosphene.engines.half import half_precision
from phosphene.engines.openvino import OpenVinoEngine, why_no_openvino
from phosphene.engines.reference import ReferenceEngine
from phosphene.engines.tensorrt import TensorRtEngine, build_plan, tensorrt_module
from phosphene.errors import ConfigError, PhospheneError

__all__ = ["ENGINES", "EngineName", "Precision", "open_engine", "why_not_here"]

EngineName = Literal["auto", "cpu", "cuda", "tensorrt", "tensorrt-file", "openvino", "reference"]
"""The engines:

- ``cpu``, ``cuda``, ``tensorrt``: ONNX Runtime with that execution provider;
- ``tensorrt-file``: an engine that TensorRT or TensorRT-RTX builds from the graph at the start;
- ``openvino``: OpenVINO on the CPU, where it is installed, for networks of convolutions;
- ``reference``: numpy, operator by operator, to compare with;
- ``auto``: the CPU, where a window of 10,000 voxels takes less than a copy to the GPU is worth.
"""
Precision = Literal["auto", "fp32", "bf16", "fp16"]
ENGINES: tuple[str, ...] = get_args(EngineName)
_PROVIDERS = {
    "cuda": ("CUDAExecutionProvider",),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
}


def why_not_here(name: str) -> str | None:
    """Say why an engine cannot run on this machine; None where it can as far as one can see."""
    if name in _PROVIDERS:
        wanted = _PROVIDERS[name][0]
        if wanted not in ort.get_available_providers():
            return f"this ONNX Runtime has no {wanted}"
        return _no_driver()
    if name == "tensorrt-file":
        try:
            tensorrt_module()
        except ConfigError:
            return "neither tensorrt nor tensorrt_rtx is installed"
        return _no_driver()
    return why_no_openvino() if name == "openvino" else None


def _no_driver() -> str | None:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver"
    return None


def open_engine(
    graph: bytes,
    name: EngineName = "auto",
    precision: Precision = "fp32",
    threads: int = 1,
    tell: Callable[[str], None] = lambda _line: None,
) -> Engine:
    """Open a graph in an engine.

    Parameters
    ----------
    graph : bytes
        ONNX.
    name : str
        See `EngineName`.
    precision : str
        ``fp16`` computes the large matrices in half precision (`phosphene.engines.half`); ``bf16``
        is OpenVINO's; ``auto`` is bf16 with OpenVINO where the processor has it, else fp32.
    threads : int
        CPU threads.
    tell : Callable
        Gets one line where another engine takes the place of the one asked for.

    Raises
    ------
    BundleError
        If the graph cannot be loaded.
    """
    used = half_precision(graph) if precision == "fp16" else graph
    if name == "reference":
        return ReferenceEngine(used)
    missing = why_not_here(name)
    if precision == "bf16" and (name != "openvino" or missing):
        tell(f"engine {name}: bf16 is OpenVINO's alone; fp32 takes its place")
    if missing is None:
        try:
            if name == "openvino":
                inner = "auto" if precision == "fp16" else precision
                return OpenVinoEngine(used, threads, inner)
            if name == "tensorrt-file":
                return TensorRtEngine(build_plan(used))
            engine = OnnxEngine(used, threads, _PROVIDERS.get(name, ()))
        except PhospheneError as error:
            if name in ("auto", "cpu"):
                raise
            missing = str(error)
        else:
            if name not in _PROVIDERS or engine.provider in _PROVIDERS[name]:
                return engine
            missing = f"it did not start; {engine.provider} did"
    tell(f"engine {name}: {missing}; the CPU takes its place")
    return OnnxEngine(used, threads)
