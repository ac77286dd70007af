"""A player in a process of its own: an amplifier that counts its samples and notes each push.

Sample ``k`` is due at ``start + k / fs``. A player that was stopped goes on with the sample that is
due by then, as an amplifier does: what it would have measured meanwhile is lost, and counted here.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.lsl.formats import EegFormat
from acquisition.lsl.outlet import EegOutlet

STOPPED_S = 0.5


def main() -> int:
    """Play until the time is over; write when each sample was pushed (LSL clock, seconds)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--session", required=True)
    parser.add_argument("--source-id", required=True)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--fs", type=int, default=1000)
    parser.add_argument("--chunk", type=int, default=1)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--first", type=int, default=0, help="number of the first sample")
    parser.add_argument("--pushed", type=Path, help="file of push times (.npy)")
    given = parser.parse_args()
    configure_lsl(LslConfig(session_id=given.session))
    names = tuple(f"E{k + 1}" for k in range(given.channels))
    outlet = EegOutlet(given.source_id, EegFormat(float(given.fs), names))
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 20, (given.fs, given.channels)).astype(np.float32)
    total = round(given.seconds * given.fs)
    pushed = np.full(total, np.nan)
    print("up", flush=True)
    sys.stdin.readline()
    outlet.wait_for_reader(60)
    start_s = time.monotonic()
    k, lost = 0, 0
    while k < total:
        due_s = start_s + (k + given.chunk) / given.fs
        wait_s = due_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        elif wait_s < -STOPPED_S:
            now = int((time.monotonic() - start_s) * given.fs)
            lost += now - k
            k = now
            continue
        rows = (k + np.arange(given.chunk)) % given.fs
        pushed[k : k + given.chunk] = time.monotonic()
        outlet.push(noise[rows], given.first + k)
        k += given.chunk
    if given.pushed is not None:
        np.save(given.pushed, pushed)
    print(f"sent {k} lost {lost}", flush=True)
    sys.stdin.readline()
    return 0


if __name__ == "__main__":
    sys.exit(main())
