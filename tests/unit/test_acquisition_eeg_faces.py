"""Faces against houses in six real runs, left out one after the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

from acquisition.eeg.config import EegConfig
from acquisition.eeg.core import EegCore
from acquisition.sources.eeg import EegReadOptions, read_eeg

Run = tuple[np.ndarray, np.ndarray, np.ndarray]


def epochs(path: Path) -> Run:
    """Features, 1 for face and 0 for house, and whether the epoch may be learned from."""
    made = read_eeg(path, EegReadOptions(labels={"1": "house", "2": "face"}))
    core = EegCore(EegConfig(fs_hz=made.fs_hz, channel_names=made.channel_names))
    for marker in made.markers:
        core.marker(marker.t_s, marker.label)
    steps = core.push(made.data, 0)
    features = np.stack([step.features.ravel() for step in steps])
    usable = np.array([step.ready and not step.rejected for step in steps])
    return features, np.array([step.label == "face" for step in steps]), usable


def discriminant(X: np.ndarray, y: np.ndarray, shrinkage: float = 0.15) -> np.ndarray:
    """Linear discriminant with the covariance shrunk towards a multiple of the identity."""
    means = [X[y == c].mean(axis=0) for c in (False, True)]
    rest = np.concatenate([X[y == c] - means[int(c)] for c in (False, True)])
    cov = rest.T @ rest / (len(rest) - 2)
    target = np.trace(cov) / len(cov) * np.eye(len(cov))
    return np.linalg.solve((1 - shrinkage) * cov + shrinkage * target, means[1] - means[0])


def auc(score: np.ndarray, y: np.ndarray) -> float:
    n1 = int(y.sum())
    return float((rankdata(score)[y].sum() - n1 * (n1 + 1) / 2) / (n1 * (len(y) - n1)))


def left_out(runs: list[Run], rng: np.random.Generator | None = None) -> list[float]:
    scores = []
    for k, (X, y, _) in enumerate(runs):
        others = [run for j, run in enumerate(runs) if j != k]
        learn = np.concatenate([run[0][run[2]] for run in others])
        labels = np.concatenate([run[1][run[2]] for run in others])
        if rng is not None:
            labels = rng.permutation(labels)
        scores.append(auc(X @ discriminant(learn, labels), y))
    return scores


@pytest.mark.realdata
def test_faces_differ_from_houses_in_runs_never_seen(realdata: Path) -> None:
    runs = [epochs(path) for path in sorted((realdata / "eeg" / "muse-n170").glob("*.csv"))]
    scores = left_out(runs)
    rng = np.random.default_rng(0)
    shuffled = np.mean([left_out(runs, rng) for _ in range(8)])
    print("left-out AUC", np.round(scores, 3), "mean", np.mean(scores), "shuffled", shuffled)
    assert np.mean(scores) > 0.69
    assert scores[-1] > 0.62
    assert min(scores) > 0.62
    assert shuffled == pytest.approx(0.5, abs=0.03)
