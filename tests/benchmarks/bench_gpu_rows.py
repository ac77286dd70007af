"""Rows of the GPU benchmark: how a frame is timed, and what a page of rows looks like. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

__all__ = ["GOALS", "Goal", "Row", "measure", "page", "verdicts"]

WARM_FRAMES = 10


@dataclass(frozen=True)
class Row:
    """One way to make one kind of frame; `skipped` says why there are no figures."""

    model: str
    way: str
    steps: int = 1
    p50_ms: float = float("nan")
    p99_ms: float = float("nan")
    per_s: float = float("nan")
    frames: int = 0
    ready_s: float = 0.0
    memory_mib: float = float("nan")
    parity: str = ""
    skipped: str = ""


@dataclass(frozen=True)
class Goal:
    """A figure that has to be reached by the best product row of a model."""

    model: str
    least_per_s: float
    most_p99_ms: float


GOALS = (Goal("SD-Turbo 512x512", 200.0, 8.0),)
PEERS = ("naive loop", "diffusers pipeline")


@dataclass
class Timer:
    """Frames one after the other, until there are enough or time is up."""

    most_frames: int = 1000
    most_s: float = 8.0
    clock: Callable[[], float] = time.perf_counter
    warm: int = WARM_FRAMES
    seconds: list[float] = field(default_factory=list)

    def run(self, frame: Callable[[], Any]) -> list[float]:
        """Return the seconds of each frame; `frame` returns when the picture is in host memory."""
        for _ in range(self.warm):
            frame()
        begin = self.clock()
        while len(self.seconds) < self.most_frames:
            start = self.clock()
            frame()
            end = self.clock()
            self.seconds.append(end - start)
            if end - begin > self.most_s:
                break
        return self.seconds


def measure(
    row: Row, make: Callable[[], Callable[[], Any]], timer: Timer, memory: Callable[[], float]
) -> Row:
    """Fill a row: prepare, time, ask for the memory; an error becomes the reason in the row."""
    start = timer.clock()
    try:
        frame = make()
        frame()
        ready_s = timer.clock() - start
        seconds = timer.run(frame)
    except Exception as error:  # whatever a GPU library raises: the other rows are still wanted
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        return Row(**{**asdict(row), "skipped": reason})
    p50, p99 = 1e3 * np.percentile(seconds, [50, 99])
    figures = {
        "p50_ms": float(p50), "p99_ms": float(p99), "per_s": len(seconds) / sum(seconds),
        "frames": len(seconds), "ready_s": ready_s, "memory_mib": memory(),
    }  # fmt: skip
    return Row(**{**asdict(row), **figures})


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Say of each goal whether the fastest row that is no peer reaches it."""
    lines = []
    for goal in GOALS:
        own = [r for r in rows if r.model == goal.model and not r.skipped and r.way not in PEERS]
        words = f"{goal.model}: at least {goal.least_per_s:g} frames/s, p99 at most "
        words += f"{goal.most_p99_ms:g} ms"
        if not own:
            lines.append(f"- {words}: **not measured**")
            continue
        best = max(own, key=lambda r: r.per_s)
        reached = best.per_s >= goal.least_per_s and best.p99_ms <= goal.most_p99_ms
        got = f"{best.per_s:.0f} frames/s, p99 {best.p99_ms:.2f} ms ({best.way})"
        lines.append(f"- {words}: {got}: **{'reached' if reached else 'missed'}**")
    return lines


def page(rows: Sequence[Row], facts: dict[str, str]) -> str:
    """Return the page in Markdown; without rows it says that nothing has run."""
    head = (
        "# Speed on a GPU\n\nWritten by `make bench-gpu`, which builds, checks and measures on a "
        "machine with an NVIDIA GPU in\nless than eight minutes. A frame ends when its picture is "
        "in host memory; frames are made one after\nthe other. Weights of the SD-Turbo "
        "architecture are random: its speed does not depend on them.\n"
    )
    if not rows:
        return head + "\n**This has not run yet: no machine with a GPU was at hand.**\n"
    lines = [head, "## Machine\n", *(f"- {name}: {value}" for name, value in facts.items())]
    lines += ["\n## Goals\n", *verdicts(rows), "\n## Figures\n"]
    lines += ["| model | way | steps | median ms | p99 ms | frames/s | frames | ready after s | "
              "GPU memory MiB | parity |", "|---|---|--:|--:|--:|--:|--:|--:|--:|---|"]  # fmt: skip
    lines += [_line(row) for row in rows if not row.skipped]
    if left := [r for r in rows if r.skipped]:
        lines += ["\n## Not measured\n"]
        lines += [f"- {r.model}, {r.way}, {r.steps} step(s): {r.skipped}" for r in left]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    return (
        f"| {row.model} | {row.way} | {row.steps} | {row.p50_ms:.2f} | {row.p99_ms:.2f} | "
        f"{row.per_s:.1f} | {row.frames} | {row.ready_s:.1f} | {row.memory_mib:.0f} | "
        f"{row.parity or '–'} |"
    )
