"""One process that paints one frame after the other and says how long each took.

``python -m tests.benchmarks.bench_render_work '{"kind": "own", ...}'`` prints JSON. Each engine and
each peer runs in a process of its own, so that no library's threads meet another's.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.session import RendererSettings
from phosphene.stimuli import draw, embed, sample_scene
from phosphene.stimuli.encoder import WorldEncoder
from renderer.painter import Mode, Painter, open_painter
from tests.benchmarks.bench_render_stats import timing

__all__ = ["CONDITIONS", "conditions", "painter_of", "timed"]

Array = npt.NDArray[np.float32]
Paint = Callable[[int], npt.NDArray[np.uint8]]
"""Paints frame k, from percept to uint8 picture."""
Name = Callable[[], str]
"""Says what has painted, with versions, once it has painted."""
CONDITIONS = 16
WARM_UP, LEAST = 8, 20
"""Frames before the first that counts, and the fewest that count."""


@cache
def conditions(seed: int = 0) -> tuple[Array, Array]:
    """Return z (16, 4, 16, 16) and c (16, C_DIM) of scenes of the world, taken in turns."""
    rng = np.random.default_rng(seed)
    scenes = [sample_scene(rng) for _ in range(CONDITIONS)]
    z = WorldEncoder().encode(np.stack([draw(scene) for scene in scenes]))
    return z, np.stack([embed(scene) for scene in scenes]).astype(np.float32)


def timed(paint: Paint, seconds: float) -> dict[str, Any]:
    """Paint for `seconds`, after a few frames that do not count."""
    for k in range(WARM_UP):
        picture = paint(k)
    each: list[float] = []
    cpu_s, begin_s = time.process_time(), time.perf_counter()
    while (now_s := time.perf_counter()) - begin_s < seconds or len(each) < LEAST:
        picture = paint(len(each))
        each.append(time.perf_counter() - now_s)
    found = timing(each, time.process_time() - cpu_s)
    return {**found, "seconds": each, "size_px": picture.shape[0]}


def painter_of(spec: dict[str, Any]) -> tuple[Painter, RendererSettings]:
    """Open the painter that `spec` names, by the door that the node takes.

    Another engine that would take the place of the one asked for is an error here.
    """

    def refuse(line: str) -> None:
        raise RuntimeError(line)

    names = ("model", "engine", "precision", "threads")
    settings = RendererSettings(**{name: spec[name] for name in names if name in spec})
    return open_painter(None, settings, refuse), settings


def _own(spec: dict[str, Any]) -> tuple[Name, Callable[[int, Mode], Paint]]:
    painter, settings = painter_of(spec)
    z, c = conditions()
    noise = np.random.default_rng(0).standard_normal(painter.noise_shape, dtype=np.float32)

    def of(steps: int, mode: Mode) -> Paint:
        def paint(k: int) -> npt.NDArray[np.uint8]:
            at = k % CONDITIONS
            return painter.render(z[at], c[at], noise, steps, mode)

        return paint

    def name() -> str:
        describe = getattr(painter, "describe", None)
        return f"{settings.model}: {describe()}" if describe else settings.model

    return name, of


def _reference(spec: dict[str, Any]) -> tuple[Name, Callable[[int, Mode], Paint]]:
    """Run the random-weight graph as its runtimes come, threads and precision apart."""
    _, c = conditions()
    noise = np.random.default_rng(0).standard_normal((1, 4, 32, 32), dtype=np.float32)
    context = np.repeat(c[:, None, :1], 4, 1).repeat(256, 2)
    one = np.ones(1, np.float32)
    run, line = _session(spec) if spec["engine"] == "cpu" else _compiled(spec)

    def of(steps: int, mode: Mode) -> Paint:
        if steps != 1:
            raise ValueError("the reference graph has its one step inside")
        return lambda k: run(
            {"z": noise, "t": one, "h": one, "c": context[k % CONDITIONS : k % CONDITIONS + 1]}
        )[0]

    return lambda: line, of


def _session(spec: dict[str, Any]) -> tuple[Callable[[dict[str, Array]], Any], str]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = spec["threads"], 3
    session = ort.InferenceSession(spec["graph"], options, providers=["CPUExecutionProvider"])
    return lambda feed: session.run(["picture"], feed)[0], f"ONNX Runtime {ort.__version__}"


def _compiled(spec: dict[str, Any]) -> tuple[Callable[[dict[str, Array]], Any], str]:
    openvino = importlib.import_module("openvino")
    kind = {"fp32": "f32", "bf16": "bf16"}[spec["precision"]]
    held = {
        "INFERENCE_PRECISION_HINT": kind, "INFERENCE_NUM_THREADS": spec["threads"],
        "PERFORMANCE_HINT": "LATENCY",
    }  # fmt: skip
    compiled = openvino.Core().compile_model(Path(spec["graph"]), "CPU", held)
    request = compiled.create_infer_request()
    version = openvino.__version__.split("-")[0]
    return lambda feed: request.infer(feed)[0].copy(), f"OpenVINO {version}"


def _peer(spec: dict[str, Any]) -> tuple[Name, Callable[[int, Mode], Paint]]:
    peers = importlib.import_module("tests.benchmarks.bench_render_peers")
    line, of = peers.open_peer(spec["kind"], spec["threads"], spec["weights"])
    return lambda: str(line), of


def measured(spec: dict[str, Any]) -> dict[str, Any]:
    """Do what `spec` says: its ``runs`` of steps and mode, ``seconds`` each."""
    openers = {"own": _own, "reference": _reference}
    begin_s = time.perf_counter()
    name, of = openers.get(spec["kind"], _peer)(spec)
    opened_s = time.perf_counter() - begin_s
    rows = [
        {"steps": steps, "mode": mode, **timed(of(steps, mode), spec["seconds"])}
        for steps, mode in spec["runs"]
    ]
    return {"engine": name(), "opened_s": opened_s, "rows": rows}


def main(argv: Sequence[str] = ()) -> int:
    """Measure what the first argument says, print JSON."""
    spec = json.loads((argv or sys.argv[1:])[0])
    print(json.dumps(measured(spec)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
