"""Filters, mean and tangent vectors against pyRiemann, which computes the same by other code."""

from __future__ import annotations

import numpy as np
import pytest

from decoder.riemann import fit_tangent, riemann_mean

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
