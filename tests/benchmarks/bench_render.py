"""Measure the renderer beside its peers and write the page: ``make bench-render``.

Parts: ``alone`` (renderer and peers, in turns), ``live`` (inside the running demo), ``start``
(start-up, live switches, lag of percepts) and ``memory`` (100,000 frames, a quarter of an hour).
``--only`` measures some of them and keeps the others' rows, which lie in a JSON file; without it
all but the memory are measured, in twelve minutes; ``--quick`` shortens everything to see that it
runs.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tests.benchmarks import bench_render_live as live
from tests.benchmarks import bench_render_memory as memory
from tests.benchmarks import bench_render_start as start
from tests.benchmarks.bench_render_page import page
from tests.benchmarks.bench_render_stats import timing
from tests.benchmarks.evaluate import machine

WEIGHTS = Path(__file__).resolve().parents[2] / "renderer" / "weights" / "world-256"
FPS = 24.0
STEPS = (1, 2, 4)
USUAL = tuple((steps, "zc") for steps in STEPS)
MODES = ((1, "c"), (1, "z"))
ENGINES = (("cpu", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"))
CHANGES: tuple[dict[str, str], ...] = (
    {"steps": "4"}, {"steps": "1"}, {"mode": "c"}, {"mode": "zc"}, {"model": "world-64"},
    {"model": "world-256"},
)  # fmt: skip


@dataclass(frozen=True)
class Effort:
    """How long each thing is looked at."""

    rounds: int = 2
    stretch_s: float = 1.6
    live_s: float = 60.0
    starts: int = 2
    lag_s: float = 20.0
    frames: int = 100_000
    node_s: float = 60.0
    threads: tuple[int, ...] = (2, 1)
    settings: int | None = None


QUICK = Effort(
    rounds=1, stretch_s=0.3, live_s=10.0, starts=1, lag_s=5.0, frames=400, node_s=10.0,
    threads=(2,), settings=1,
)  # fmt: skip


def specs(graph: Path, threads_of: Sequence[int] = (2, 1)) -> list[dict[str, Any]]:
    """Return every process of the part ``alone``, ours and the peers'."""
    has_openvino = importlib.util.find_spec("openvino") is not None
    engines = [pair for pair in ENGINES if pair[0] == "cpu" or has_openvino]
    found: list[dict[str, Any]] = []
    for threads in threads_of:
        for engine, precision in engines:
            how = {"engine": engine, "precision": precision, "threads": threads}
            runs = (1, "zc"), *(() if (engine, precision) == ENGINES[1] else (*USUAL[1:], *MODES))
            found.append({"kind": "own", "model": "world-256", **how, "runs": runs})
            found.append(
                {"kind": "reference", "graph": str(graph), **how, "runs": [(1, "zc")]}
            )  # fmt: skip
        small = {"engine": "cpu", "precision": "fp32", "threads": threads, "runs": USUAL[:2]}
        found.append({"kind": "own", "model": "world-64", **small})
        for kind in ("diffusers", "naive"):
            peer = {"engine": "torch", "precision": "fp32", "threads": threads, "runs": USUAL}
            found.append({"kind": kind, "weights": str(WEIGHTS), **peer})
    return found


def process(module: str, argument: str, threads: int, show: bool = False) -> str:
    """Run one module of the benchmark with so many threads; return what it has printed last."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", f"tests.benchmarks.{module}", argument],
        stdout=subprocess.PIPE, stderr=None if show else subprocess.PIPE, text=True,
        env={**os.environ, **dict.fromkeys(names, str(threads))}, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{module} {argument}: {(done.stderr or '')[-2000:]}")
    return done.stdout.strip().splitlines()[-1]


def alone(effort: Effort) -> list[dict[str, Any]]:
    """Let renderer and peers take turns; return one row for each setting."""
    seen: dict[tuple[Any, ...], dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="ph-bench-") as where:
        graph = Path(where) / "reference.onnx"
        process("bench_render_peers", str(graph), 2)
        todo = specs(graph, effort.threads)
        with tqdm(total=effort.rounds * len(todo), unit="process") as bar:
            for _ in range(effort.rounds):
                for spec in todo:
                    bar.set_description(f"{spec['kind']} {spec['engine']} {spec['threads']}")
                    told = json.dumps({**spec, "seconds": effort.stretch_s})
                    found = json.loads(process("bench_render_work", told, spec["threads"]))
                    for row in found["rows"]:
                        _add(seen, spec, row, found)
                    bar.update()
    return [_pooled(row) for row in seen.values()]


def _add(
    seen: dict[tuple[Any, ...], dict[str, Any]], spec: dict[str, Any], row: dict[str, Any],
    found: dict[str, Any],
) -> None:  # fmt: skip
    """Put a turn's frames to those of the turns before."""
    names = ("kind", "model", "engine", "precision", "threads")
    about = {name: spec.get(name) for name in names}
    about |= {"steps": row["steps"], "mode": row["mode"], "size_px": row["size_px"]}
    held = seen.setdefault(
        tuple(about.values()), {**about, "frames": [], "cpu_s": 0.0, "turns": []}
    )
    held["frames"] += row["seconds"]
    held["cpu_s"] += 1e-3 * row["cpu_ms"] * len(row["seconds"])
    held["turns"].append(row["p50"])
    held["line"] = found["engine"]


