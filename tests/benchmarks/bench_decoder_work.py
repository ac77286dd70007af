"""The work that `bench_decoder` times, each kind in a process of its own; prints one line of JSON.

``python -m tests.benchmarks.bench_decoder_work own|himalaya|sklearn|decode TRIALS VOXELS TARGETS``
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import group_folds
from decoder.familiar import Familiarity
from decoder.linear import Scaler, Space
from decoder.model import LinearModel
from decoder.ridge import PENALTIES, fit_ridge
from decoder.samples import Samples
from decoder.settings import FitSettings
from decoder.trust import Trials, Trust, fit_curves
from phosphene.engine import OnnxEngine

__all__ = ["FOLDS", "TESTS", "main"]

Array = npt.NDArray[Any]
FOLDS = 5
TESTS = 200
"""Fresh trials that the fits are scored on."""
_SOURCES = 64
_CATEGORIES = tuple(f"kind {k}" for k in range(8))
_C_DIM = 17
_WINDOWS, _SETTLE = 2000, 100


def make(trials: int, voxels: int, targets: int) -> tuple[Array, Array, Array, Array]:
    """Trials of which voxels and targets share 64 hidden numbers, each with noise of its own.

    Returns
    -------
    array (trials, voxels), array (trials, targets), array (TESTS, voxels), array (TESTS, targets)
        float32; the last two for testing, their targets without noise.
    """
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((trials + TESTS, _SOURCES), dtype=np.float32)
    unit = np.float32(_SOURCES**-0.5)
    X = hidden @ (unit * rng.standard_normal((_SOURCES, voxels), dtype=np.float32))
    X += 4 * rng.standard_normal(X.shape, dtype=np.float32)
    Y = hidden @ (unit * rng.standard_normal((_SOURCES, targets), dtype=np.float32))
    strength = rng.uniform(0.2, 3.0, targets).astype(np.float32)
    noisy = Y[:trials] + strength * rng.standard_normal((trials, targets), dtype=np.float32)
    return X[:trials], noisy, X[trials:], Y[trials:]


def runs_of(trials: int) -> Array:
    """Name ten runs of about equally many trials."""
    return np.array([str(k) for k in np.arange(trials) * 10 // trials])


def own(X: Array, Y: Array) -> Callable[[Array], Array]:
    """Fit with `decoder.ridge`."""
    fitted = fit_ridge(Space.of(X), Y, runs_of(len(X)), PENALTIES, FOLDS)
    return fitted.map


def himalaya(X: Array, Y: Array) -> Callable[[Array], Array]:
    """Fit with himalaya's kernel ridge, on the same folds."""
    from himalaya.kernel_ridge import KernelRidgeCV

    scaler = Scaler.of(X)
    model = KernelRidgeCV(
        alphas=np.asarray(PENALTIES) * X.shape[1], fit_intercept=True,
        cv=group_folds(runs_of(len(X)), FOLDS),
    ).fit(scaler(X).astype(np.float32), Y)  # fmt: skip
    return lambda rows: np.asarray(model.predict(scaler(rows).astype(np.float32)))


def sklearn(X: Array, Y: Array) -> Callable[[Array], Array]:
    """Fit with scikit-learn's RidgeCV, which leaves single trials out, in closed form."""
    from sklearn.linear_model import RidgeCV

    scaler = Scaler.of(X)
    alphas = np.asarray(PENALTIES) * X.shape[1]
    model = RidgeCV(alphas=alphas, alpha_per_target=True).fit(scaler(X).astype(np.float32), Y)
    return lambda rows: np.asarray(model.predict(scaler(rows).astype(np.float32)))


def timed(fit: Callable[[Array, Array], Callable[[Array], Array]], sizes: list[int]) -> Any:
    """Time one fit; the peer's import belongs to it no more than ours."""
    X, Y, fresh, true = make(*sizes)
    fit(X[:20, :30], Y[:20, :4])  # imports and first calls
    wall, cpu = time.perf_counter(), time.process_time()
    predict = fit(X, Y)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    error = ((predict(fresh) - true) ** 2).sum(axis=0) / (true**2).sum(axis=0)
    return {"wall_s": wall, "cpu_s": cpu, "peak_gib": _peak(), "explained": 1 - float(error.mean())}


def decode(sizes: list[int]) -> Any:
    """Fit a whole decoder (z, c, categories, confidence) and decode window after window."""
    trials, voxels, targets = sizes
    X, Y, _, _ = make(trials, voxels, targets + _C_DIM)
    labels = np.array(_CATEGORIES)[np.argmax(Y[:, -8:], axis=1)]
    samples = Samples(
        X=X, rows=np.arange(trials), groups=runs_of(trials),
        z=Y[:, :targets].reshape(trials, -1, 8, 8), c=Y[:, targets:], labels=labels,
    )  # fmt: skip
    empty = LinearModel(
        _CATEGORIES, np.zeros((8, _C_DIM), np.float32), z_shape=(targets // 64, 8, 8)
    )
    settings = FitSettings(window=1, combine="mean", normaliser="none", folds=FOLDS)
    start = time.perf_counter()
    model = empty.fit(samples, settings)
    fit_s = time.perf_counter() - start
    graph = model.trusting(_trust(X)).export()
    engine = OnnxEngine(graph, threads=1)
    took = []
    for k in range(_SETTLE + _WINDOWS):
        window = X[k % trials][None]
        begin, busy = time.perf_counter(), time.thread_time()
        engine.run({"x": window})
        took.append((time.perf_counter() - begin, time.thread_time() - busy))
    ms, own_ms = np.array(took[_SETTLE:]).T * 1e3
    return {
        "p50_ms": float(np.median(ms)),
        "p99_ms": float(np.percentile(ms, 99)),
        "longest_ms": float(ms.max()),
        "own_p50_ms": float(np.median(own_ms)),
        "own_p99_ms": float(np.percentile(own_ms, 99)),
        "windows": _WINDOWS,
        "graph_mib": len(graph) / 2**20,
        "fit_s": fit_s,
        "peak_gib": _peak(),
        "engine": engine.describe(),
    }


def _trust(X: Array) -> Trust:
    """Make a confidence of the usual shape: what it holds makes no difference to its time."""
    rng = np.random.default_rng(1)
    usual, count = Familiarity.of(X, 1), 100
    noise = (3 * rng.standard_normal((count, X.shape[1]))).astype(np.float32)
    kinds = np.repeat(["own", "noise"], count)
    trials = Trials(
        measures=usual(np.concatenate([X[:count], noise])), odds=rng.normal(size=2 * count),
        signal=rng.normal(size=2 * count), success=rng.random(2 * count) * (kinds == "own"),
        clusters=np.tile(["1", "2"], count), kinds=kinds,
    )  # fmt: skip
    return Trust(usual, fit_curves(trials))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(arguments: list[str]) -> int:
    """Do one kind of work and print what it took."""
    what, sizes = arguments[0], [int(number) for number in arguments[1:4]]
    fits = {"own": own, "himalaya": himalaya, "sklearn": sklearn}
    print(json.dumps(decode(sizes) if what == "decode" else timed(fits[what], sizes)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
