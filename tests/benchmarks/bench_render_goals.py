"""What the renderer has to reach, judged from the rows of its benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["ENGINES", "LIMITS", "Goal", "goals", "picked"]

LIMITS = {
    "openvino_2": 50.0, "cpu_2": 30.0, "openvino_1": 24.0, "rate": 24.0, "late": 0.01,
    "interval_ms": 8.0, "periods": 1.5, "slope": 0.02, "grown": 4.0,
}  # fmt: skip
"""Frames per second alone (2 and 1 threads), frames per second in the demo, share late, interval in
milliseconds, lag in frame intervals, growth of memory in MiB per 1,000 frames and in MiB."""

ENGINES = {"cpu": "ONNX Runtime", "openvino": "OpenVINO", "torch": "torch, eager"}


class Goal(NamedTuple):
    """A goal: what, which limit, the figure, whether it was reached (None: not measured)."""

    name: str
    must: str
    got: str
    reached: bool | None

    def row(self) -> str:
        """Return its line of the table."""
        told = {True: "yes", False: "**no**", None: "not measured"}[self.reached]
        return f"| {self.name} | {self.must} | {self.got} | {told} |"


def goals(rows: dict[str, Any]) -> list[Goal]:
    """Judge what was measured; what was not is told."""
    return [
        *_goals_alone(rows.get("alone", [])),
        *_goals_live(rows.get("live", [])),
        *_goals_lag(rows.get("start", [])),
        *_goals_memory(rows.get("memory")),
    ]


def picked(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any] | None:
    """Return the first row with these values; None where there is none."""
    for row in rows:
        if all(row[name] == value for name, value in wanted.items()):
            return row
    return None


def _goals_alone(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    for engine, precision, threads in (
        ("openvino", "bf16", 2), ("cpu", "fp32", 2), ("openvino", "bf16", 1)
    ):  # fmt: skip
        least = LIMITS[f"{engine}_{threads}"]
        row = picked(
            rows, kind="own", model="world-256", engine=engine, precision=precision,
            threads=threads, steps=1, mode="zc",
        )  # fmt: skip
        name = f"alone, 1 step, {threads} thread(s), {ENGINES[engine]} {precision}"
        got = "" if row is None else f"{row['per_s']:.1f} frames/s"
        reached = None if row is None else row["per_s"] >= least
        yield Goal(name, f">= {least:g} frames/s", got, reached)


def _goals_live(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    least, late, most_ms = LIMITS["rate"], LIMITS["late"], LIMITS["interval_ms"]
    musts = (
        f"{least:g}/s, <= {100 * late:g} % late", f"<= {most_ms:g} ms",
        f"<= {LIMITS['periods']:g} intervals",
    )  # fmt: skip
    chosen = [row for row in rows if row["renderer"]["model"] == "world-256"]
    if not chosen:
        names = ("rate in the demo", "interval in the demo, 99 %", "percept to frame, 99 %")
        yield from (Goal(name, must, "", None) for name, must in zip(names, musts, strict=True))
    for row in chosen:
        rate = f"{row['per_s']:.2f}/s, {100 * row['late_share']:.2f} % late"
        held = row["per_s"] >= least * (1 - late) and row["late_share"] <= late
        yield Goal(f"demo, rate, {row['name']}", musts[0], rate, held)
        ms = row["interval_ms"]["p99"]
        yield Goal(f"demo, interval from due, 99 %, {row['name']}", musts[1], f"{ms:.1f} ms",
                   ms <= most_ms)  # fmt: skip
        yield _lagging(f"demo, percept to frame, 99 %, {row['name']}", row["shown"])


def _lagging(name: str, shown: dict[str, Any]) -> Goal:
    most = LIMITS["periods"]
    got = f"{shown['p99_periods']:.2f} intervals, {shown['p99']:.0f} ms ({shown['n']} percepts)"
    return Goal(
        name, f"<= {most:g} intervals", got, shown["n"] > 0 and shown["p99_periods"] <= most
    )


def _goals_lag(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    for row in rows:
        if "lag" in row:
            name = f"percepts at random moments, first frame, 99 %, {row['name']}"
            yield _lagging(name, row["lag"]["shown"])


def _goals_memory(rows: dict[str, Any] | None) -> Iterator[Goal]:
    slope, grown = LIMITS["slope"], LIMITS["grown"]
    must = f"<= {slope:g} MiB per 1,000 frames and <= {grown:g} MiB"
    if rows is None:
        yield Goal("memory", must, "", None)
        return
    core = rows["core"]
    got = f"{core['slope']:.4f} MiB per 1,000 frames, {core['grown']:+.2f} MiB"
    flat = core["slope"] <= slope and core["grown"] <= grown
    yield Goal(f"memory over {core['frames']:,.0f} frames", must, got, flat)
