"""Filters, mean and tangent vectors against pyRiemann, which computes the same by other code."""

from __future__ import annotations

import numpy as np
import pytest

from decoder.committee import Layout
from decoder.eeg.pipelines import fit_pyriemann, fitted_map
from decoder.model import LinearModel
from decoder.riemann import fit_tangent, riemann_mean
from phosphene.engine import OnnxEngine

CHANNELS, TIMES = 4, 40


def test_filters_mean_and_tangent_vectors_are_those_of_pyriemann() -> None:
    estimation = pytest.importorskip("pyriemann.estimation")
    tangentspace = pytest.importorskip("pyriemann.tangentspace")
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 120)
    mixing = np.eye(CHANNELS) + 0.4 * rng.normal(size=(CHANNELS, CHANNELS))
    epochs = mixing @ rng.normal(size=(120, CHANNELS, TIMES))
    epochs += np.where(codes == 0, 1.0, -0.5)[:, None, None] * np.sin(np.arange(TIMES) / 3)
    # pyRiemann takes the mean over time out of each matrix, here it comes out of each epoch.
    epochs -= epochs.mean(axis=2, keepdims=True)
    rows = epochs.reshape(120, -1)
    ours = fit_tangent(rows, codes, CHANNELS, filters=2, waves=1, shrinkage=1e-3)
    peer = estimation.XdawnCovariances(2, estimator="scm", xdawn_estimator="scm").fit(epochs, codes)
    for mine, other in zip(ours.filters, peer.Xd_.filters_, strict=True):
        assert abs(mine @ other) / np.linalg.norm(mine) == pytest.approx(1.0, abs=1e-6)
    matrices = ours.covariances(rows)
    space = tangentspace.TangentSpace("riemann").fit(matrices)
    np.testing.assert_allclose(riemann_mean(matrices), space.reference_, atol=1e-5)
    # The peer orders the triangle as it likes: compare distances from the mean and between rows.
    a, b = ours(rows), space.transform(matrices)
    np.testing.assert_allclose(a @ a.T, b @ b.T, atol=1e-4)


def test_a_pipeline_of_pyriemann_is_taken_over_and_exported() -> None:
    estimation = pytest.importorskip("pyriemann.estimation")
    tangentspace = pytest.importorskip("pyriemann.tangentspace")
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 2, 120)
    epochs = rng.normal(size=(120, CHANNELS, TIMES)) + 2.0
    wave = np.sin(np.arange(TIMES) / 3)
    epochs += np.where(codes == 0, 0.6, -0.6)[:, None, None] * wave * np.arange(1, 5)[:, None]
    rows = epochs.reshape(120, -1)
    dawn = estimation.XdawnCovariances(2, estimator="scm", xdawn_estimator="scm")
    matrices = estimation.Shrinkage(0.01).fit_transform(dawn.fit(epochs, codes).transform(epochs))
    theirs = tangentspace.TangentSpace("riemann").fit_transform(matrices)
    ours = fitted_map(rows, codes, CHANNELS)(rows)
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-6)
    labels, groups = np.array(["a", "b"])[codes], np.array([f"r{k % 3}" for k in range(120)])
    classes, layout = ("a", "b"), Layout(CHANNELS, 50.0)
    scores = fit_pyriemann(rows, labels, classes, groups, layout, (0.1, 0.4), 3)
    assert np.mean(scores(rows).argmax(axis=1) == codes) > 0.9
    model = LinearModel(classes, np.eye(2, 5, dtype=np.float32), scores=scores, labels=classes)
    row = rows[:1].astype(np.float32)
    told = OnnxEngine(model.export()).run({"x": row})["log_probabilities"]
    np.testing.assert_allclose(told, model.predict(row).log_probabilities, atol=1e-4)
