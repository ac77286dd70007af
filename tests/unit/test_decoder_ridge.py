"""Ridge against its closed form, both ways round, and its choice of penalty."""

from __future__ import annotations

import numpy as np
import pytest

from decoder.linear import Affine, Scaler, Space
from decoder.ridge import fit_ridge, loo_errors, ridge_weights
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


def test_leave_one_out_in_closed_form_is_leaving_one_out() -> None:
    X, Y, _ = make(20, 5)
    alpha = 2.0
    errors = []
    for i in range(len(X)):
        kept = np.arange(len(X)) != i
        mean, level = X[kept].mean(0), Y[kept].mean(0)
        W = ridge_weights(X[kept] - mean, Y[kept] - level, [alpha])[0]
        errors.append((Y[i] - (X[i] - mean) @ W - level) ** 2)
    # The penalty acts on weights of data centred with all rows, as in the closed form.
    assert loo_errors(X, Y, [alpha])[0] == pytest.approx(np.mean(errors), rel=0.02)


def test_leave_one_out_without_penalty_is_exact() -> None:
    X, Y, _ = make(15, 3)
    errors = []
    for i in range(len(X)):
        kept = np.arange(len(X)) != i
        A = np.c_[X[kept], np.ones(len(X) - 1)]
        W = np.linalg.lstsq(A, Y[kept], rcond=None)[0]
        errors.append((Y[i] - np.r_[X[i], 1.0] @ W) ** 2)
    assert loo_errors(X, Y, [1e-9])[0] == pytest.approx(np.mean(errors), rel=1e-6)


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


def test_many_targets_choose_the_same_as_all_of_them() -> None:
    X, Y, groups = make(60, 12, k=400, noise=0.5)
    penalties = (1e-2, 1.0, 100.0)
    parts = [Y[:, j : j + 50] for j in range(0, 400, 50)]
    all_of_them = [
        sum(fit_ridge(Space.of(X), part, groups, [q]).errors[0] for part in parts)
        for q in penalties
    ]
    fitted = fit_ridge(Space.of(X), Y, groups, penalties)
    assert int(np.argmin(fitted.errors)) == int(np.argmin(all_of_them))


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


def test_bad_penalty_and_single_run_are_refused() -> None:
    X, Y, groups = make(20, 3)
    with pytest.raises(ConfigError, match="penalties"):
        fit_ridge(Space.of(X), Y, groups, penalties=(0.0,))
    with pytest.raises(InputError, match="groups"):
        fit_ridge(Space.of(X), Y, np.full(20, "1"))
