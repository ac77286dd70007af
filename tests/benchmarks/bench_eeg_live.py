"""The real acquisition node on a player's stream: latency, processor time, loss."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import zmq

from phosphene.bus import Subscriber
from phosphene.messages import Features
from tests.system.acquisition_rig import Rig

FS_HZ = 1000
CHANNELS = 64
WINDOW_S, STEP_S = 1.0, 0.1
SETTLE_S = 5.0  # filters settle, numba compiles, buffers fill
SESSION: dict[str, Any] = {
    "person": "p01",
    "modality": "eeg",
    "acquisition": {
        "eeg": {
            "mode": "windows", "window_s": WINDOW_S, "step_s": STEP_S,
            "notch_hz": 50.0, "band_hz": (1.0, 40.0), "reference": "average",
        }
    },
}  # fmt: skip


def player(session: str, source_id: str, seconds: float, **more: Any) -> subprocess.Popen[str]:
    """Start a player that waits for a line before it begins."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_eeg_send", "--session", session]
    command += ["--source-id", source_id, "--seconds", str(seconds)]
    for name, value in more.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    """Let a player begin, or end."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def measure(seconds: float, chunk: int) -> dict[str, Any]:
    """Play `seconds` of 64 channels at 1 kHz in pushes of `chunk` samples; return what was seen.

    Ages of all windows are in it, in milliseconds: when the node sent them (``told_ms``) and when
    they were heard (``heard_ms``).
    """
    source = f"bench-{uuid.uuid4().hex[:8]}"
    session = {**SESSION, "source": {"kind": "lsl-eeg", "source_ids": [source]}}
    with tempfile.TemporaryDirectory() as where:
        times = Path(where) / "pushed.npy"
        with Rig(session, mode="live", nodes=("recorder", "decoder", "acquisition")) as rig:
            amplifier = player(rig.plan.lsl_session, source, seconds, chunk=chunk, pushed=times)
            try:
                figures = _watch(rig, amplifier, seconds, times)
            finally:
                amplifier.kill()
                amplifier.communicate()
    return {"seconds": seconds, "chunk": chunk, **figures}


def pooled(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put stretches of the same kind together: ages become their 50th, 99th, 100th percentile."""
    made = dict(runs[0])
    for name in ("windows", "seconds", "sent", "taken", "lost"):
        if name in made:
            made[name] = sum(run[name] for run in runs)
    for name in ("told_ms", "heard_ms", "ms"):
        if name in made:
            ages = np.concatenate([run[name] for run in runs])
            made[name] = np.percentile(ages, [50, 99, 100]).tolist()
    made["cpu_percent"] = float(np.mean([run["cpu_percent"] for run in runs]))
    made["medians_ms"] = [float(np.median(run.get("heard_ms", run.get("ms")))) for run in runs]
    return made


def _watch(
    rig: Rig, amplifier: subprocess.Popen[str], seconds: float, times: Path
) -> dict[str, Any]:
    rig.start("acquisition")
    rig.go("acquisition")
    rig.until(lambda: "acquisition" in rig.room.beats and not rig.note("acquisition"))
    node = psutil.Process(rig.processes["acquisition"].pid)
    where = [rig.folder.endpoint("acquisition")]
    found: list[tuple[float, float, float]] = []  # end of window, told, heard
    total = round(seconds * FS_HZ)
    with Subscriber(rig.zmq, where, [b"features"]) as ears:
        poller = zmq.Poller()
        poller.register(ears.socket, zmq.POLLIN)
        go(amplifier)
        begin = None
        limit_s = time.monotonic() + seconds + 30
        while rig.count("acquisition", "samples") < total and time.monotonic() < limit_s:
            # All else that a run's other processes would do has its time right after a window.
            if poller.poll(200):
                heard_s = time.monotonic()
                for message in ears.receive():
                    if isinstance(message.header, Features):
                        header = message.header
                        found.append((header.t_data, header.t_sent, heard_s))
            rig.tick_quietly()
            if begin is None and found and found[-1][0] > SETTLE_S:
                begin = (time.monotonic(), node.cpu_times(), node.memory_info().rss)
        assert begin is not None, "no features came"
        spent = node.cpu_times()
        wall_s = time.monotonic() - begin[0]
    assert amplifier.stdout is not None
    sent = int(amplifier.stdout.readline().split()[1])
    pushed = np.load(times)
    table = np.array([row for row in found if row[0] > SETTLE_S])
    last = np.round(table[:, 0] * FS_HZ).astype(int)
    told_ms = 1e3 * (table[:, 1] - pushed[last])
    heard_ms = 1e3 * (table[:, 2] - pushed[last])
    used_s = spent.user + spent.system - begin[1].user - begin[1].system
    return {
        "windows": len(table),
        "told_ms": told_ms.tolist(),
        "heard_ms": heard_ms.tolist(),
        "cpu_percent": 100 * used_s / wall_s,
        "memory_mib": node.memory_info().rss / 2**20,
        "sent": sent,
        "taken": rig.count("acquisition", "samples"),
        "lost": rig.count("acquisition", "samples_lost"),
    }


if __name__ == "__main__":
    for size in map(int, sys.argv[2:] or ["1", "10"]):
        print(pooled([measure(float(sys.argv[1]), size)]))
