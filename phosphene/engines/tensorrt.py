"""TensorRT and TensorRT-RTX engine files, through the interface that both share.

Building reads ONNX and needs no GPU with TensorRT-RTX; running needs one. Neither is installed with
Phosphene: their licence is NVIDIA's own, and whoever wants them installs them
(``pip install tensorrt``, or ``pip install tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings``).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from phosphene.engine import Array, GraphEngine, TensorSpec
from phosphene.engines.device import NONE, Device
from phosphene.engines.gpu_memory import Gpu
from phosphene.engines.progress import PhaseBar, monitor
from phosphene.errors import BundleError, ConfigError, problem

__all__ = [
    "AHEAD",
    "LICENCE",
    "MODULES",
    "TensorRtEngine",
    "build_plan",
    "name_and_version",
    "targets_of",
    "tensorrt_module",
]

MODULES = ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings")
AHEAD = ("8.0", "8.6", "8.9", "12.0")
"""Compute capabilities for which a machine without a GPU builds, of those the version knows."""
INSTALL = (
    "Install one of them: pip install tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings (builds "
    "without a GPU), or pip install tensorrt."
)
LICENCE = (
    "TensorRT and TensorRT-RTX are NVIDIA's, under its own licence: not part of Phosphene, not to "
    "be passed on with it, and not for medical, life-support or other life-critical use without "
    "an agreement with NVIDIA."
)


def tensorrt_module() -> Any:
    """Return TensorRT or TensorRT-RTX, whichever is installed.

    Raises
    ------
    ConfigError
        If neither is, or its libraries are missing.
    """
    found = []
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            found.append(f"{name}: {error}")
        else:
            if hasattr(module, "Builder"):
                return module
    allowed = " or ".join(MODULES[:2])
    raise ConfigError(problem("TensorRT", "; ".join(found), allowed, INSTALL))


def name_and_version() -> tuple[str, str]:
    """Return what is installed, such as ("tensorrt_rtx", "1.7.1.116")."""
    trt = tensorrt_module()
    return trt.__name__.removesuffix("_bindings"), str(trt.__version__)


def targets_of(device: Device, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """Choose the compute capabilities to build for.

    Parameters
    ----------
    device : Device
        The GPU that is here, or `NONE`.
    wanted : Sequence of str
        Asked for by name; empty is this GPU, or `AHEAD` where there is none.

    Raises
    ------
    ConfigError
        If the installed version knows one of them not, or can target only the GPU that is here.
    """
    known = _known_targets(tensorrt_module())
    if not wanted and device != NONE:
        return (device.capability,)
    if not known:
        got = ", ".join(wanted) or "no GPU"
        raise ConfigError(
            problem("target", got, "the GPU of this machine", "Classic TensorRT builds on the GPU "
                    "that runs it; TensorRT-RTX builds for others too.")
        )  # fmt: skip
    strange = [name for name in wanted if name not in known]
    if strange:
        raise ConfigError(
            problem("target", ", ".join(strange), ", ".join(known), "Name a supported GPU.")
        )
    return tuple(wanted) or tuple(name for name in AHEAD if name in known)


def _known_targets(trt: Any) -> dict[str, Any]:
    members = getattr(getattr(trt, "ComputeCapability", None), "__members__", {})
    return {
        f"{name[2:-1]}.{name[-1]}": value
        for name, value in members.items()
        if name.startswith("SM") and name[2:].isdigit()
    }


def build_plan(graph: bytes, targets: Sequence[str] = (), bar: PhaseBar | None = None) -> bytes:
    """Build an engine file from ONNX, ahead of time.

    Precision is that of the graph (`phosphene.engines.half`).

    Parameters
    ----------
    graph : bytes
        ONNX with fixed shapes.
    targets : Sequence of str
        Compute capabilities, where the version can choose them; empty leaves it its default.
    bar : PhaseBar, optional
        Is told how far the build is.

    Returns
    -------
    bytes
        The engine file; it belongs to the version of TensorRT that has made it.

    Raises
    ------
    BundleError
        Listing what the parser could not read.
    ConfigError
        If TensorRT is not installed.
    """
    trt = tensorrt_module()
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(_flags(trt))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph):
        errors = [parser.get_error(k).desc() for k in range(parser.num_errors)]
        raise BundleError(
            problem("graph", "; ".join(errors), "operators that TensorRT knows", "Use engine cpu.")
        )
    # Held until the build ends: the configuration does not keep it alive.
    watching = None if bar is None else monitor(trt, bar)
    config = _configured(trt, builder, targets, watching)
    plan = builder.build_serialized_network(network, config)
    if bar is not None:
        bar.close()
    if plan is None:
        raise BundleError(problem("graph", "no engine", "one that builds", "Use engine cpu."))
    return bytes(plan)


def _configured(trt: Any, builder: Any, targets: Sequence[str], watching: Any) -> Any:
    config = builder.create_builder_config()
    if hasattr(trt.BuilderFlag, "TF32"):
        # Products of 32 bits are meant to be of 32 bits.
        config.clear_flag(trt.BuilderFlag.TF32)
    known = _known_targets(trt)
    chosen = [known[name] for name in targets if name in known]
    if chosen and hasattr(config, "num_compute_capabilities"):
        config.num_compute_capabilities = len(chosen)
        for k, value in enumerate(chosen):
            config.set_compute_capability(value, k)
    if watching is not None:
        config.progress_monitor = watching
    return config


def _flags(trt: Any) -> int:
    """Types are those of the graph; newer versions know nothing else."""
    known = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if known is None else 1 << int(known)


class TensorRtEngine(GraphEngine):
    """An engine file on the GPU.

    Parameters
    ----------
    plan : bytes
        Of `build_plan`, by the same version of TensorRT.

    Raises
    ------
    ConfigError
        If TensorRT or a GPU is missing.
    BundleError
        If this version cannot read the file.
    """

    def __init__(self, plan: bytes) -> None:
        trt = tensorrt_module()
        self._gpu = Gpu()
        self._words = f"{trt.__name__.removesuffix('_bindings')} {trt.__version__}, GPU"
        self._runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            allowed = f"an engine file of {self._words}"
            raise BundleError(problem("plan", f"{len(plan)} bytes", allowed, "Build it anew."))
        self._context = self._engine.create_execution_context()
        inputs: list[TensorSpec] = []
        outputs: list[TensorSpec] = []
        self._at: dict[str, int] = {}
        for k in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(k)
            shape = tuple(int(n) for n in self._engine.get_tensor_shape(name))
            spec = TensorSpec(
                name, shape, np.dtype(trt.nptype(self._engine.get_tensor_dtype(name)))
            )
            size = int(np.prod(shape, dtype=np.int64)) * spec.dtype.itemsize
            self._at[name] = self._gpu.allocate(max(size, 1))
            self._context.set_tensor_address(name, self._at[name])
            is_input = self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            (inputs if is_input else outputs).append(spec)
        self._inputs, self._outputs = tuple(inputs), tuple(outputs)

    def describe(self) -> str:
        """Return one line: which engine, on what, with how many threads."""
        return self._words

    def _compute(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        for name, array in inputs.items():
            self._gpu.upload(self._at[name], array)
        if not self._context.execute_async_v3(self._gpu.stream):
            raise ConfigError(problem("TensorRT", "a failed run", "success", "Use engine cpu."))
        results = {}
        for spec in self._outputs:
            held = np.empty([n or 0 for n in spec.shape], spec.dtype)
            self._gpu.download(self._at[spec.name], held)
            results[spec.name] = held
        return results
