"""Ridge against its closed form, both ways round, and its choice of penalty."""

from __future__ import annotations

import numpy as np
import pytest

from decoder.dataset import group_folds
from decoder.linear import Affine, Scaler, Space
from decoder.ridge import (
    PENALTIES,
    cross_errors,
    cross_predict,
    fit_ridge,
)
from phosphene.errors import ConfigError, InputError


def make(n: int, p: int, k: int = 3, noise: float = 1.0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(n * 1000 + p)
    X = rng.normal(size=(n, p)) * rng.uniform(0.5, 3.0, p) + rng.normal(size=p)
    Y = X @ rng.normal(size=(p, k)) / np.sqrt(p) + noise * rng.normal(size=(n, k)) + 5.0
    groups = np.repeat([str(g) for g in range(4)], n // 4 + 1)[:n]
    return X, Y, groups


@pytest.mark.parametrize(("n", "p"), [(60, 7), (24, 90)])
def test_equals_the_normal_equations(n: int, p: int) -> None:
    X, Y, groups = make(n, p)
    fitted = fit_ridge(Space.of(X), Y, groups, penalties=(0.5,))
    Z = (X - X.mean(0)) / X.std(0)
    W = np.linalg.solve(Z.T @ Z + 0.5 * p * np.eye(p), Z.T @ (Y - Y.mean(0)))
    np.testing.assert_allclose(fitted.map(X), Z @ W + Y.mean(0), atol=1e-8)
    assert fitted.alpha == 0.5 * p


def test_noise_is_shrunk_and_signal_is_not() -> None:
    rng = np.random.default_rng(0)
    X, Y, groups = make(80, 10, noise=0.01)
    signal = fit_ridge(Space.of(X), Y, groups)
    noise = fit_ridge(Space.of(X), rng.normal(size=Y.shape), groups)
    assert signal.alpha < noise.alpha
    assert min(signal.errors) < 0.01
    assert min(noise.errors) > 0.9


def test_choice_never_sees_the_left_out_run() -> None:
    """A feature that is the target in its own run only must not be believed."""
    X, Y, groups = make(80, 4)
    rng = np.random.default_rng(1)
    Y = rng.normal(size=Y.shape)
    codes = np.array([int(g) for g in groups])
    leak = np.where(codes % 2 == 0, 1.0, -1.0)[:, None] * Y
    fitted = fit_ridge(Space.of(np.c_[X, leak]), Y, groups, folds=2)
    assert min(fitted.errors) >= 0.95


def test_each_target_is_fitted_as_if_it_were_alone() -> None:
    X, Y, groups = make(60, 12, k=5, noise=0.5)
    Y[:, 1] = np.random.default_rng(1).normal(size=60)
    space = Space.of(X)
    together = fit_ridge(space, Y, groups)
    for j in range(5):
        alone = fit_ridge(space, Y[:, j : j + 1], groups)
        assert together.alphas[j] == alone.alphas[0]
        assert together.errors[j] == pytest.approx(alone.error)
        np.testing.assert_allclose(together.map(X)[:, j], alone.map(X)[:, 0], atol=1e-9)
    assert len(set(together.alphas.tolist())) > 1
    shared = fit_ridge(space, Y, groups, per_target=False)
    assert len(set(shared.alphas.tolist())) == 1
    assert together.error < shared.error == pytest.approx(min(shared.losses))


@pytest.mark.parametrize(("n", "p"), [(60, 12), (40, 100)])
def test_penalties_and_weights_are_those_of_himalaya(n: int, p: int) -> None:
    himalaya = pytest.importorskip("himalaya.ridge")
    X, Y, _ = make(n, p, k=7, noise=2.0)
    groups = np.repeat([str(g) for g in range(4)], n // 4)  # the peer counts folds, not rows
    Y[:, 3] = np.random.default_rng(1).normal(size=n)
    space = Space.of(X)
    fitted = fit_ridge(space, Y, groups, folds=4)
    peer = himalaya.RidgeCV(
        alphas=np.asarray(PENALTIES) * p, fit_intercept=True, cv=group_folds(groups, 4),
        solver_params={"warn": False},
    ).fit(space.scaler(X), Y)  # fmt: skip
    np.testing.assert_allclose(fitted.alphas, peer.best_alphas_)
    np.testing.assert_allclose(fitted.map(X), peer.predict(space.scaler(X)), atol=1e-8)


def test_left_out_predictions_are_made_without_their_group() -> None:
    X, Y, groups = make(40, 60)
    folds, alphas = group_folds(groups, 4), np.array([1.0, 30.0, 500.0])
    space = Space.of(X)
    held = cross_predict(space.rows, Y, alphas, folds)
    lost, _ = cross_errors(space.rows, Y, alphas, folds)
    for j in range(3):
        assert lost[j, j] == pytest.approx(((held[:, j] - Y[:, j]) ** 2).sum())
    Y[groups == "2"] = 1e6
    again = cross_predict(space.rows, Y, alphas, folds)
    np.testing.assert_array_equal(again[groups == "2"], held[groups == "2"])


def test_features_of_weight_zero_are_not_read() -> None:
    X, Y, groups = make(30, 50)
    weights = np.r_[np.ones(10), np.zeros(40)]
    fitted = fit_ridge(Space.of(X, weights), Y, groups, penalties=(1.0,))
    alone = fit_ridge(Space.of(X[:, :10]), Y, groups, penalties=(1.0,))
    assert not fitted.map.weights[10:].any()
    np.testing.assert_allclose(fitted.map.weights[:10], alone.map.weights, atol=1e-9)
    assert fitted.alphas.tolist() == alone.alphas.tolist() == [10.0] * 3


def test_constant_feature_is_ignored() -> None:
    X, Y, groups = make(40, 3)
    X[:, 1] = 7.0
    fitted = fit_ridge(Space.of(X), Y, groups)
    assert np.abs(fitted.map.weights[1]).max() == 0.0
    assert Scaler.of(X).gain[1] == 0.0


def test_averaging_map_equals_mapping_the_average() -> None:
    rng = np.random.default_rng(0)
    head = Affine(rng.normal(size=(4, 2)), rng.normal(size=2))
    rows = rng.normal(size=(5, 3, 4))
    np.testing.assert_allclose(head.repeated(3)(rows.reshape(5, 12)), head(rows.mean(axis=1)))


def test_few_rows_of_many_features_make_two_small_matrices() -> None:
    X, Y, groups = make(20, 300, k=120)
    weights = np.r_[np.zeros(100), np.full(200, 0.5)]
    space = Space.of(X, weights)
    fitted = fit_ridge(space, Y, groups, penalties=(0.5,)).map
    assert fitted.first is not None
    assert fitted.first.size + fitted.weights.size < 0.7 * 300 * 120
    assert fitted.features == 300
    whole = fitted.dense()
    assert not whole.weights[:100].any()
    np.testing.assert_allclose(whole(X), fitted(X), atol=1e-8)
    twice = np.c_[X, X[::-1]]
    mean = (X + X[::-1]) / 2
    np.testing.assert_allclose(fitted.repeated(2)(twice), whole(mean), atol=1e-8)
    Z = ((X - X.mean(0)) / X.std(0))[:, 100:] * 0.5
    W = np.linalg.solve(Z.T @ Z + 0.5 * 200 / 4 * np.eye(200), Z.T @ (Y - Y.mean(0)))
    np.testing.assert_allclose(fitted(X), Z @ W + Y.mean(0), atol=1e-8)


def test_bad_penalty_and_single_run_are_refused() -> None:
    X, Y, groups = make(20, 3)
    with pytest.raises(ConfigError, match="penalties"):
        fit_ridge(Space.of(X), Y, groups, penalties=(0.0,))
    with pytest.raises(InputError, match="groups"):
        fit_ridge(Space.of(X), Y, np.full(20, "1"))
