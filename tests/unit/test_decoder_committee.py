"""Committees of waveforms and covariances: alone, in the graph, in a fit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from decoder.choose import Grid, best_of, choose, held_out_loss
from decoder.classify import fit_temperature
from decoder.committee import Committee, Layout, fit_committee, left_out_of_maps
from decoder.dataset import Dataset
from decoder.export import _Graph, _serialised
from decoder.export_committee import STEPS, add_log
from decoder.fit import fit_decoder
from decoder.model import LinearModel
from decoder.riemann import cosines, fit_tangent, xdawn
from decoder.settings import FitSettings
from phosphene.engine import OnnxEngine
from phosphene.errors import InputError

CHANNELS, TIMES, RATE_HZ = 4, 40, 50.0
CLASSES = ("face", "house")
LAYOUT = Layout(CHANNELS, RATE_HZ)
EMPTY = LinearModel(CLASSES, np.eye(2, 5), (2, 3, 3))
START = FitSettings(
    window=1, normaliser="none", period_s=0.8, channels=CHANNELS, rate_hz=RATE_HZ, folds=3
)

Array = npt.NDArray[np.float64]


def epochs(n: int = 160, seed: int = 0, phase: float = 0.0) -> tuple[Array, Array, Array]:
    """Two classes whose responses differ; with `phase` they jitter, so that only power tells."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2, n)
    t = np.arange(TIMES) / RATE_HZ
    noise = np.cumsum(rng.normal(0, 1.0, (n, CHANNELS, TIMES)), axis=2)
    noise = np.einsum("ij,njt->nit", np.eye(4) + 0.4, noise)
    shift = phase * rng.uniform(-1, 1, n)[:, None]
    wave = np.where(codes == 0, 1.0, 0.2)[:, None] * np.sin(2 * np.pi * (5 * t + shift))
    X = noise + 2.5 * wave[:, None, :] * np.array([1.0, -0.5, 0.2, 0.8])[:, None]
    groups = np.array([f"r{k % 4}" for k in range(n)])
    return X.reshape(n, -1).astype(np.float32), codes, groups


def names(codes: Array) -> npt.NDArray[np.str_]:
    return np.array(CLASSES)[codes]


def fitted(X: Array, codes: Array, groups: Array) -> Committee:
    return fit_committee(X, names(codes), CLASSES, groups, LAYOUT, (0.1, 0.4), 3)


def test_taking_slow_waves_out_leaves_no_mean_and_no_drift() -> None:
    waves = cosines(TIMES, 0, 2)
    np.testing.assert_allclose(waves.T @ waves, np.eye(2), atol=1e-12)
    X, codes, _ = epochs()
    lifted = X.reshape(-1, CHANNELS, TIMES) + 50.0
    a = fit_tangent(X, codes, CHANNELS, filters=1, waves=2, shrinkage=0.01)
    np.testing.assert_allclose(a(lifted.reshape(len(X), -1)), a(X), atol=1e-3)


def test_filters_find_the_channels_of_the_response() -> None:
    X, codes, _ = epochs()
    filters, expected = xdawn(X.reshape(-1, CHANNELS, TIMES).astype(np.float64), codes, 1)
    t = np.arange(TIMES) / RATE_HZ
    assert filters.shape == (2, CHANNELS)
    assert abs(np.corrcoef(expected[0], np.sin(2 * np.pi * 5 * t))[0, 1]) > 0.9


def test_covariances_tell_apart_what_waveforms_cannot() -> None:
    X, codes, groups = epochs(240, phase=3.0)
    test, truth, _ = epochs(200, seed=1, phase=3.0)
    votes = fitted(X, codes, groups)
    linear = votes.waveforms(test)
    assert np.mean(votes(test).argmax(1) == truth) > 0.75
    assert np.mean(linear.argmax(1) == truth) < 0.65


