"""The renderer inside the running demo: every node a process of its own, stamps of the recording.

The demo is the command that users type. Its recording tells when each frame was due and out; the
processor time of its processes is read from outside, twice a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from phosphene.messages import Frame, FrameInfo
from phosphene.recorder.reader import RecordingReader, parts_of
from tests.benchmarks.bench_render_rig import stamp_of
from tests.benchmarks.bench_render_stats import Stamp, evenness, first_shown, spread_ms

__all__ = ["Usage", "calibrated", "demo", "figures", "shares"]

WARM_UP_S = 8.0
"""Seconds from the first picture until frames count."""
LEAD_S = 14.0
"""Seconds of a demo outside of what counts: the lead-in, the warm-up and the end."""
LOOK_S = 0.5
MODULES = {
    "phosphene.recorder": "recorder", "phosphene.gate": "gate", "phosphene.sink": "sink",
    "renderer": "renderer", "decoder": "decoder", "acquisition": "acquisition",
    "acquisition.bridge": "bridge", "acquisition.simulate": "scanner",
    "phosphene.cli": "supervisor",
}  # fmt: skip


@dataclass
class Usage:
    """Processor seconds of each process at moments of the monotonic clock."""

    at_s: list[float] = field(default_factory=list)
    spent_s: list[dict[str, float]] = field(default_factory=list)

    def look(self, root: psutil.Process) -> None:
        """Read what all processes of a run have used so far."""
        found: dict[str, float] = {}
        for process in [root, *root.children(recursive=True)]:
            try:
                line, spent = process.cmdline(), process.cpu_times()
            except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
                continue
            module = line[line.index("-m") + 1] if "-m" in line else ""
            if module in MODULES:
                found[MODULES[module]] = spent.user + spent.system
        self.at_s.append(time.monotonic())
        self.spent_s.append(found)


def shares(usage: Usage, begin_s: float, end_s: float) -> dict[str, float]:
    """Return each process's share of one core, in per cent, between two moments."""
    inside = [k for k, at_s in enumerate(usage.at_s) if begin_s <= at_s <= end_s]
    if len(inside) < 2:
        return {}
    first, last = inside[0], inside[-1]
    wall_s = usage.at_s[last] - usage.at_s[first]
    before, after = usage.spent_s[first], usage.spent_s[last]
    return {name: 100 * (after[name] - before[name]) / wall_s for name in before if name in after}


def figures(
    infos: list[FrameInfo], passed: list[Stamp], usage: Usage, fps: float, seconds: float
) -> dict[str, Any]:
    """Judge the frames from `WARM_UP_S` after the first picture on, for at most `seconds`."""
    first_s = next((info.t_due for info in infos if info.state == "picture"), None)
    if first_s is None:
        raise RuntimeError("the demo has not shown a single picture")
    begin_s, end_s = first_s + WARM_UP_S, first_s + WARM_UP_S + seconds
    held = [info for info in infos if begin_s <= info.t_due < end_s]
    inside = [stamp for stamp in passed if begin_s <= stamp.due_s < end_s]
    stamps = [stamp_of(info) for info in held]
    age_s = [info.age_s for info in held if info.percept_seq >= 0]
    return {
        **evenness(stamps, fps),
        "shown": first_shown(stamps, fps),
        "render_ms": spread_ms([info.render_ms / 1e3 for info in held]),
        "age_ms": spread_ms(age_s),
        "gate": {"even": evenness(inside, fps), "shown": first_shown(inside, fps)},
        "cpu_percent": shares(usage, begin_s, end_s),
    }


def calibrated(folder: Path) -> Path:
    """Fit the synthetic participant's decoder once, for all demos."""
    data, bundle = folder / "calibration.npz", folder / "bundle"
    for command in (
        ["acquisition.simulate", "calibration", "--seed", "0", "--modality", "fmri",
         "--out", str(data)],
        ["decoder.fit", str(data), "--out", str(bundle)],
    ):  # fmt: skip
        subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)
    return bundle


def demo(bundle: Path, renderer: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Run the demo, every frame a picture whatever its confidence; return what it has held."""
    with tempfile.TemporaryDirectory(prefix="ph-bench-") as where:
        out, log = Path(where) / "out", Path(where) / "log.txt"
        settings = json.dumps({**renderer, "min_confidence": 0.0})
        command = ["demo", "--headless", "--bundle", str(bundle), "--renderer", settings]
        command += ["--seconds", str(max(30.0, seconds + LEAD_S + WARM_UP_S)), "--out", str(out)]
        usage = Usage()
        with (
            log.open("w") as sink,
            subprocess.Popen(
                [sys.executable, "-m", "phosphene.cli", *command],
                stdout=sink, stderr=subprocess.STDOUT,
            ) as process,
        ):  # fmt: skip
            root = psutil.Process(process.pid)
            while process.poll() is None:
                usage.look(root)
                time.sleep(LOOK_S)
        if process.returncode != 0:
            raise RuntimeError(f"phosphene demo: {log.read_text()[-2000:]}")
        infos, passed = _read(out)
    model = {info.model for info in infos if info.state == "picture"}
    return {"model": sorted(model), **figures(infos, passed, usage, renderer["fps"], seconds)}


def _read(out: Path) -> tuple[list[FrameInfo], list[Stamp]]:
    """Take from a recording when frames left the renderer, and when they passed the gate."""
    infos: dict[float, FrameInfo] = {}
    passed: dict[float, Stamp] = {}
    for part in parts_of(out):
        for message in RecordingReader(part, pictures=False):
            header = message.header
            if isinstance(header, Frame):
                passed[header.t_due] = Stamp(
                    header.t_due, header.t_sent, header.percept_seq, header.t_percept,
                    header.state == "neutral",
                )  # fmt: skip
            elif isinstance(header, FrameInfo):
                infos[header.t_due] = header
    by_due = sorted(infos)
    return [infos[due_s] for due_s in by_due], [passed[due_s] for due_s in sorted(passed)]
