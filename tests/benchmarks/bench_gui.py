"""Measure what the operator's window costs and how soon it shows things, and write the page.

``make bench-gui`` runs this: five minutes. The window is a process of its own; this process plays
gate, acquisition and decoder for it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from tests.benchmarks.bench_eeg import machine
from tests.benchmarks.bench_gui_page import Figures, goals, page
from tests.benchmarks.bench_gui_stage import Stage

__all__ = ["cost_percent", "delays", "main"]

SETTLE_S = 5.0
STALL_MS = 400.0
BLANKS = 20
WINDOW = "tests.benchmarks.bench_gui_window"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stamps:
    """Delays in milliseconds of pictures and of blanks, and how many pictures were sent."""

    pictures_ms: Floats
    excess_ms: Floats
    blanks_ms: Floats
    sent: int


def cost_percent(seconds: float, *, frames: bool) -> float:
    """Return the processor time of the window, in percent of one core.

    Parameters
    ----------
    seconds : float
        How long it is measured, after the window has settled.
    frames : bool
        False: no frames, everything else as with them.
    """
    with Stage() as stage:
        stage.start()
        if not frames:
            stage.blank("for the benchmark")
        stage.let_run(SETTLE_S)
        process = psutil.Process(stage.process.pid)
        before, begin_s = process.cpu_times(), stage.clock.now()
        stage.let_run(seconds)
        after, end_s = process.cpu_times(), stage.clock.now()
    spent_s = after.user + after.system - before.user - before.system
    return 100 * spent_s / (end_s - begin_s)


def delays(seconds: float, stall_ms: float, blanks: int) -> Stamps:
    """Measure how long pictures and blanks take from being sent to being painted.

    Parameters
    ----------
    seconds : float
        How long pictures are watched.
    stall_ms : float
        How long the window stands still each second; 0 for never.
    blanks : int
        How often every picture is taken away, after that.
    """
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(prefix="ph-bench-") as folder:
        file = Path(folder) / "stamps.npz"
        arguments = ["--stamps", str(file), "--stall-ms", str(stall_ms)]
        with Stage(WINDOW, arguments) as stage:
            stage.start()
            stage.let_run(SETTLE_S)
            begin_s, frames = stage.clock.now(), stage.frames
            stage.let_run(seconds)
            end_s, sent = stage.clock.now(), stage.frames - frames
            asked = []
            for _ in range(blanks):
                stage.let_run(0.7 + float(rng.uniform(0, 0.3)))
                asked.append(stage.blank())
                stage.let_run(0.7)
                stage.unblank()
            stage.room.send("gui", "stop")
            stage.process.wait(30)
        with np.load(file) as held:
            pictures, cards, stalls = held["pictures"], held["cards"], held["stalls"]
    shown = pictures[(pictures[:, 1] >= begin_s) & (pictures[:, 1] < end_s)]
    return Stamps(
        pictures_ms=1e3 * (shown[:, 1] - shown[:, 0]),
        excess_ms=1e3 * (shown[:, 1] - _free_from(shown[:, 0], stalls)),
        blanks_ms=np.array([1e3 * (cards[cards > t][0] - t) for t in asked]),
        sent=sent,
    )


def _free_from(sent_s: Floats, stalls: Floats) -> Floats:
    """Return when the window could have shown what was sent: at once, or at a stall's end."""
    free = sent_s.copy()
    for begin_s, end_s in stalls:
        free[(sent_s >= begin_s) & (sent_s < end_s)] = end_s
    return free


def figures(seconds: float, blanks: int) -> Figures:
    """Measure everything."""
    load = os.getloadavg()[0]
    print("== processor time with frames", flush=True)
    cost = cost_percent(seconds, frames=True)
    print("== processor time without", flush=True)
    bare = cost_percent(seconds / 2, frames=False)
    print("== delays", flush=True)
    plain = delays(seconds, 0.0, blanks)
    print("== delays with stalls", flush=True)
    stalled = delays(seconds, STALL_MS, blanks)
    return Figures(
        where=f"{machine()}, PySide6 {version('PySide6-Essentials')}, "
        f"pyqtgraph {version('pyqtgraph')}",
        when=f"{datetime.now(UTC):%Y-%m-%d}",
        load=(load, os.getloadavg()[0]),
        seconds=seconds,
        cost_percent=cost,
        bare_percent=bare,
        pictures_ms={"plain": plain.pictures_ms, "stalled": stalled.pictures_ms},
        excess_ms=stalled.excess_ms,
        blanks_ms={"plain": plain.blanks_ms, "stalled": stalled.blanks_ms},
        sent={"plain": plain.sent, "stalled": stalled.sent},
    )


def main() -> int:
    """Measure, write the page, and return 1 where a goal was not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="page to write")
    parser.add_argument("--quick", action="store_true", help="a minute in all; writes no page")
    given = parser.parse_args()
    found = figures(8.0, 5) if given.quick else figures(40.0, BLANKS)
    text = page(found)
    print(text)
    if given.out is not None and not given.quick:
        given.out.write_text(text, encoding="utf-8")
    return 0 if all(goal.reached for goal in goals(found)) else 1


if __name__ == "__main__":
    sys.exit(main())
