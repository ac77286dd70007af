"""The shrinkage discriminant, its temperature, and calibrated confidence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from decoder.calibrate import log_odds
from decoder.classify import fit_lda, fit_temperature, lda_scores
from decoder.linear import Space
from phosphene.errors import ConfigError, InputError


def make(n: int = 120, p: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    means = 1.5 * rng.normal(size=(3, p))
    X = means[codes] + rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) * 0.5
    groups = np.repeat([str(g) for g in range(4)], n // 4)
    return X, np.array(["face", "house", "cat"])[codes], groups


@pytest.mark.parametrize("p", [6, 200])
def test_equals_the_formula(p: int) -> None:
    X, labels, groups = make(p=p)
    classes = ("face", "house", "cat")
    fitted = fit_lda(Space.of(X), labels, classes, groups, amounts=(0.3,))
    Z = (X - X.mean(0)) / X.std(0)
    M = np.stack([Z[labels == name].mean(0) for name in classes])
    R = Z - M[[classes.index(name) for name in labels]]
    S = R.T @ R / len(Z)
    S = 0.7 * S + 0.3 * np.trace(S) / p * np.eye(p)
    W = np.linalg.solve(S, M.T)
    expected = Z @ W - 0.5 * (M.T * W).sum(0)
    got = fitted.scores(X)
    np.testing.assert_allclose(got - got[:, :1], expected - expected[:, :1], atol=1e-6)


def test_full_shrinkage_is_the_nearest_mean() -> None:
    X, labels, _ = make()
    codes = np.array([("face", "house", "cat").index(name) for name in labels])
    scores = lda_scores(X, codes, 3, [1.0], X.shape[1])[0](X)
    means = np.stack([X[codes == k].mean(0) for k in range(3)])
    nearest = ((X[:, None] - means[None]) ** 2).sum(2).argmin(1)
    assert (scores.argmax(1) == nearest).all()


def test_temperature_finds_what_made_the_scores() -> None:
    rng = np.random.default_rng(0)
    logits = 2.0 * rng.normal(size=(6000, 4))
    codes = np.array([rng.choice(4, p=p) for p in softmax(logits, axis=1)])
    temperature, loss = fit_temperature(5.0 * logits, codes)
    assert temperature == pytest.approx(5.0, rel=0.1)
    assert loss < np.log(4)


def test_left_out_runs_choose_the_shrinkage() -> None:
    X, labels, groups = make(p=100)
    fitted = fit_lda(Space.of(X), labels, ("face", "house", "cat"), groups)
    assert len(fitted.losses) == 5
    assert min(fitted.losses) < np.log(3)
    shuffled = np.random.default_rng(0).permutation(labels)
    control = fit_lda(Space.of(X), shuffled, ("face", "house", "cat"), groups)
    assert min(control.losses) > min(fitted.losses) + 0.3


def test_what_cannot_be_fitted_is_refused() -> None:
    X, labels, groups = make()
    with pytest.raises(InputError, match=r"2 problem\(s\)"):
        fit_lda(Space.of(X), labels, ("face", "house", "dog"), groups)
    with pytest.raises(ConfigError, match="amounts"):
        fit_lda(Space.of(X), labels, ("face", "house", "cat"), groups, amounts=(0.0,))
    own_run = np.array(["face", "face", "house", "cat"])[[int(g) for g in groups]]
    with pytest.raises(InputError, match="one run only"):
        fit_lda(Space.of(X), own_run, ("face", "house", "cat"), groups, folds=2)


def test_rest_is_no_category() -> None:
    logp = np.log(np.array([[0.2, 0.1, 0.7], [0.6, 0.3, 0.1]]))
    np.testing.assert_allclose(log_odds(logp, 2), np.log([0.2 / 0.8, 0.6 / 0.4]))
