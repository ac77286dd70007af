"""LSL outlets in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.lsl.inlet import EegInlet

ROOT = Path(__file__).resolve().parents[2]
SESSION = LslConfig(session_id=f"phosphene-test-{os.getpid()}")

PREAMBLE = """
import sys, time
import numpy as np
from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.lsl.formats import EegFormat, VolumeFormat
from acquisition.lsl.outlet import EegOutlet, MarkerOutlet, VolumeOutlet
configure_lsl(LslConfig(session_id=sys.argv[1]))
name = sys.argv[2]
"""
EEG = """
out = EegOutlet(name, EegFormat({rate}, ("Oz", "Pz")))
print("up", flush=True)
sys.stdin.readline() if {wait} else None
out.wait_for_reader(10)
for k in range({start}, {stop}, 10):
    if k not in {skip}:
        n = k + np.arange(10.0)
        out.push(np.stack([n, -n], axis=1).astype(np.float32), k)
    time.sleep({pause})
print("sent", flush=True)
sys.stdin.readline()
"""

Start = Callable[[str, str], subprocess.Popen[str]]


@contextmanager
def senders() -> Iterator[Start]:
    """Begin a sender once its outlet is up; end all of them after the block."""
    configure_lsl(SESSION)
    running: list[subprocess.Popen[str]] = []

    def begin(name: str, code: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + code, SESSION.session_id, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    try:
        yield begin
    finally:
        for process in running:
            process.kill()
            process.wait(10)
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()


def eeg(start: int, stop: int, rate: float = 250.0, pause: float = 0.002, **more: object) -> str:
    values = {"skip": (), "wait": False} | more
    return EEG.format(start=start, stop=stop, rate=rate, pause=pause, **values)


def unique() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def collect(inlet: EegInlet, until: int, limit_s: float = 10.0) -> dict[int, np.ndarray]:
    """Pull until sample `until` is there; return rows by their number."""
    rows: dict[int, np.ndarray] = {}
    end_s = time.monotonic() + limit_s
    while until not in rows and time.monotonic() < end_s:
        for chunk in inlet.pull(0.2):
            for k, row in enumerate(chunk.data):
                rows[chunk.first_index + k] = row.copy()
    assert until in rows
    return rows
