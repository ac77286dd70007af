"""Engines: named arrays in, named arrays out; where the numbers of a fitted graph are computed.

Decoder and renderer see only the `Engine` protocol. `OnnxEngine` runs an ONNX graph with ONNX
Runtime on the CPU, or on a GPU when asked; other engines register no differently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from phosphene.errors import BundleError, ConfigError, InputError, check_all, problem

__all__ = [
    "CPU",
    "Engine",
    "GraphEngine",
    "OnnxEngine",
    "TensorSpec",
    "check_inputs",
    "choose_providers",
]

Array = npt.NDArray[Any]
CPU = "CPUExecutionProvider"

_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(double)": np.dtype(np.float64),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(bool)": np.dtype(np.bool_),
}


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape (None = any length) and dtype of one input or output."""

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]

    def accepts(self, array: Array) -> bool:
        """Tell whether `array` has this dtype and fits this shape."""
        fits = len(self.shape) == array.ndim and all(
            want is None or want == have for want, have in zip(self.shape, array.shape, strict=True)
        )
        return fits and array.dtype == self.dtype

    def __str__(self) -> str:
        sizes = ", ".join("any" if n is None else str(n) for n in self.shape)
        return f"{self.name} ({sizes}) {self.dtype}"


@runtime_checkable
class Engine(Protocol):
    """Computes a fixed graph."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `run` needs."""
        ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `run` gives."""
        ...

    def describe(self) -> str:
        """Return one line: which engine, on what, with how many threads."""
        ...

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs from all inputs, by name."""
        ...


class GraphEngine:
    """What all engines share: what goes in and out, and the check of what goes in.

    A subclass sets `_inputs` and `_outputs` and computes in `_compute`.
    """

    _inputs: tuple[TensorSpec, ...] = ()
    _outputs: tuple[TensorSpec, ...] = ()

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `run` needs."""
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `run` gives."""
        return self._outputs

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs.

        Parameters
        ----------
        inputs : Mapping of str to array
            One array per input, of its exact dtype and shape.

        Returns
        -------
        dict of str to array
            One array per output.

        Raises
        ------
        InputError
            Naming every input that is missing, unknown or of another shape or dtype.
        """
        check_inputs(self._inputs, inputs)
        return self._compute(inputs)

    def _compute(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        raise NotImplementedError


def choose_providers(
    wanted: Sequence[str], available: Sequence[str]
) -> tuple[tuple[str, ...], str]:
    """Choose ONNX Runtime providers by what is there; the CPU always comes last.

    Parameters
    ----------
    wanted : Sequence of str
        In order of preference, such as ("CUDAExecutionProvider",); empty means the CPU.
    available : Sequence of str
        What the installed runtime offers.

    Returns
    -------
    tuple of str
        Providers to hand to the runtime.
    str
        One line that says what was chosen and what was not there.
    """
    chosen = tuple(p for p in wanted if p in available and p != CPU)
    missing = [p for p in wanted if p not in available]
    line = f"runs on {(*chosen, CPU)[0]}"
    if missing:
        line += f"; not available here: {', '.join(missing)}"
    return (*chosen, CPU), line


class OnnxEngine(GraphEngine):
    """An ONNX graph in ONNX Runtime.

    With one thread on the CPU the same input gives the same bits, whatever ran before.

    Parameters
    ----------
    graph : bytes
        The serialised model. Given as bytes so that what was verified is what runs; a graph that
        needs other files (external data) is refused.
    threads : int
        Threads within one operator.
    providers : Sequence of str
        Wanted providers in order of preference; the CPU is always there to fall back on.

    Raises
    ------
    ConfigError
        If `threads` is below 1.
    BundleError
        If the runtime cannot load the graph.
    """

    def __init__(self, graph: bytes, threads: int = 1, providers: Sequence[str] = ()) -> None:
        if threads < 1:
            raise ConfigError(problem("threads", threads, "1 or more", "Use 1 on a shared CPU."))
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning threads steal the cores of the other nodes between two volumes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        chosen, self._choice = choose_providers(providers, ort.get_available_providers())
        try:
            self._session = ort.InferenceSession(graph, options, providers=list(chosen))
        except Exception as error:  # the runtime's error classes share no base but Exception
            raise BundleError(
                problem("graph", f"{len(graph)} bytes", "an ONNX graph", "Export it anew.")
            ) from error
        self._threads = threads
        # A provider that is there may still find no GPU: the runtime then goes on without it.
        self.provider: str = self._session.get_providers()[0]
        if self.provider != chosen[0]:
            self._choice = f"runs on {self.provider}; did not start: {chosen[0]}"
        self._inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self._outputs = tuple(_spec(node) for node in self._session.get_outputs())
        self._output_names = [spec.name for spec in self._outputs]

    def describe(self) -> str:
        """Return one line: which engine, on what, with how many threads."""
        return f"ONNX Runtime {ort.__version__}, {self._choice}, {self._threads} thread(s)"

    def _compute(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        values = self._session.run(self._output_names, dict(inputs))
        return dict(zip(self._output_names, values, strict=True))


def check_inputs(specs: Sequence[TensorSpec], inputs: Mapping[str, Array]) -> None:
    """Raise `InputError` that names every input that is missing, unknown or does not fit."""
    known = {spec.name: spec for spec in specs}
    found = [
        problem(name, "nothing", str(spec), "Give every input of the graph.")
        for name, spec in known.items()
        if name not in inputs
    ]
    for name, array in inputs.items():
        if name not in known:
            found.append(problem(name, "an input", ", ".join(known), "Leave it out."))
        elif not known[name].accepts(array):
            got = f"{array.shape} {array.dtype}"
            found.append(problem(name, got, str(known[name]), "Give the shape of the graph."))
    check_all(found, InputError, "engine inputs")


def _spec(node: Any) -> TensorSpec:
    """Translate the runtime's description; named (dynamic) axes become None."""
    shape = tuple(n if isinstance(n, int) else None for n in node.shape)
    if node.type not in _DTYPES:
        raise BundleError(problem(node.name, node.type, ", ".join(_DTYPES), "Export it anew."))
    return TensorSpec(node.name, shape, _DTYPES[node.type])
