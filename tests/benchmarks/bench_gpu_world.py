"""World-256 on a GPU: every engine that runs there, against ONNX Runtime on the CPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import onnxruntime as ort
import torch

from phosphene.engine import Engine, OnnxEngine
from phosphene.engines.bound import PROVIDERS, open_gpu
from phosphene.engines.half_network import half_network
from phosphene.engines.parity import compare, fixed_inputs
from renderer.graph import compose
from renderer.torch_engine import TorchEngine
from tests.benchmarks.bench_gpu_rows import Row, Timer, measure

__all__ = ["WEIGHTS", "engine_rows", "memory_mib", "naive_row", "world_graphs"]

WEIGHTS = Path("renderer/weights/world-256")
Open = Callable[[bytes], Engine]


def memory_mib() -> float:
    """Memory that is in use on the GPU, whoever took it; 0 without one."""
    if not torch.cuda.is_available():
        return 0.0
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 2**20


def world_graphs(folder: Path = WEIGHTS) -> Iterator[tuple[int, bytes]]:
    """Go through the graphs of 1, 2 and 4 steps; none where there are no weights."""
    if (folder / "flow.onnx").exists():
        flow, decoder, low = (
            (folder / f"{n}.onnx").read_bytes() for n in ("flow", "decoder", "low")
        )
        for steps in (1, 2, 4):
            yield steps, compose(flow, decoder, low, steps, "given")


def _ways(device: str) -> Iterator[tuple[str, str, Open]]:
    """Go through name, precision and opener of every engine."""
    yield "torch eager", "fp16", lambda g: TorchEngine(g, device, "fp16", capture=False)
    yield "torch CUDA graph", "fp16", lambda g: TorchEngine(g, device, "fp16")
    yield "torch CUDA graph, 32 bits", "fp32", lambda g: TorchEngine(g, device)
    for name, providers in PROVIDERS.items():
        yield f"ONNX Runtime {name}", "fp16", lambda g, n=name, p=providers: _ort(g, n, p)
    yield "TensorRT file", "fp16", _tensorrt


def _ort(graph: bytes, name: str, providers: tuple[str, ...]) -> Engine:
    if providers[0] not in ort.get_available_providers():
        raise RuntimeError(f"this ONNX Runtime has no {providers[0]}")
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / "phosphene-bench-gpu"
    return open_gpu(half_network(graph), name, 1, folder, print)


def _tensorrt(graph: bytes) -> Engine:
    from phosphene.engines.built import open_built

    return open_built(graph, "fp16", print)


def engine_rows(
    model: str, graph: bytes, steps: int, device: str, timer: Callable[[], Timer]
) -> Iterator[Row]:
    """Measure a graph in every engine; one that gives other numbers is no row."""
    yardstick = OnnxEngine(graph)
    inputs = fixed_inputs(yardstick.inputs)
    for way, precision, opened in _ways(device):
        before, said = memory_mib(), []

        def make(opened: Open = opened, precision: str = precision, said: list[str] = said) -> Any:
            engine = opened(graph)
            found = compare(engine, yardstick, inputs, precision)
            if not found.agrees:
                raise RuntimeError(found.text)
            said.append(found.text.rpartition("thread(s): ")[2])
            return lambda: engine.run(inputs)

        row = measure(Row(model, way, steps), make, timer(), lambda b=before: memory_mib() - b)
        yield replace(row, parity=said[0] if said else "")


def naive_row(model: str, steps: int, device: str, timer: Timer, folder: Path = WEIGHTS) -> Row:
    """Measure what a user of the files would write: eager modules, a loop, 32 bits."""

    def make() -> Callable[[], Any]:
        from renderer.training.stored import load_autoencoder, load_flow

        flow = load_flow(folder / "flow.safetensors").eval().to(device)
        decoder = load_autoencoder(folder / "autoencoder.safetensors").decoder.eval().to(device)
        z_low, c = torch.randn(1, 4, 16, 16, device=device), torch.randn(1, 17, device=device)
        one = torch.ones(1, device=device)

        def frame() -> Any:
            with torch.inference_mode():
                z = torch.randn(1, 4, 32, 32, device=device)
                for k in range(steps):
                    t = one * (1 - k / steps)
                    z = z - flow(z, t, one / steps, z_low, one, c, one) / steps
                x = decoder(z).clamp(-1, 1).permute(0, 2, 3, 1)
                return ((x + 1) * 127.5).to(torch.uint8).cpu().numpy()

        return frame

    before = memory_mib()
    row = measure(Row(model, "naive loop", steps), make, timer, lambda: memory_mib() - before)
    return Row(**asdict(row))
