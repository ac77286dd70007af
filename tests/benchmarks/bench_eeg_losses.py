"""Losses made on purpose, in front of the real acquisition node: is every sample accounted for?"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from tests.benchmarks.bench_eeg_live import FS_HZ, SESSION, go, player
from tests.system.acquisition_rig import Rig

FROZEN_S = 5.0
FIRST_AGAIN = 1_000_000
FLOOD = 100_000

# Outlet and inlet keep 60 s each; at 10 Hz that is 600 samples, so that an overflow is quick.
OVERFLOW = """
import sys, time
import numpy as np
from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.lsl.formats import EegFormat
from acquisition.lsl.outlet import EegOutlet
configure_lsl(LslConfig(session_id=sys.argv[1]))
out = EegOutlet(sys.argv[2], EegFormat(10.0, tuple(f"E{k}" for k in range(64))))
print("up", flush=True)
out.wait_for_reader(20)
out.push(np.zeros((10, 64), np.float32), 0)  # the first ten are taken, then comes the flood
sys.stdin.readline()
for k in range(10, 100_000, 10):
    out.push(np.zeros((10, 64), np.float32), k)
print("sent", flush=True)
sys.stdin.readline()
"""


@contextmanager
def node(source: str, **eeg: Any) -> Any:
    """Run the acquisition node on a source; `eeg` are settings other than the usual."""
    acquisition = {"eeg": {**SESSION["acquisition"]["eeg"], **eeg}}
    source_of = {"kind": "lsl-eeg", "source_ids": [source]}
    session = {**SESSION, "acquisition": acquisition, "source": source_of}
    with Rig(session, mode="live", nodes=("recorder", "acquisition")) as rig:
        rig.start("acquisition")
        rig.go("acquisition")
        yield rig


def _ended(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        process.kill()
        process.communicate()


def _since(rig: Rig, reached: Callable[[], bool], limit_s: float = 20.0) -> float:
    begin_s = time.monotonic()
    rig.until(reached, limit_s)
    return time.monotonic() - begin_s


def _samples(rig: Rig) -> list[Any]:
    return [m.header for m in rig.of("samples")]


def killed() -> dict[str, Any]:
    """Kill the player with SIGKILL, start another: when is it heard, what is counted?"""
    source = f"bench-{uuid.uuid4().hex[:8]}"
    with node(source) as rig:
        first = player(rig.plan.lsl_session, source, 60, chunk=10)
        go(first)
        rig.until(lambda: rig.count("acquisition", "samples") > 2 * FS_HZ)
        first.send_signal(signal.SIGKILL)
        red_s = _since(rig, lambda: rig.count("acquisition", "stale") == 2)
        again = player(rig.plan.lsl_session, source, 2, chunk=10, first=FIRST_AGAIN)
        up_s = time.monotonic()
        go(again)
        rig.until(lambda: any(h.first_index >= FIRST_AGAIN for h in _samples(rig)[-50:]))
        back_s = time.monotonic() - up_s
        end = FIRST_AGAIN + 2 * FS_HZ
        rig.until(lambda: rig.count("acquisition", "samples") and _reached(rig) == end)
        rig.until(lambda: rig.count("acquisition", "samples_lost") > 0)
        taken, lost = _counts(rig)
        fresh = _samples(rig)[0].first_index
        _ended(first, again)
    return {"back_s": back_s, "red_s": red_s, "taken": taken, "lost": lost,
            "unaccounted": end - fresh - taken - lost}  # fmt: skip


def _reached(rig: Rig) -> int:
    """Return the number of the sample after the newest that was taken."""
    for message in reversed(rig.recorded):
        if message.header.__struct_config__.tag == "samples":
            return int(message.header.first_index) + len(message.arrays["samples"])
    return 0


def _counted(rig: Rig) -> tuple[int, int]:
    return rig.count("acquisition", "samples"), rig.count("acquisition", "samples_lost")


def _counts(rig: Rig) -> tuple[int, int]:
    """Return the counters once they have stood still for two beats."""
    before = (-1, -1)
    while True:
        now = _counted(rig)
        if now == before:
            return now
        before, wait_s = now, time.monotonic() + 0.3
        rig.until(lambda until_s=wait_s: time.monotonic() > until_s)


def frozen() -> dict[str, Any]:
    """Stop the player for five seconds; it goes on with what is due by then."""
    source = f"bench-{uuid.uuid4().hex[:8]}"
    with node(source) as rig:
        amplifier = player(rig.plan.lsl_session, source, 10, chunk=10)
        go(amplifier)
        rig.until(lambda: rig.count("acquisition", "samples") > FS_HZ)
        amplifier.send_signal(signal.SIGSTOP)
        until_s = time.monotonic() + FROZEN_S
        amber_s = _since(rig, lambda: rig.count("acquisition", "stale") >= 1)
        red_s = amber_s + _since(rig, lambda: rig.count("acquisition", "stale") == 2)
        rig.until(lambda: time.monotonic() > until_s)
        amplifier.send_signal(signal.SIGCONT)
        back_s = _since(rig, lambda: rig.count("acquisition", "stale") == 0)
        rig.until(lambda: _reached(rig) >= 10 * FS_HZ)
        taken, lost = _counts(rig)
        assert amplifier.stdout is not None
        words = amplifier.stdout.readline().split()
        _ended(amplifier)
    return {"amber_s": amber_s, "red_s": red_s, "back_s": back_s, "taken": taken, "lost": lost,
            "missed": int(words[3]), "unaccounted": int(words[1]) - taken - lost}  # fmt: skip


def overflow() -> dict[str, Any]:
    """Flood a node that stands still: LSL drops the oldest in silence."""
    source = f"bench-{uuid.uuid4().hex[:8]}"
    with node(source, band_hz=(1.0, 4.0)) as rig:
        sender = subprocess.Popen(
            [sys.executable, "-c", OVERFLOW, rig.plan.lsl_session, source],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert sender.stdout is not None
        sender.stdout.readline()
        rig.until(lambda: rig.count("acquisition", "samples") == 10)
        rig.processes["acquisition"].send_signal(signal.SIGSTOP)
        go(sender)
        sender.stdout.readline()
        rig.processes["acquisition"].send_signal(signal.SIGCONT)
        # The node works through the flood for some seconds, with rests: stop waiting after 60 s.
        limit_s = time.monotonic() + 60
        rig.until(lambda: sum(_counted(rig)) >= FLOOD or time.monotonic() > limit_s, 70)
        taken, lost = _counts(rig)
        _ended(sender)
    return {"taken": taken, "lost": lost, "unaccounted": FLOOD - taken - lost}
