"""OpenVINO: the faster engine on CPUs, for whoever has installed it (``phosphene[openvino]``).

It computes in 16 bits (bf16) by itself where the processor can; here the precision is always said,
so that the numbers are those that were asked for. Its converter would report its use over the
network; it is loaded without the part that could.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import numpy as np

from phosphene.engine import Array, GraphEngine, TensorSpec
from phosphene.errors import BundleError, ConfigError, PhospheneError, problem

__all__ = ["OpenVinoEngine", "OpenVinoPrecision", "has_bf16", "why_no_openvino"]

OpenVinoPrecision = Literal["auto", "fp32", "bf16"]
_LOADING = threading.Lock()
"""Painters open engines from several threads; half an import looks like a broken installation."""
_REPORTER = "openvino_telemetry"
_HINTS = {"fp32": "f32", "bf16": "bf16"}
_DTYPES = {
    "f32": np.float32, "f64": np.float64, "f16": np.float16, "boolean": np.bool_,
    "u8": np.uint8, "i32": np.int32, "i64": np.int64,
}  # fmt: skip
_CURE = 'pip install "phosphene[openvino]", or use the engine cpu.'


def why_no_openvino() -> str | None:
    """Say why OpenVINO cannot run here; None where it can."""
    if importlib.util.find_spec("openvino") is None:
        return "openvino is not installed"
    try:
        found = _core().available_devices
    except ConfigError as error:
        return str(error)
    return None if "CPU" in found else "openvino has no CPU plugin here"


@cache
def has_bf16() -> bool:
    """Tell whether OpenVINO computes in bf16 on this processor (AVX512-BF16 or AMX)."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _core() -> Any:
    """Load the library once, whichever thread comes first; it takes half a second.

    Raises
    ------
    ConfigError
        If it is not there or does not start.
    """
    try:
        with _LOADING:
            return _loaded()
    except Exception as error:  # its own errors share no base but RuntimeError and ImportError
        raise ConfigError(problem("openvino", str(error), "an installed one", _CURE)) from error


@cache
def _loaded() -> Any:
    return _mute_import().Core()


def _mute_import() -> Any:
    """Import it without what reports its use: to the library this then looks not installed."""
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    held = sys.modules.get(_REPORTER)
    sys.modules[_REPORTER] = None  # type: ignore[assignment]  # makes its import fail
    try:
        return importlib.import_module("openvino")
    finally:
        if held is None:
            del sys.modules[_REPORTER]
        else:
            sys.modules[_REPORTER] = held


class OpenVinoEngine(GraphEngine):
    """An ONNX graph in OpenVINO on the CPU, tuned for one answer at a time.

    Parameters
    ----------
    graph : bytes
        The serialised model, with weights inside.
    threads : int
        CPU threads, 1 or more.
    precision : {"auto", "fp32", "bf16"}
        ``auto`` is bf16 where the processor has it, else fp32. Inputs and outputs stay as they are.

    Raises
    ------
    ConfigError
        If OpenVINO is not there, or the arguments are wrong.
    BundleError
        If it cannot load the graph.
    """

    def __init__(
        self, graph: bytes, threads: int = 1, precision: OpenVinoPrecision = "auto"
    ) -> None:
        if threads < 1:
            raise ConfigError(problem("threads", threads, "1 or more", "Use 1 on a shared CPU."))
        if precision == "auto":
            precision = "bf16" if has_bf16() else "fp32"
        if precision not in _HINTS:
            allowed = "auto, fp32 or bf16"
            raise ConfigError(problem("precision", precision, allowed, "Use auto."))
        core = _core()
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            # The session says which cores are whose, not the library.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            model = core.read_model(model=graph)
            self._inputs = tuple(_spec(port) for port in model.inputs)
            self._outputs = tuple(_spec(port) for port in model.outputs)
            self._request = core.compile_model(model, "CPU", settings).create_infer_request()
        except PhospheneError:
            raise
        except Exception as error:  # RuntimeError and its own kinds, without a common name
            raise BundleError(
                problem("graph", f"{len(graph)} bytes, {_first_line(error)}", "an ONNX graph that "
                        "OpenVINO can load", "Export it anew, or use the engine cpu.")
            ) from error  # fmt: skip
        self.precision, self._threads = precision, threads
        self._names = [spec.name for spec in self._outputs]

    def describe(self) -> str:
        """Return one line: which engine, on what, with how many threads."""
        version = sys.modules["openvino"].__version__.split("-")[0]
        return f"OpenVINO {version}, CPU, {self.precision}, {self._threads} thread(s)"

    def _compute(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        held = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        values = self._request.infer(held, share_inputs=True, share_outputs=True)
        # Copied: the library writes the next answer into the same memory.
        return {name: np.array(values[name]) for name in self._names}


def _spec(port: Any) -> TensorSpec:
    kind = port.get_element_type().get_type_name()
    if kind not in _DTYPES:
        cure = "Export it anew."
        raise BundleError(problem(port.get_any_name(), kind, ", ".join(_DTYPES), cure))
    shape = tuple(None if n.is_dynamic else n.get_length() for n in port.get_partial_shape())
    return TensorSpec(port.get_any_name(), shape, np.dtype(_DTYPES[kind]))


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason")
