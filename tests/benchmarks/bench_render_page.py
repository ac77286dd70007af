"""The page that the renderer's benchmark writes, from rows alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.benchmarks.bench_render_goals import ENGINES, goals, picked

__all__ = ["page"]

PARTS = {
    "alone": "The renderer alone, and its peers",
    "live": "Inside the running demo",
    "start": "Start-up, live switches, lag",
    "memory": "Memory",
}
KINDS = {
    "own": "Phosphene", "diffusers": "diffusers pipeline, same weights",
    "naive": "naive loop, same weights", "reference": "random graph of 5 M parameters",
}  # fmt: skip

HEAD = """# Benchmarks: the renderer

`make bench-render` measures this and writes this page; `--only PART` renews one part (`--only
memory` is a part of its own, a quarter of an hour). Pictures are 256x256 unless said otherwise.
"""

ALONE = """From percept (z and c) to picture in bytes, one frame after the other. Every row has its
own process, our engines and the peers in turns ({rounds} of {stretch_s:g} s each; the median of
each turn in brackets). *Frames/s* is the number of frames by the whole time. *Faster* is the plain
diffusers pipeline's median by this row's, at the same threads, steps and mode.

Peers: the plain diffusers pipeline (`FlowMapEulerDiscreteScheduler`, eager) and the naive loop
(StreamDiffusion's published loop said again for a flow map: no batch, no graph, network and decoder
called apart) have the same weights. The random graph is a UNet of about 5 M parameters on 32x32x4
and a tiny decoder of half width, one step inside; the design published 29.3 ms (ONNX Runtime) and
17.4 ms (OpenVINO bf16) for it on two threads, 53.9 and 30.5 ms on one.
"""

LIVE = """`phosphene demo --headless`, all nodes, recording on; {live_s:g} s from eight seconds
after the first picture on, one thread paints, every frame is a picture (confidence has no
threshold). Stamps: a frame's `t_due` and `t_rendered` (when the renderer hands it to the bus) from
the records of frames; *late* is half a period after it was due, or skipped; *interval* is the
distance of the time between two frames from 1/24 s; *percept to frame* runs from the percept's
`t_sent` in the decoder to `t_rendered` of the first frame with its number. *At the gate* is the
same for the moment at which the gate passes frames on to the recorder.
"""

START = """The renderer's process by itself. *Lag*: percepts at random moments, about five a second,
from `t_sent` to `t_rendered` of the first frame with their number, so that all phases of the frame
clock are met. Start-up counts from before the process is made. A switch is asked for while frames
run; frames lost are those whose due time was passed over until two seconds after it (after the
first frame of the new model, where it takes another model).
"""

MEMORY = """Resident memory, after a first tenth to settle. *Slope* is the median slope between all
pairs of samples (Theil and Sen). The core (path, noise, painter) runs on a clock that does not
wait; the whole process runs at its rate.
"""


def page(found: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the page, and the goals that were not reached.

    Parameters
    ----------
    found : dict
        By part: ``rows`` with ``when``, ``where``, ``load``, ``effort`` and ``quick``.
    """
    judged = goals({part: held["rows"] for part, held in found.items()})
    lines = [HEAD, "| | must | measured | reached |", "|---|---|---|---|"]
    lines += [goal.row() for goal in judged]
    writers: dict[str, Callable[[Any, dict[str, Any]], list[str]]] = {
        "alone": _alone,
        "live": _live,
        "start": _start,
        "memory": _memory,
    }
    for part, title in PARTS.items():
        lines += ["", f"## {title}", ""]
        if part not in found:
            lines.append("Not measured yet.")
            continue
        held = found[part]
        lines += [_where(held), "", *writers[part](held["rows"], held["effort"])]
    return "\n".join(lines) + "\n", [goal.name for goal in judged if goal.reached is False]


def _where(held: dict[str, Any]) -> str:
    first, last = held["load"]
    short = " **A short run to see that it works; its figures mean nothing.**" * held["quick"]
    return (
        f"{held['where']}; {held['when']}. Load at the start and at the end: {first:.1f} and "
        f"{last:.1f}.{short}"
    )


# ---- alone -------------------------------------------------------------------------------------


