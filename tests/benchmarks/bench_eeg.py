"""Measure EEG acquisition beside the peer and write the table: ``make bench-eeg``.

Every player, the node and the peer are processes of their own. It takes twenty minutes; ten with
``--long 60``, which counts losses over 60,000 samples instead of 600,000; four with ``--quick``,
which measures latency once instead of in three turns, too.
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
from tests.benchmarks.bench_eeg_live import (
    CHANNELS,
    FS_HZ,
    SETTLE_S,
    go,
    measure,
    player,
    pooled,
)
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
        "ms": age_ms.tolist(), "cpu_percent": found["cpu_percent"], "seconds": seconds,
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


def alternate(found: dict[str, Any], rounds: int, stretch_s: float, python: str) -> None:
    """Measure node and peer in turns, so that what else the machine does meets both alike."""
    seen: dict[tuple[str, int], list[dict[str, Any]]] = {}
    absent: list[dict[str, Any]] = []
    for number in range(rounds):
        for chunk in (1, 10):
            print(f"== round {number + 1} of {rounds}, pushes of {chunk}", flush=True)
            seen.setdefault(("node", chunk), []).append(measure(stretch_s, chunk))
            for mode in () if absent else ("manual", "thread"):
                run = peer(python, stretch_s, chunk, mode)
                if "skipped" in run:
                    absent = [run]
                    break
                seen.setdefault((mode, chunk), []).append(run)
    found["live"] = [pooled(runs) for (who, _), runs in seen.items() if who == "node"]
    found["peer"] = [pooled(runs) for (who, _), runs in seen.items() if who != "node"] + absent


def main() -> int:
    """Measure, write the page, and return 1 where a goal was not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="four minutes in all")
    parser.add_argument("--rounds", type=int, help="stretches of each kind, in turns")
    parser.add_argument("--stretch", type=float, help="seconds of each stretch")
    parser.add_argument("--long", type=float, help="seconds of the count of losses")
    parser.add_argument("--out", type=Path, help="page to write")
    parser.add_argument("--peer-python", default=sys.executable, help="Python that has mne-lsl")
    given = parser.parse_args()
    usual = (1, 15.0, 60.0) if given.quick else (3, 25.0, 600.0)
    asked = (given.rounds, given.stretch, given.long)
    rounds, stretch_s, long_s = (a or b for a, b in zip(asked, usual, strict=True))
    load = os.getloadavg()[0]
    found: dict[str, Any] = {}
    for name, make in (
        ("killed", losses.killed), ("frozen", losses.frozen), ("overflow", losses.overflow)
    ):  # fmt: skip
        print(f"== {name}", flush=True)
        found[name] = make()
    alternate(found, int(rounds), stretch_s, given.peer_python)
    print(f"== {long_s:g} s", flush=True)
    found["long"] = pooled([measure(long_s, 10)])
    found["rounds"], found["stretch_s"] = int(rounds), stretch_s
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
