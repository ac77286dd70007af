"""An engine built once and kept: taken from the cache, or built, checked and put there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from phosphene.engine import Engine, OnnxEngine
from phosphene.engines.cache import EngineCache
from phosphene.engines.device import NONE, Device, device_here
from phosphene.engines.engine_file import NOT_CHECKED, EngineFile, Made
from phosphene.engines.half import half_precision
from phosphene.engines.half_network import half_network, is_network
from phosphene.engines.parity import Parity, compare, fixed_inputs
from phosphene.engines.progress import PhaseBar
from phosphene.engines.shapes import fixed_shapes, shapes_of
from phosphene.engines.tensorrt import (
    LICENCE,
    TensorRtEngine,
    build_plan,
    name_and_version,
    targets_of,
)
from phosphene.errors import BundleError

__all__ = ["Builder", "Built", "in_precision", "open_built"]


def in_precision(graph: bytes, precision: str) -> bytes:
    """Return a graph that computes in ``fp32`` (itself) or ``fp16``; types are explicit in it."""
    if precision != "fp16":
        return graph
    return half_network(graph) if is_network(graph) else half_precision(graph)


@dataclass(frozen=True)
class Built:
    """What there is after a build: the file, what is in it, and whether it was there already."""

    path: Path
    content: EngineFile
    cached: bool


@dataclass(frozen=True)
class Builder:
    """Builds engines of TensorRT or TensorRT-RTX into a cache.

    Parameters
    ----------
    cache : EngineCache
        Where engines are kept.
    tell : Callable
        Gets lines about what happens.
    targets : Sequence of str
        Compute capabilities; empty is the GPU that is here (`targets_of`).
    device : Device
        The GPU that is here.
    progress : bool or None
        Show a bar; None where standard error is a terminal.
    """

    cache: EngineCache = field(default_factory=EngineCache)
    tell: Callable[[str], None] = lambda _line: None
    targets: Sequence[str] = ()
    device: Device = field(default_factory=device_here)
    progress: bool | None = None

    def facts(self, graph: bytes, label: str, precision: str = "fp32") -> Made:
        """Say what an engine of a graph would be built from and for, here and now."""
        engine, version = name_and_version()
        targets = targets_of(self.device, self.targets)
        here = self.device if not self.targets else NONE
        return Made(
            label=label,
            graph=hashlib.sha256(graph).hexdigest(),
            precision=precision,
            shapes=shapes_of(OnnxEngine(graph).inputs),
            engine=engine,
            version=version,
            gpu=here.name,
            capability=here.capability,
            targets=targets,
        )

    def build(self, graph: bytes, label: str, precision: str = "fp32", anew: bool = False) -> Built:
        """Take an engine from the cache, or build it, check it and keep it.

        Raises
        ------
        BundleError
            If the graph cannot be built, or the engine gives other numbers than the graph.
        ConfigError
            If TensorRT is missing, or cannot build for these targets.
        """
        made = self.facts(graph, label, precision)
        if not anew:
            found, refused = self.cache.find(made, self.device)
            for line in refused:
                self.tell(line)
            if found is not None and found.content is not None:
                return Built(found.path, self._checked(graph, found.content), cached=True)
        self.tell(LICENCE)
        ready = fixed_shapes(in_precision(graph, precision))
        plan = build_plan(ready, made.targets, PhaseBar(label, self.progress))
        parity = self._parity(graph, plan, precision)
        path = self.cache.put(made, parity, plan)
        return Built(path, EngineFile(made, parity, plan), cached=False)

    def _checked(self, graph: bytes, held: EngineFile) -> EngineFile:
        """Check an engine that was built without a GPU on the first GPU that it meets."""
        if held.parity != NOT_CHECKED or self.device == NONE:
            return held
        parity = self._parity(graph, held.engine_bytes, held.made.precision)
        self.cache.put(held.made, parity, held.engine_bytes)
        return msgspec.structs.replace(held, parity=parity)

    def _parity(self, graph: bytes, plan: bytes, precision: str) -> str:
        if self.device == NONE:
            return NOT_CHECKED
        found = parity_of(TensorRtEngine(plan), graph, precision)
        if not found.agrees:
            raise BundleError(f"engine: {found.text}; use the engine cpu, or fp32")
        return found.text


def parity_of(engine: Engine, graph: bytes, precision: str) -> Parity:
    """Compare an engine with ONNX Runtime on the CPU, which computes the graph as it is."""
    yardstick = OnnxEngine(graph)
    return compare(engine, yardstick, fixed_inputs(yardstick.inputs), precision)


def open_built(
    graph: bytes, precision: str = "fp32", tell: Callable[[str], None] = lambda _line: None,
    label: str = "",
) -> Engine:  # fmt: skip
    """Open the built engine of a graph on this machine's GPU; builds it where it is not cached.

    Parameters
    ----------
    graph : bytes
        ONNX.
    precision : str
        ``fp32`` or ``fp16``.
    tell : Callable
        Gets lines about what happens.
    label : str
        Name of the engine's file; by default from the graph's hash.

    Raises
    ------
    BundleError, ConfigError
        As `Builder.build`, and where there is no GPU.
    """
    name = label or f"graph-{hashlib.sha256(graph).hexdigest()[:12]}"
    built = Builder(tell=tell).build(graph, name, precision)
    return TensorRtEngine(built.content.engine_bytes)
