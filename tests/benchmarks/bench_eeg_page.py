"""The page that the EEG benchmark writes."""

from __future__ import annotations

from typing import Any

__all__ = ["page"]

HEAD = """# Benchmarks: EEG through LSL

`make bench-eeg` measures this and writes this page. Player, acquisition node and peer (mne-lsl's
`StreamLSL`) are processes of their own on one machine: {where}.
Load of the machine at the start and at the end: {load[0]:.1f} and {load[1]:.1f}. {when}.

The player sends {channels} channels and a sample counter at {fs_hz} Hz, in real time, and notes
when it pushed each sample. The node notches, band-passes (1 to 40 Hz), re-references, checks every
channel and cuts windows of 1 s every 0.1 s. *Latency* runs from the push of a window's last sample
until the features were in the hands of a subscriber of the node's socket. The peer has the same
filters and reference; its latency ends when `get_data` has returned a window with that sample. It
fetches by hand (`acquire`, polled every 0.5 ms) or by its own thread (every millisecond). The
filter's own delay, which belongs to both, is not in these figures. Node and peer were measured in
turns, {rounds} of {stretch_s:g} s each (the first 5 s settle); the median of each turn stands in
brackets.
"""


def page(found: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the page, and the goals that were not reached."""
    goals = _goals(found)
    rows = [
        f"| {name} | {must} | {got} | {'yes' if good else '**no**'} |"
        for name, must, got, good in goals
    ]
    parts = [
        HEAD.format(**found),
        "| | must | measured | reached |\n|---|---|---|---|\n" + "\n".join(rows) + "\n",
        "## Latency and processor time\n",
        _table(found),
        "## Losses made on purpose\n",
        _losses(found),
    ]
    return "\n".join(parts), [name for name, _, _, good in goals if not good]


def _goals(found: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    live, long = found["live"], found["long"]
    worst50 = max(run["heard_ms"][0] for run in live)
    worst99 = max(run["heard_ms"][1] for run in live)
    cpu = max(run["cpu_percent"] for run in [*live, long])
    back_s = max(found["killed"]["back_s"], found["frozen"]["back_s"])
    open_ = sum(abs(found[k]["unaccounted"]) for k in ("killed", "frozen", "overflow"))
    missing = long["sent"] - long["taken"]
    goals = [
        ("latency, median", "<= 3 ms", f"{worst50:.2f} ms", worst50 <= 3),
        ("latency, 99th percentile", "<= 15 ms", f"{worst99:.2f} ms", worst99 <= 15),
        ("processor time of acquisition", "<= 20 % of a core", f"{cpu:.0f} %", cpu <= 20),
        (f"loss at 1x, {long['sent']} samples", "0", str(missing), missing == 0),
        ("losses made on purpose, samples unaccounted for", "0", str(open_), open_ == 0),
        ("return after a restart or a freeze", "<= 2 s", f"{back_s:.2f} s", back_s <= 2),
    ]
    ran = [run for run in found["peer"] if "ms" in run]
    for run in live:
        best = min((p["ms"][0] for p in ran if p["chunk"] == run["chunk"]), default=None)
        if best is not None:
            name = f"latency beside the peer's, pushes of {run['chunk']}"
            told_ms, heard_ms = run["told_ms"][0], run["heard_ms"][0]
            for where, ms in (("sent", told_ms), ("heard in another process", heard_ms)):
                goals.append((f"{name}, {where}", f"<= {best:.2f} ms", f"{ms:.2f} ms", ms <= best))
    return goals


def _table(found: dict[str, Any]) -> str:
    lines = [
        "| who | samples per push | windows | median (of each turn) | 99 % | longest | processor |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in [*found["live"], found["long"]]:
        p50, p99, most = run["heard_ms"]
        name = f"Phosphene, {run['seconds']:g} s"
        lines.append(
            f"| {name} | {run['chunk']} | {run['windows']} | {_turns(p50, run)} "
            f"| {p99:.2f} ms | {most:.1f} ms | {run['cpu_percent']:.0f} % |"
        )
    for run in found["peer"]:
        if "skipped" in run:
            lines.append(f"| peer | | | {run['skipped']} | | | |")
            continue
        p50, p99, most = run["ms"]
        how = "by hand" if run["mode"] == "manual" else "own thread"
        lines.append(
            f"| mne-lsl {run['version']}, {how} | {run['chunk']} | {run['windows']} "
            f"| {_turns(p50, run)} | {p99:.2f} ms | {most:.1f} ms | {run['cpu_percent']:.0f} % |"
        )
    return "\n".join(lines) + "\n"


def _turns(p50: float, run: dict[str, Any]) -> str:
    each = ", ".join(f"{median:.2f}" for median in run["medians_ms"])
    return f"{p50:.2f} ms ({each})"


def _losses(found: dict[str, Any]) -> str:
    killed, frozen, flood = found["killed"], found["frozen"], found["overflow"]
    return "\n".join(
        [
            "| what | taken | counted as lost | unaccounted for | |",
            "|---|---|---|---|---|",
            f"| player killed (SIGKILL), another started | {killed['taken']} | {killed['lost']} "
            f"| {killed['unaccounted']} | red after {killed['red_s']:.2f} s; first sample "
            f"{killed['back_s']:.2f} s after the new outlet |",
            f"| player stopped for 5 s | {frozen['taken']} | {frozen['lost']} "
            f"| {frozen['unaccounted']} | missed {frozen['missed']}; amber after "
            f"{frozen['amber_s']:.2f} s, red after {frozen['red_s']:.2f} s, fresh "
            f"{frozen['back_s']:.2f} s after it went on |",
            f"| overflow | {flood['taken']} | {flood['lost']} | {flood['unaccounted']} "
            "| 100,000 samples at once to a node that stands still, buffers for 600 |",
            "",
        ]
    )
