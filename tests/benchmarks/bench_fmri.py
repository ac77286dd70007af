"""Measure speed and accuracy of fMRI acquisition beside the peer, and write the table.

``make bench-fmri DATA=path/to/recordings`` runs this. Each part is a process of its own; one whose
recording or package is absent is left out, and the table says why.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tests.benchmarks import bench_fmri_live as live
from tests.benchmarks import bench_fmri_steps as steps
from tests.benchmarks.bench_fmri_data import SkippedError
from tests.benchmarks.bench_fmri_goals import goals, page

Part = Callable[[Path, Path], dict[str, Any]]

# In this order: the peer directly after ours, and SPM's comparison uses what the peer has made.
PARTS: dict[str, Part] = {
    "ours": steps.ours,
    "peer": steps.peer,
    "spm": steps.spm,
    "injected": steps.injected,
    "glm": steps.glm,
    "live_mosaic": live.live_mosaic,
    "live_xa": live.live_xa,
    "live_xa_simulated": live.live_xa_simulated,
    "live_multiband": live.live_multiband,
    "memory": live.memory,
    "compile_time": steps.compile_time,
}


def measure(name: str, data: Path, work: Path) -> dict[str, Any]:
    """Run one part in a process of its own, on one thread."""
    result = work / f"{name}.json"
    command = [sys.executable, "-m", "tests.benchmarks.bench_fmri", "--data", str(data)]
    command += ["--part", name, "--work", str(work)]
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    done = subprocess.run(
        command, env={**os.environ, **one}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"{name} failed:\n{done.stdout[-4000:]}")
    loaded: dict[str, Any] = json.loads(result.read_text())
    return loaded


def run_part(name: str, data: Path, work: Path) -> int:
    """Measure in this process and leave the result in the work folder."""
    try:
        found = PARTS[name](data, work)
    except SkippedError as skipped:
        found = {"skipped": str(skipped)}
    (work / f"{name}.json").write_text(json.dumps(found))
    return 0


def main() -> int:
    """Run the parts and write the page; 1 where a goal was not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real recordings")
    parser.add_argument("--out", type=Path, help="page to write")
    parser.add_argument("--only", nargs="*", choices=tuple(PARTS), help="parts to run")
    parser.add_argument("--part", choices=tuple(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part is not None:
        return run_part(given.part, given.data, given.work)
    chosen = [name for name in PARTS if not given.only or name in given.only]
    results, loads = {}, []
    with tempfile.TemporaryDirectory(prefix="phosphene-bench-") as work:
        for name in (bar := tqdm(chosen, unit="part")):
            bar.set_description(name)
            loads.append(os.getloadavg()[0])
            results[name] = measure(name, given.data, Path(work))
    rows = goals(results)
    text = page(rows, loads)
    if given.out is not None:
        given.out.write_text(text, encoding="utf-8")
    print(text)
    return 1 if any(row.ok is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
