"""EEG of the synthetic participant: ridge beside the convolution that is trained by contrast.

``python -m tests.benchmarks.recon_eeg`` prints the lines. Fitted on a simulated calibration of 4
runs (half the usual one), measured on three sessions of two minutes with other pictures and other
noise; every choice (penalties, when to stop, and of ``auto`` the kind) is made on the calibration
alone.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.prepare import prepare
from acquisition.simulate.calibration import CalibrationPlan, calibrate, run_seed
from acquisition.simulate.eeg import EegSimConfig, simulate_eeg
from acquisition.sources.recording import EegRun
from decoder.choose import choose
from decoder.eeg.kinds import with_kind
from decoder.load import Loaded, LoadOptions, load
from decoder.metrics import two_way
from decoder.model import LinearModel
from decoder.samples import learn_priors, make_samples
from phosphene.commands.demo import SESSION_SEED_STEP, demo_programme
from phosphene.dataset import PreparedData, TimedEvent, write_prepared
from phosphene.engine import OnnxEngine
from tests.benchmarks.evaluate_recon_line import Line

__all__ = ["lines", "measured"]

Floats = npt.NDArray[np.float64]
KINDS = ("linear", "convolution")
SEEDS = (0, 1)
PLAN = CalibrationPlan(runs=4, blocks=24)
SESSIONS, SESSION_S, NOISE = 3, 120.0, 100
TIMED = 2000


@dataclass(frozen=True)
class Found:
    """What one kind of decoder reached on the sessions of one synthetic person."""

    two_way: float
    shuffled: float
    top1: float
    top5: float
    pool: float
    error: float
    n: int
    fit_s: float
    p50_ms: float
    p99_ms: float
    parity: float


def sessions(seed: int) -> PreparedData:
    """Return sessions that the calibration knows nothing of."""
    runs = []
    for k in range(1, SESSIONS + 1):
        programme = demo_programme(seed + SESSION_SEED_STEP * k, SESSION_S, eeg=True)
        config = EegSimConfig(participant_seed=seed, run_seed=run_seed(seed, NOISE + k))
        eeg = simulate_eeg(programme, config, name=f"session-{k}")
        events = tuple(
            TimedEvent(
                run=str(k), t_s=m.t_s, duration_s=m.duration_s, label=m.label, detail=m.detail
            )
            for m in eeg.markers
        )
        runs.append(EegRun(str(k), eeg, events, {f"session-{k}": f"{seed:064d}"}))
    return prepare(runs, f"pilot-{seed}")


def measured(seed: int, kinds: tuple[str, ...] = KINDS) -> dict[str, Found]:
    """Fit every kind on the calibration and measure it on the sessions."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = []
        measured_on = calibrate(seed, "eeg", PLAN)
        for name, data in (("calibration", measured_on), ("sessions", sessions(seed))):
            write_prepared(Path(folder) / f"{name}.npz", data)
            loaded.append(load(Path(folder) / f"{name}.npz", LoadOptions(), lambda _: None))
    return {kind: _measured(kind, *loaded) for kind in kinds}


def _measured(kind: str, calibration: Loaded, shown: Loaded) -> Found:
    start, target = time.perf_counter(), calibration.aim.target
    empty = LinearModel(target.categories, calibration.aim.prototypes, target.z_shape or ())
    settings, grid = with_kind(
        calibration.settings, calibration.grid, kind, calibration.prepared.meta
    )
    settings = choose(calibration.aim.data, settings, grid, empty)
    priors = learn_priors(calibration.aim.data, settings)
    model = empty.fit(make_samples(calibration.aim.data, settings, priors), settings)
    fit_s = time.perf_counter() - start
    samples = make_samples(shown.aim.data, settings, priors)
    decoded = model.predict(samples.X).c
    assert decoded is not None and samples.c is not None
    rng = np.random.default_rng(0)
    right, wrong, ranks, pools = [], [], [], []
    for run in np.unique(samples.groups):
        own = (samples.groups == run) & np.isfinite(samples.c).all(axis=1)
        c, true = decoded[own], samples.c[own]
        right.append(two_way(c, true))
        wrong.append(two_way(c, true[rng.permutation(len(true))]))
        ranks.append(_ranks(c, true))
        pools.append(len(c))
    known = np.isfinite(samples.c).all(axis=1)
    lost = ((decoded - samples.c)[known] ** 2).sum()
    base = ((samples.c[known] - samples.c[known].mean(axis=0)) ** 2).sum()
    rank = np.concatenate(ranks)
    return Found(
        float(np.concatenate(right).mean()), float(np.concatenate(wrong).mean()),
        float((rank == 0).mean()), float((rank < 5).mean()), float(np.mean(pools)),
        float(lost / base), len(rank), fit_s, *_speed(model, samples.X),
    )  # fmt: skip


def _ranks(c: Floats, true: Floats) -> Floats:
    """Return how many others of the session are nearer than the truth, by cosine."""

    def unit(rows: Floats) -> Floats:
        centred = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-6)
        return centred / np.linalg.norm(centred, axis=1, keepdims=True)

    alike = unit(c) @ unit(true).T
    return (alike > np.diag(alike)[:, None]).sum(axis=1)


def _speed(model: LinearModel, X: Floats) -> tuple[float, float, float]:
    """Return median and 99th percentile (ms) of one epoch, and the largest error of the graph."""
    engine, expected = OnnxEngine(model.export()), model.predict(X[:64]).c
    assert expected is not None
    error = max(
        float(np.abs(engine.run({"x": X[k : k + 1]})["c"][0] - expected[k]).max())
        for k in range(len(expected))
    )
    took = np.empty(TIMED)
    for k in range(TIMED):
        row = X[k % len(X)][None]
        start = time.perf_counter()
        engine.run({"x": row})
        took[k] = 1e3 * (time.perf_counter() - start)
    return float(np.median(took)), float(np.quantile(took, 0.99)), error


def lines(_: Path) -> list[Line]:
    """Give the lines of the page; the recordings are not needed."""
    made = []
    for seed in SEEDS:
        for kind, found in measured(seed).items():
            data = f"synthetic participant, EEG, seed {seed}, {kind}"
            split = f"fitted on a calibration, {SESSIONS} sessions of other pictures and noise"
            shuffled = f"chance 0.5, shuffled {found.shuffled:.3f}"
            pool = f"chance {1 / found.pool:.3f} and {5 / found.pool:.3f}"
            speed = f"an epoch in {found.p50_ms:.2f} ms (99 %: {found.p99_ms:.2f} ms)"
            made += [
                Line(data, f"2-way, c, n = {found.n}", f"{found.two_way:.3f}", beside=shuffled,
                     split=split),
                Line(data, f"retrieval of c, top-1 and top-5 of {found.pool:.0f}",
                     f"{found.top1:.3f} and {found.top5:.3f}", beside=f"{pool}; {speed}",
                     split=split),
            ]  # fmt: skip
    return made


if __name__ == "__main__":
    for seed in SEEDS:
        for kind, found in measured(seed).items():
            print(seed, kind, found, flush=True)
