"""Speed and memory of fitting and decoding, beside himalaya and scikit-learn.

``make bench-decoder`` runs this and writes docs/benchmarks-decoder.md; ``--quick`` takes a small
version. Every fit is a process of its own, so that peak memory is its own; they take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tests.benchmarks.bench_decoder_work import FOLDS, TESTS
from tests.benchmarks.evaluate import machine

FITS = {"own": "Phosphene", "himalaya": "himalaya KernelRidgeCV", "sklearn": "scikit-learn RidgeCV"}
FULL, QUICK = (1000, 10000, 4096), (300, 2000, 512)
THREADS = 2
LIMIT_S, LIMIT_GIB, LIMIT_MS = 60.0, 8.0, 5.0

HEAD = """# Benchmarks: fitting and decoding

`make bench-decoder` measures this and writes this page: {where}.
Load of the machine at the start and at the end: {load[0]:.1f} and {load[1]:.1f} (above the
number of cores, times hold waiting for other programs; processor time does not). {when}.

Fit: {trials} trials x {voxels} voxels x {targets} targets, {threads} threads, voxels and targets in
single precision; 11 candidate penalties, one chosen for each target. Phosphene and himalaya choose
on {folds} folds of whole runs, scikit-learn leaves single trials out in closed form (it has no
faster way for folds of runs). Voxels are standardised in every fit. Each fit is a process of its
own ({rounds} of each, in turns; medians). Peak memory is that of the whole process, data and
libraries included. *Explained* is the share of the variance of {tests} fresh trials' noise-free
targets.
"""

DECODE = """## Decoding one window

The exported graph of a decoder of {voxels} voxels with z of {targets} numbers, c of 17, 8
categories and the confidence, fitted on {trials} trials; ONNX Runtime on one thread of the
processor, {windows} windows after 100 to settle. The graph holds z as two matrices (voxels x
{trials}, {trials} x {targets}) in place of one: the map is the same, and a window reads
{graph_mib:.0f} MiB of weights where the one matrix alone has {dense_mib:.0f} MiB.
"""


def work(what: str, sizes: Sequence[int]) -> dict[str, Any]:
    """Run one kind of work in a process of its own."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.bench_decoder_work", what, *map(str, sizes)],
        stdout=subprocess.PIPE, env={**os.environ, **dict.fromkeys(names, str(THREADS))},
        check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(sizes: Sequence[int], rounds: int) -> dict[str, Any]:
    """Let all fits take turns, then decode."""
    fits: dict[str, list[dict[str, Any]]] = {name: [] for name in FITS}
    with tqdm(total=rounds * len(FITS) + 1, unit="process") as bar:
        for _ in range(rounds):
            for name in FITS:
                bar.set_description(FITS[name])
                fits[name].append(work(name, sizes))
                bar.update()
        bar.set_description("decode")
        decoded = work("decode", sizes)
        bar.update()
    middle = {
        name: {key: float(np.median([run[key] for run in runs])) for key in runs[0]}
        for name, runs in fits.items()
    }
    return {"fits": middle, "decode": decoded}


def page(found: dict[str, Any], facts: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the page, and the goals that were not reached."""
    ours, decoded = found["fits"]["own"], found["decode"]
    goals = [
        ("fit, time", f"<= {LIMIT_S:g} s", f"{ours['wall_s']:.1f} s", ours["wall_s"] <= LIMIT_S),
        ("fit, peak memory", f"<= {LIMIT_GIB:g} GiB", f"{ours['peak_gib']:.2f} GiB",
         ours["peak_gib"] <= LIMIT_GIB),
        ("decode one window, 99th percentile", f"<= {LIMIT_MS:g} ms",
         f"{decoded['p99_ms']:.2f} ms", decoded["p99_ms"] <= LIMIT_MS),
    ]  # fmt: skip
    lines = [HEAD.format(**facts), "| | must | measured | reached |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {must} | {got} | {'yes' if good else '**no**'} |"
        for name, must, got, good in goals
    ]
    lines += [
        "", "## Fitting", "",
        "| who | time | processor time | peak memory | explained |", "|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {FITS[name]} | {run['wall_s']:.1f} s | {run['cpu_s']:.1f} s "
        f"| {run['peak_gib']:.2f} GiB | {run['explained']:.4f} |"
        for name, run in found["fits"].items()
    ]
    dense_mib = facts["voxels"] * facts["targets"] * 4 / 2**20
    lines += [
        "", DECODE.format(**facts, **decoded, dense_mib=dense_mib),
        "| | median | 99 % | longest |", "|---|---|---|---|",
        f"| time | {decoded['p50_ms']:.2f} ms | {decoded['p99_ms']:.2f} ms "
        f"| {decoded['longest_ms']:.1f} ms |",
        f"| processor time (without waiting for other programs) | {decoded['own_p50_ms']:.2f} ms "
        f"| {decoded['own_p99_ms']:.2f} ms | |", "", f"Engine: {decoded['engine']}.",
        f"Fitting that whole decoder (z, c, categories) took {decoded['fit_s']:.1f} s and "
        f"{decoded['peak_gib']:.2f} GiB.", "",
    ]  # fmt: skip
    return "\n".join(lines), [name for name, _, _, good in goals if not good]


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="page to write")
    parser.add_argument("--quick", action="store_true", help="small, once")
    parser.add_argument("--rounds", type=int, default=3, help="how often each fit is timed")
    given = parser.parse_args()
    sizes, rounds = (QUICK, 1) if given.quick else (FULL, given.rounds)
    load = os.getloadavg()[0]
    found = measure(sizes, rounds)
    facts = {
        **dict(zip(("trials", "voxels", "targets"), sizes, strict=True)),
        "where": machine(), "load": (load, os.getloadavg()[0]), "threads": THREADS,
        "when": f"{datetime.now(UTC):%Y-%m-%d}", "folds": FOLDS, "rounds": rounds, "tests": TESTS,
    }  # fmt: skip
    text, missed = page(found, facts)
    given.out.write_text(text, encoding="utf-8")
    print(text)
    for name in missed:
        print(f"not reached: {name}", file=sys.stderr)
    return 1 if missed and not given.quick else 0


if __name__ == "__main__":
    sys.exit(main())