def test_the_graph_gives_what_the_model_gives() -> None:
    X, codes, groups = epochs()
    model = replace(EMPTY, scores=fitted(X, codes, groups), labels=CLASSES)
    model = model.calibrated(1.7, 0.8, -0.1)
    engine = OnnxEngine(model.export())
    strange = np.concatenate([X[:20], 30 * X[20:24], np.zeros((1, X.shape[1]), np.float32)])
    expected = model.predict(strange)
    for k, row in enumerate(strange):
        found = engine.run({"x": row[None]})
        np.testing.assert_allclose(
            found["log_probabilities"][0], expected.log_probabilities[k], rtol=2e-5, atol=2e-5
        )
        np.testing.assert_allclose(found["confidence"][0], expected.confidence[k], atol=1e-5)
        np.testing.assert_allclose(found["c"][0], expected.c[k], atol=1e-5)


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6])
def test_the_logarithm_of_products_is_the_one_of_eigenvalues(condition: float) -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(3, 6, 6)))[0]
    values = np.geomspace(1.0, condition, 6) * 7.0
    matrices = (basis * values) @ basis.transpose(0, 2, 1)
    graph = _Graph()
    flat = graph.constant("shape", [3, 6, 6], np.int64)
    graph.add("Cast", ["x"], "x64", to=11)
    graph.add("Reshape", ["x64", flat], "matrices")
    log = add_log(graph, "matrices", 6, "l_")
    row = graph.constant("row", [1, 108], np.int64)
    graph.add("Reshape", [log, row], "long")
    graph.add("Cast", ["long"], "c", to=1)
    engine = OnnxEngine(_serialised(graph, 108, [("c", [1, 108])]))
    x = matrices.astype(np.float32)
    w, v = np.linalg.eigh(x.astype(np.float64))
    expected = (v * np.log(w)[:, None, :]) @ v.transpose(0, 2, 1)
    found = engine.run({"x": x.reshape(1, -1)})["c"].reshape(3, 6, 6)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert len(STEPS) == 5


def test_a_committee_is_taken_where_training_runs_are_better_with_it() -> None:
    X, codes, groups = epochs(140, phase=3.0)
    data = Dataset(X, groups, np.arange(140.0), labels=names(codes))
    start = START.model_copy(update={"folds": 2})
    losses = [
        held_out_loss(data, start.model_copy(update={"committee": c}), EMPTY) for c in (False, True)
    ]
    assert losses[1] < losses[0]
    assert best_of(data, [start], EMPTY) is start
    assert choose(data, start, Grid(committees=(False, True)), EMPTY).committee


def test_a_fit_with_a_committee_is_calibrated_and_beats_its_control() -> None:
    X, codes, groups = epochs(200, phase=3.0)
    data = Dataset(X, groups, np.arange(200.0), labels=names(codes))
    start = START.model_copy(update={"committee": True})
    found = fit_decoder(data, start, Grid(), EMPTY, lambda *_: None)
    (auc,) = [s for s in found.scores if s.name == "auc_face_house"]
    assert auc.value > 0.75
    assert abs(auc.shuffled - 0.5) < 0.1
    assert found.model.predict(X[:3]).confidence.shape == (3,)


def test_what_is_left_out_was_not_seen_by_filters_either() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(240, CHANNELS * 3 * TIMES))
    codes = rng.integers(0, 2, len(X))
    groups = np.array([f"r{k % 4}" for k in range(len(X))])
    learn = partial(fit_tangent, channels=3 * CHANNELS, filters=2, waves=2, shrinkage=0.01)
    held, used = left_out_of_maps(X, codes, groups, (0.1, 0.4), 4, learn)
    assert used.all()
    # Nothing tells the classes apart; filters that knew the labels of all rows would say 0.65.
    assert np.mean(held[0].argmax(1) == codes) < 0.57
    assert fit_temperature(held[0], codes)[1] > 0.68
    known = learn(X, codes)
    seen, _ = left_out_of_maps(X, codes, groups, (0.1, 0.4), 4, lambda *_: known)
    assert np.mean(seen[0].argmax(1) == codes) > 0.6


def test_rows_that_are_no_epochs_are_refused() -> None:
    X, codes, groups = epochs()
    with pytest.raises(InputError, match="multiple of 3 channels"):
        fit_committee(X, names(codes), CLASSES, groups, Layout(3, RATE_HZ), (0.1,), 3)
    with pytest.raises(InputError, match="8 or more samples"):
        fit_committee(X, names(codes), CLASSES, groups, Layout(40, 5.0), (0.1,), 3)
