"""Speed on a GPU: build, check, measure in less than eight minutes; ``make bench-gpu``.

``python -m tests.benchmarks.bench_gpu`` needs a checkout, torch, onnx, onnxruntime; diffusers for
the rows of large models (they say so where it is missing). Without a GPU it says so and ends well.
``--dry-run`` goes the same way on the CPU with tiny shapes, to see that the script works.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tests.benchmarks.bench_gpu_rows import Row, Timer, page

__all__ = ["main"]

BUDGET_S = 450.0


def _facts() -> dict[str, str]:
    import onnxruntime
    import torch

    gpu = torch.cuda.is_available()
    facts = {
        "GPU": torch.cuda.get_device_name() if gpu else "none: dry run on the CPU",
        "compute capability": ".".join(map(str, torch.cuda.get_device_capability())) if gpu else "",
        "CUDA of torch": str(torch.version.cuda),
        "torch": torch.__version__,
        "ONNX Runtime": f"{onnxruntime.__version__}, {', '.join(_providers())}",
        "Python": platform.python_version(),
    }
    return {name: value for name, value in facts.items() if value}


def _providers() -> list[str]:
    import onnxruntime

    return [p.removesuffix("ExecutionProvider") for p in onnxruntime.get_available_providers()]


def _rows(dry: bool, begin: float, budget_s: float) -> Iterator[Row]:
    """Measure what matters most first: a budget that ends takes the rest."""
    from phosphene.stimuli.encoder import decoder_bytes
    from tests.benchmarks.bench_gpu_turbo import turbo_rows
    from tests.benchmarks.bench_gpu_world import engine_rows, naive_row, world_graphs

    def left_s() -> float:
        return budget_s - (time.monotonic() - begin)

    if dry:
        timer = partial(Timer, most_frames=3, most_s=1.0, warm=1)
        yield from turbo_rows("cpu", timer, left_s, compile_s=float("inf"))
        yield from engine_rows("world-64 decoder (dry run)", decoder_bytes(), 0, "cpu", timer)
        return
    yield from turbo_rows("cuda", Timer, left_s)
    found = False
    for steps, graph in world_graphs():
        found = True
        if left_s() < 0:
            yield Row("world-256", "all", steps, skipped="time is up")
            continue
        yield from engine_rows("world-256", graph, steps, "cuda", partial(Timer, most_s=4.0))
        yield naive_row("world-256", steps, "cuda", Timer(most_s=4.0))
    if not found:
        yield Row("world-256", "all", skipped="its weights are not in renderer/weights/world-256")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status: 0 too where there is no GPU."""
    parser = argparse.ArgumentParser(prog="bench_gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks-gpu.md"))
    parser.add_argument("--json", type=Path, default=Path("out/benchmarks-gpu.json"))
    parser.add_argument("--budget-s", type=float, default=BUDGET_S, help="start nothing later")
    parser.add_argument("--dry-run", action="store_true", help="tiny shapes on the CPU")
    arguments = parser.parse_args(argv)
    begin = time.monotonic()
    if not arguments.dry_run and (reason := _no_gpu()):
        print(f"bench-gpu: {reason}; nothing was measured")
        return 0
    facts, rows = _facts(), []
    for row in _rows(arguments.dry_run, begin, arguments.budget_s):
        rows.append(row)
        figures = row.skipped or f"{row.p50_ms:.2f} ms, p99 {row.p99_ms:.2f} ms, {row.per_s:.1f}/s"
        print(f"{row.model}, {row.way}, {row.steps} step(s): {figures}", flush=True)
        # Written after each row: what is measured stays, whatever happens to the next.
        facts["whole run"] = f"{time.monotonic() - begin:.0f} s"
        for path in (arguments.out, arguments.json):
            path.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(page(rows, facts), "utf-8")
        content = {"facts": facts, "rows": [asdict(r) for r in rows]}
        arguments.json.write_text(json.dumps(content, indent=1), "utf-8")
    return 0


def _no_gpu() -> str | None:
    try:
        import torch
    except ImportError:
        return "torch is not installed"
    return None if torch.cuda.is_available() else "no GPU that torch can use"


if __name__ == "__main__":
    sys.exit(main())
