"""Parts of the fMRI benchmark that measure the steps by themselves, one process each."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.fmri.realign import Realigner
from acquisition.fmri.smoothing import Smoother
from acquisition.fmri.warm import warm_up
from tests.benchmarks.bench_fmri_data import (
    SPM_REFERENCE,
    Injected,
    Real,
    SkippedError,
    against_spm,
    inject,
    injected_errors,
    real_series,
    round_trip_error,
    spm_volume,
)
from tests.benchmarks.bench_fmri_peer import Peer

ROUNDS = 4
SMOOTH_MM = 5.0


def spread(milliseconds: npt.NDArray[np.float64]) -> dict[str, float]:
    """Median and tails."""
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
    return {
        "median": float(p50),
        "p95": float(p95),
        "p99": float(p99),
        "max": float(milliseconds.max()),
    }


def best_round(rounds: list[npt.NDArray[np.float64]]) -> dict[str, Any]:
    """Figures of the round with the lowest median sum: others use this machine too.

    Columns are the milliseconds of realignment, reslicing and smoothing, then the processor's for
    all three, which others do not lengthen much.
    """
    best = min(rounds, key=lambda ms: float(np.median(ms[:, :3].sum(1))))
    names = ("realign", "reslice", "smooth")
    parts = {name: spread(best[:, k]) for k, name in enumerate(names)}
    processor = {"processor": float(np.median(best[:, 3]))}
    return {**parts, "sum": spread(best[:, :3].sum(1)) | processor, "rounds": len(rounds)}


def ours(data: Path, work: Path) -> dict[str, Any]:
    """Realign, reslice and smooth the real series, on one thread."""
    del work
    real = real_series(data)
    warm_up()
    smoother = Smoother(SMOOTH_MM, real.voxel_mm, real.data.shape[1:])
    rounds = []
    for _ in range(ROUNDS):
        realigner = Realigner(real.data[SPM_REFERENCE], real.affine)
        ms = np.empty((len(real.data), 4))
        for k, volume in enumerate(real.data):
            used, t0 = time.thread_time(), time.perf_counter()
            motion = realigner.estimate(volume)
            t1 = time.perf_counter()
            resliced = realigner.resample(volume, motion)
            t2 = time.perf_counter()
            smoother(resliced)
            t3, used = time.perf_counter(), time.thread_time() - used
            ms[k] = 1e3 * np.array([t1 - t0, t2 - t1, t3 - t2, used])
        rounds.append(ms)
    return best_round(rounds)


def peer(data: Path, work: Path) -> dict[str, Any]:
    """Measure python-rtspm on the same series, on one thread."""
    real = real_series(data)
    rounds, kept = [], []
    for _ in range(2):
        kept = list(Peer(real).run(real.data))
        rounds.append(np.stack([ms for _, _, ms in kept]))
    np.save(work / "peer-matrices.npy", np.stack([m for m, _, _ in kept]))
    np.save(work / "peer-resliced.npy", np.stack([v for _, v, _ in kept]))
    return best_round(rounds)


def spm(data: Path, work: Path) -> dict[str, Any]:
    """Motion and realigned volumes against SPM."""
    real = real_series(data)
    realigner = Realigner(real.data[SPM_REFERENCE], real.affine)
    motions = [realigner.estimate(v) for v in real.data]
    mm, deg = against_spm([m.matrix for m in motions], data, real.centre)
    found: dict[str, Any] = {"mm": mm, "deg": deg}
    resliced = realigner.resample(real.data[SPM_REFERENCE], motions[SPM_REFERENCE])
    stored = spm_volume(data, "reslVol_matlab", "reslVol")
    found["stored"] = float(np.corrcoef(resliced.ravel(), stored.ravel())[0, 1])
    smooth = Smoother(SMOOTH_MM, real.voxel_mm, resliced.shape)(resliced)
    inner = np.s_[3:-3, 3:-3, 3:-3]  # SPM takes what is outside for zero
    stored = spm_volume(data, "smoothed_matlab", "smReslVol")
    found["smoothed"] = float(np.corrcoef(smooth[inner].ravel(), stored[inner].ravel())[0, 1])
    if not (work / "peer-resliced.npy").exists():
        return found
    theirs, head = np.load(work / "peer-resliced.npy", mmap_mode="r"), real.head
    everywhere, inside = [], []
    for k, (volume, motion) in enumerate(zip(real.data, motions, strict=True)):
        mine = realigner.resample(volume, motion)
        seen = theirs[k] != 0  # it blanks what came from outside
        everywhere.append(np.corrcoef(mine[seen], theirs[k][seen])[0, 1])
        inside.append(np.corrcoef(mine[seen & head], theirs[k][seen & head])[0, 1])
    found["resliced"], found["resliced_head"] = float(min(everywhere)), float(min(inside))
    peer_mm, peer_deg = against_spm(np.load(work / "peer-matrices.npy"), data, real.centre)
    return {**found, "peer_mm": peer_mm, "peer_deg": peer_deg}


def injected(data: Path, work: Path) -> dict[str, Any]:
    """Known motion put into real volumes by a quintic spline; where the peer is, it too."""
    del work
    real = real_series(data)
    known = inject(real)
    found: dict[str, Any] = {
        "ours": _injected_ours(real, known),
        "cubic": _injected_ours(real, inject(real, order=3)),
        "round_trip_percent": round_trip_error(real, known),
    }
    try:
        aligner = Peer(real)
    except SkippedError:
        return found
    aligner.step(real.data[SPM_REFERENCE])
    before = [m for m, _, _ in aligner.run(real.data[known.source])]
    after = [m for m, _, _ in aligner.run(known.moved)]
    return {**found, "peer": injected_errors(after, before, known, real.centre)}


def _injected_ours(real: Real, known: Injected) -> dict[str, float]:
    realigner = Realigner(real.data[SPM_REFERENCE], real.affine)
    before = [realigner.estimate(v).matrix for v in real.data[known.source]]
    after = [realigner.estimate(v) for v in known.moved]
    found = injected_errors([m.matrix for m in after], before, known, real.centre)
    return {**found, "lost": max(found["lost"], sum(m.lost for m in after))}


def glm(data: Path, work: Path) -> dict[str, Any]:
    """Compare the incremental model's last map with nilearn's offline fit of the same volumes."""
    del work
    try:
        import pandas
        from nilearn.glm import first_level
        from nilearn.glm.contrasts import compute_contrast
    except ImportError as error:
        raise SkippedError(f"nilearn is not installed (extra bench): {error}") from error
    from acquisition.fmri.glm import RunningGlm
    from acquisition.fmri.regressors import Stimulus
    from tests.benchmarks.evaluate import REGULATION, SIEMENS_SKIPPED, SIEMENS_TR_S

    real, tr_s = real_series(data), SIEMENS_TR_S
    realigner = Realigner(real.data[0], real.affine)
    smoother = Smoother(SMOOTH_MM, real.voxel_mm, real.data.shape[1:])
    motions = [realigner.estimate(v) for v in real.data]
    signal = np.stack(
        [smoother(realigner.resample(v, m)) for v, m in zip(real.data, motions, strict=True)]
    )[:, real.head]
    moved = np.stack([m.params for m in motions]) - motions[0].params
    shown = [
        Stimulus((SIEMENS_SKIPPED + first - 1) * tr_s, "regulation", (last - first + 1) * tr_s)
        for first, last in REGULATION
    ]
    began = time.perf_counter()
    running = RunningGlm(signal.shape[1], tr_s)
    for k, voxels in enumerate(signal):
        known = [s for s in shown if s.onset_s <= (k + 1) * tr_s]
        running.step(voxels, k, moved[k], known)
    online = running.fit(["regulation"])[0]
    step_ms = 1e3 * (time.perf_counter() - began) / len(signal)
    events = pandas.DataFrame(
        {
            "onset": [s.onset_s for s in shown],
            "duration": [s.duration_s for s in shown],
            "trial_type": "regulation",
        }
    )
    design = first_level.make_first_level_design_matrix(
        (np.arange(len(signal)) + 0.5) * tr_s, events, hrf_model="glover",
        drift_model="polynomial", drift_order=3, add_regs=moved,
        add_reg_names=[f"motion{k}" for k in range(6)],
    )  # fmt: skip
    labels, results = first_level.run_glm(signal.astype(np.float64), design.to_numpy(), "ar1")
    weights = (design.columns == "regulation").astype(float)
    offline = compute_contrast(labels, results, weights, stat_type="t").stat()
    return {
        "r": float(np.corrcoef(online.t, offline)[0, 1]),
        "largest": float(np.abs(online.t - offline).max()),
        "voxels": int(signal.shape[1]),
        "step_ms": step_ms,
    }


_WARM = """
import time
t0 = last = time.perf_counter()
from acquisition.fmri.warm import warm_up
t1 = last = time.perf_counter()
gaps = []
def beat():
    global last
    now = time.perf_counter()
    gaps.append(now - last)
    last = now
warm_up(beat)
print(t1 - t0, time.perf_counter() - t1, max(gaps))
"""


def compile_time(data: Path, work: Path) -> dict[str, Any]:
    """How long a node compiles before its first volume: never done before, and kept on disk."""
    del data
    found = {}
    with tempfile.TemporaryDirectory(dir=work) as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        for name in ("cold", "cached"):
            done = subprocess.run(
                [sys.executable, "-c", _WARM],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            imports, warm, gap = map(float, done.stdout.split())
            found[name] = {"imports_s": imports, "warm_s": warm, "longest_gap_s": gap}
    return found
