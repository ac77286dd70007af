"""ONNX Runtime on a GPU with inputs and outputs that stay in place.

Arrays are bound once to memory of the device; a run copies what came in, computes, and copies what
goes out. With fixed places and shapes the provider can capture its work as a CUDA graph at the
first runs and replay it later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from phosphene.engine import CPU, Array, GraphEngine, TensorSpec
from phosphene.engines.reference import specs_of
from phosphene.engines.shapes import fixed_shapes, read_graph, shapes_of
from phosphene.errors import BundleError, ConfigError, PhospheneError, problem

__all__ = ["PROVIDERS", "BoundEngine", "open_gpu", "provider_options"]

PROVIDERS = {
    "cuda": ("CUDAExecutionProvider",),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
}
WARM_RUNS = 3
"""Runs before the first result: algorithms are chosen in the first, captured in the second."""

Options = list[tuple[str, dict[str, str]]]


def provider_options(name: str, folder: Path, captured: bool = True) -> Options:
    """Return providers and their options.

    Parameters
    ----------
    name : {"cuda", "tensorrt"}
        Which provider comes first.
    folder : pathlib.Path
        Where TensorRT keeps what it builds.
    captured : bool
        Ask for a CUDA graph.
    """
    graph = "1" if captured else "0"
    cuda = {
        "enable_cuda_graph": graph if name == "cuda" else "0",
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "cudnn_conv_use_max_workspace": "1",
        "use_tf32": "0",  # products of 32 bits are meant to be of 32 bits
        "arena_extend_strategy": "kSameAsRequested",
    }
    options: Options = [("CUDAExecutionProvider", cuda), (CPU, {})]
    if name == "tensorrt":
        own = {
            "trt_cuda_graph_enable": graph,
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(folder),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(folder),
        }
        options.insert(0, ("TensorrtExecutionProvider", own))
    return options


class BoundEngine(GraphEngine):
    """A graph in ONNX Runtime, with everything bound to one device.

    Parameters
    ----------
    graph : bytes
        ONNX; free axes become 1.
    providers : sequence of (str, dict)
        In order of preference, with their options.
    device : str
        Where inputs and outputs stay: ``cuda`` or ``cpu``.
    threads : int
        CPU threads, for what the device cannot compute.

    Raises
    ------
    BundleError
        If the graph cannot be loaded.
    ConfigError
        If the first provider did not start.
    """

    def __init__(
        self,
        graph: bytes,
        providers: Sequence[tuple[str, dict[str, str]]],
        device: str = "cuda",
        threads: int = 1,
    ) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        fixed = fixed_shapes(graph)
        try:
            self._session = ort.InferenceSession(fixed, options, providers=list(providers))
        except Exception as error:  # the runtime's error classes share no base but Exception
            raise BundleError(
                problem("graph", str(error)[:200], "one that loads", "Use engine cpu.")
            ) from error
        self.provider: str = self._session.get_providers()[0]
        if self.provider != providers[0][0]:
            got = f"{self.provider} started"
            raise ConfigError(problem("provider", got, providers[0][0], "Use engine cpu."))
        self._inputs, self._outputs = specs_of(read_graph(fixed))
        self._device = device
        self._bind()
        self._words = f"ONNX Runtime {ort.__version__}, runs on {self.provider}, bound to {device}"

    def describe(self) -> str:
        """Return one line: which engine, on what."""
        return self._words

    def _bind(self) -> None:
        """Reserve places on the device and tell the session."""
        self._binding = self._session.io_binding()
        self._held = {spec.name: self._place(spec) for spec in (*self._inputs, *self._outputs)}
        for spec in self._inputs:
            self._binding.bind_ortvalue_input(spec.name, self._held[spec.name])
        for spec in self._outputs:
            self._binding.bind_ortvalue_output(spec.name, self._held[spec.name])

    def _place(self, spec: TensorSpec) -> Any:
        zeros = np.zeros(shapes_of((spec,))[spec.name], spec.dtype)
        return ort.OrtValue.ortvalue_from_numpy(zeros, self._device, 0)

    def _compute(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        for name, array in inputs.items():
            self._held[name].update_inplace(np.ascontiguousarray(array))
        self._session.run_with_iobinding(self._binding)
        return {spec.name: np.array(self._held[spec.name].numpy()) for spec in self._outputs}

    def warm(self) -> None:
        """Run a few times on zeros; errors of capturing come out here.

        Raises
        ------
        BundleError
            If the provider cannot run the graph.
        """
        zeros = {n: np.zeros(shape, s.dtype) for s in self._inputs
                 for n, shape in shapes_of((s,)).items()}  # fmt: skip
        try:
            for _ in range(WARM_RUNS):
                self.run(zeros)
        except Exception as error:  # the runtime's error classes share no base but Exception
            raise BundleError(
                problem("graph", str(error)[:200], "one that runs", "Use engine cpu.")
            ) from error


def open_gpu(
    graph: bytes,
    name: str,
    threads: int,
    folder: Path,
    tell: Callable[[str], None],
    make: Callable[..., BoundEngine] = BoundEngine,
) -> BoundEngine:
    """Open a graph on the GPU as one CUDA graph; where that cannot be captured, without.

    Raises
    ------
    BundleError, ConfigError
        If the provider does not start or cannot run the graph.
    """
    # CUDA and cuDNN may lie in wheels of their own, which the loader does not search.
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        engine = make(graph, provider_options(name, folder), "cuda", threads)
        engine.warm()
    except PhospheneError as error:
        tell(f"engine {name}: no CUDA graph ({str(error)[:200]}); runs operator by operator")
        engine = make(graph, provider_options(name, folder, captured=False), "cuda", threads)
        engine.warm()
    return engine
