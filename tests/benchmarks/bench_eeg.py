"""Measure EEG acquisition beside the peer and write the table: ``make bench-eeg``.

Every player, the node and the peer are processes of their own. ``--quick`` takes two minutes
instead of a quarter of an hour; it shortens the count of losses from 600,000 samples to 60,000.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.benchmarks import bench_eeg_losses as losses
from tests.benchmarks.bench_eeg_live import CHANNELS, FS_HZ, SETTLE_S, go, measure, player
from tests.benchmarks.bench_eeg_page import page

ROOT = Path(__file__).resolve().parents[2]


def peer(python: str, seconds: float, chunk: int, mode: str) -> dict[str, Any]:
    """Let the peer fetch the same windows from the same kind of player."""
    session, source = f"bench-{uuid.uuid4().hex[:8]}", f"bench-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as where:
        times, told = Path(where) / "pushed.npy", Path(where) / "peer.json"
        amplifier = player(session, source, seconds, chunk=chunk, pushed=times)
        command = [python, "-W", "ignore", "-m", "tests.benchmarks.bench_eeg_peer"]
        total = str(round(seconds * FS_HZ))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(
            [*command, session, source, str(FS_HZ), total, mode, str(told)],
            stdout=subprocess.PIPE, text=True, env=environment,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                amplifier.kill()
                amplifier.communicate()
                return {"skipped": "mne-lsl (extra bench) is not installed or does not start"}
            go(amplifier)
            process.wait(seconds + 60)
        assert amplifier.stdout is not None
        amplifier.stdout.readline()
        amplifier.kill()
        amplifier.communicate()
        found = json.loads(told.read_text())
        pushed = np.load(times)
    table = np.array([row for row in found["found"] if row[0] > SETTLE_S * FS_HZ])
    age_ms = 1e3 * (table[:, 1] - pushed[table[:, 0].astype(int)])
    return {
        "mode": mode, "chunk": chunk, "windows": len(table), "version": found["version"],
        "ms": np.percentile(age_ms, [50, 99, 100]).tolist(), "cpu_percent": found["cpu_percent"],
    }  # fmt: skip


def machine() -> str:
    """Name the machine."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{model}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}"
    )


def main() -> int:
    """Measure, write the page, and return 1 where a goal was not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes")
    parser.add_argument("--out", type=Path, help="page to write")
    parser.add_argument("--peer-python", default=sys.executable, help="Python that has mne-lsl")
    given = parser.parse_args()
    short_s, long_s = (20.0, 60.0) if given.quick else (60.0, 600.0)
    load = os.getloadavg()[0]
    found: dict[str, Any] = {"live": [], "peer": []}
    for name, make in (
        ("killed", losses.killed), ("frozen", losses.frozen), ("overflow", losses.overflow)
    ):  # fmt: skip
        print(f"== {name}", flush=True)
        found[name] = make()
    for chunk in (1, 10):
        print(f"== pushes of {chunk}", flush=True)
        found["live"].append(measure(short_s, chunk))
        for mode in ("manual", "thread"):
            found["peer"].append(peer(given.peer_python, short_s, chunk, mode))
    print(f"== {long_s:g} s", flush=True)
    found["long"] = measure(long_s, 10)
    found["where"] = machine()
    found["load"] = (load, os.getloadavg()[0])
    found["when"] = datetime.now(UTC).date().isoformat()
    found["channels"], found["fs_hz"] = CHANNELS, FS_HZ
    text, missed = page(found)
    print(text)
    print(json.dumps(found))
    if given.out is not None:
        given.out.write_text(text, encoding="utf-8")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