def _alone(rows: list[dict[str, Any]], effort: dict[str, Any]) -> list[str]:
    lines = [
        ALONE.format(**effort),
        "| who | engine | threads | steps | from | frames/s | median (of each turn) | 99 % "
        "| processor per frame | faster |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    order = list(KINDS)
    for row in sorted(rows, key=lambda r: (order.index(r["kind"]), -r["threads"])):
        turns = ", ".join(f"{ms:.1f}" for ms in row["turns"])
        lines.append(
            f"| {_who(row)} | {ENGINES[row['engine']]} {row['precision']} | {row['threads']} "
            f"| {row['steps']} | {row['mode']} | {row['per_s']:.1f} "
            f"| {row['p50']:.1f} ms ({turns}) | {row['p99']:.1f} ms "
            f"| {row['cpu_ms']:.1f} ms | {_faster(row, rows)} |"
        )
    versions = sorted({row["line"] for row in rows})
    return [*lines, "", "What has painted, in its own words:", "", *(f"- {v}" for v in versions)]


def _who(row: dict[str, Any]) -> str:
    model = "" if row["kind"] != "own" else f", {row['model']}"
    size = "" if row["size_px"] == 256 else f" ({row['size_px']}x{row['size_px']})"
    return f"{KINDS[row['kind']]}{model}{size}"


def _faster(row: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    same = {name: row[name] for name in ("threads", "steps", "mode", "size_px")}
    peer = picked(rows, kind="diffusers", **same)
    return "" if peer is None or row is peer else f"{peer['p50'] / row['p50']:.1f}x"


# ---- in the demo -------------------------------------------------------------------------------


def _live(rows: list[dict[str, Any]], effort: dict[str, Any]) -> list[str]:
    lines = [
        LIVE.format(**effort),
        "| model and engine | frames due | rate | late | skipped | off due: median / 99 % "
        "| interval: 99 % | percept to frame: median / 99 % / most | painting: median / 99 % "
        "| at the gate: interval 99 %, percept to frame 99 % |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        off, shown, paint, gate = row["off_ms"], row["shown"], row["render_ms"], row["gate"]
        lines.append(
            f"| {row['name']} | {row['due']} | {row['per_s']:.2f}/s | {100 * row['late_share']:.2f}"
            f" % | {row['skipped']} | {off['p50']:.2f} / {off['p99']:.2f} ms "
            f"| {row['interval_ms']['p99']:.2f} ms | {shown['p50']:.0f} / {shown['p99']:.0f} / "
            f"{shown['most']:.0f} ms ({shown['n']}) | {paint['p50']:.1f} / {paint['p99']:.1f} ms "
            f"| {gate['even']['interval_ms']['p99']:.2f} ms, {gate['shown']['p99']:.0f} ms |"
        )
    names = list(dict.fromkeys(name for row in rows for name in row["cpu_percent"]))
    lines += [
        "", "Share of one core that each process takes, in per cent:", "",
        f"| | {' | '.join(names)} | all |", f"|---|{'---|' * (len(names) + 1)}",
    ]  # fmt: skip
    for row in rows:
        used = row["cpu_percent"]
        cells = [f"{used[name]:.0f}" if name in used else "" for name in names]
        lines.append(f"| {row['name']} | {' | '.join(cells)} | {sum(used.values()):.0f} |")
    return lines


# ---- start-up, switches, lag -------------------------------------------------------------------


def _start(rows: list[dict[str, Any]], _: dict[str, Any]) -> list[str]:
    lines = [
        START,
        "| model and engine | ready | first frame (neutral) | first picture | longest of all starts"
        " | lag: median / 99 % / most | never shown |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        begun, lag = row["start"], row.get("lag", {}).get("shown")
        cells = " | "
        if lag is not None:
            cells = (
                f"{lag['p50']:.0f} / {lag['p99']:.0f} / {lag['most']:.0f} ms ({lag['n']}) "
                f"| {lag['never']}"
            )
        lines.append(
            f"| {row['name']} | {begun['ready_s']:.2f} s | {begun['frame_s']:.2f} s "
            f"| {begun['picture_s']:.2f} s | {begun['longest_s']:.2f} s ({begun['times']}) "
            f"| {cells} |"
        )
    lines += [
        "", "| switch, live | model and engine | answer after | new model's first frame after "
        "| frames lost | late | longest pause |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        for one in row.get("switches", []):
            what = ", ".join(f"{name} {value}" for name, value in one["change"].items())
            told = f"{1e3 * one['answer_s']:.0f} ms" if one["done"] else f"refused: {one['answer']}"
            new = "" if one["model_s"] is None else f"{one['model_s']:.2f} s"
            lines.append(
                f"| {what} | {row['name']} | {told} | {new} | {one['lost']} | {one['late']} "
                f"| {one['pause_ms']:.0f} ms |"
            )
    return lines


# ---- memory ------------------------------------------------------------------------------------


def _memory(rows: dict[str, Any], _: dict[str, Any]) -> list[str]:
    lines = [
        MEMORY,
        "| | frames | samples | slope per 1,000 frames | grown | first | most | last |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, title in (("core", "core"), ("node", "whole process")):
        row, how = rows[name], rows[name]["renderer"]
        what = f"{how['model']}, {ENGINES[how['engine']]} {how['precision']}, "
        what += f"{how['steps']} step(s), {how['threads']} thread(s)"
        lines.append(
            f"| {title}: {what} | {row['frames']:,.0f} | {row['samples']:.0f} "
            f"| {row['slope']:.4f} MiB | {row['grown']:+.2f} MiB | {row['first']:.1f} MiB "
            f"| {row['most']:.1f} MiB | {row['last']:.1f} MiB |"
        )
    return lines