def _pooled(row: dict[str, Any]) -> dict[str, Any]:
    frames = row.pop("frames")
    return {**row, **timing(frames, row.pop("cpu_s"))}


def painted(engine: str, precision: str, **more: Any) -> dict[str, Any]:
    """Return renderer settings: world-256 on one thread in one step, unless said otherwise."""
    held = {"model": "world-256", "steps": 1, "threads": 1, "fps": FPS}
    return {**held, "engine": engine, "precision": precision, **more}


def ours() -> dict[str, dict[str, Any]]:
    """Return the settings that run inside the demo, the faster engine first where it is there."""
    found = {
        "world-256, ONNX Runtime fp32": painted("cpu", "fp32"),
        "world-64, ONNX Runtime fp32, 2 steps": painted("cpu", "fp32", model="world-64", steps=2),
    }
    if importlib.util.find_spec("openvino") is not None:
        return {"world-256, OpenVINO bf16": painted("openvino", "bf16"), **found}
    return found


def chosen(effort: Effort) -> list[tuple[str, dict[str, Any]]]:
    """Return the settings of `ours`, or the first of them only."""
    return list(ours().items())[: effort.settings]


def running(effort: Effort) -> list[dict[str, Any]]:
    """Run the demo with each setting."""
    with tempfile.TemporaryDirectory(prefix="ph-bench-") as where:
        bundle = live.calibrated(Path(where))
        rows = []
        for name, renderer in tqdm(chosen(effort), desc="demo", unit="run"):
            held = live.demo(bundle, renderer, effort.live_s)
            rows.append({"name": name, "renderer": renderer, **held})
        return rows


def starting(effort: Effort) -> list[dict[str, Any]]:
    """Start the renderer, change its settings live, and send it percepts at random moments."""
    rows = []
    for name, renderer in tqdm(chosen(effort), desc="start", unit="setting"):
        row: dict[str, Any] = {"name": name, "renderer": renderer}
        row["start"] = start.starts(renderer, effort.starts)
        if renderer["model"] == "world-256":
            row["switches"] = start.switches(renderer, CHANGES)
            row["lag"] = start.lag(renderer, effort.lag_s)
        rows.append(row)
    return rows


def remembering(effort: Effort) -> dict[str, Any]:
    """Paint very many frames; read the memory."""
    fast = next(iter(ours().values()))
    spec = {
        **{name: fast[name] for name in ("model", "engine", "precision", "steps")},
        "threads": 2,
    }
    told = json.dumps({**spec, "frames": effort.frames})
    core = json.loads(process("bench_render_memory", told, 2, show=True))
    node = memory.node(fast, effort.node_s)
    return {"core": {**core, "renderer": spec}, "node": {**node, "renderer": fast}}


PARTS: dict[str, Callable[[Effort], Any]] = {
    "alone": alone, "live": running, "start": starting, "memory": remembering,
}  # fmt: skip


def read_kept(keep: Path) -> dict[str, Any]:
    """Return the rows of earlier measurements, by part."""
    held: dict[str, Any] = json.loads(keep.read_text("utf-8")) if keep.exists() else {}
    return held


def main() -> int:
    """Measure, write the page, and return 1 where a goal was not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="page to write")
    parser.add_argument("--keep", type=Path, default=Path("out/bench-render.json"), help="rows")
    parser.add_argument(
        "--only", nargs="*", choices=list(PARTS), help="parts to measure; none: page only"
    )
    parser.add_argument("--frames", type=int, help="frames of the part memory")
    parser.add_argument("--quick", action="store_true", help="short, to see that it runs")
    given = parser.parse_args()
    effort = QUICK if given.quick else Effort()
    if given.frames is not None:
        effort = Effort(**{**vars(effort), "frames": given.frames})
    found = read_kept(given.keep)
    usual = [part for part in PARTS if part != "memory"]
    for part in usual if given.only is None else given.only:
        load = os.getloadavg()[0]
        rows = PARTS[part](effort)
        found[part] = {
            "rows": rows, "when": f"{datetime.now(UTC):%Y-%m-%d}", "where": machine(),
            "load": [load, os.getloadavg()[0]], "effort": vars(effort), "quick": given.quick,
            "numpy": np.__version__,
        }  # fmt: skip
        given.keep.parent.mkdir(parents=True, exist_ok=True)
        given.keep.write_text(json.dumps(found), encoding="utf-8")
    text, missed = page(found)
    given.out.write_text(text, encoding="utf-8")
    print(text)
    for name in missed:
        print(f"not reached: {name}", file=sys.stderr)
    return 1 if missed and not given.quick else 0


if __name__ == "__main__":
    sys.exit(main())
