"""Linear decoders as mixtures of training trials."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from decoder.images import smoother as module
from decoder.images.folds import numbered, split
from decoder.images.smoother import Voxels, fit_inverse, fit_smoother, fit_weighted
from phosphene.errors import InputError

Array = npt.NDArray[Any]


def made(n: int = 30, voxels: int = 12, noise: float = 0.3) -> tuple[Array, Array]:
    rng = np.random.default_rng(3)
    code = rng.normal(size=(n, 5))
    driven = code @ rng.normal(size=(5, voxels // 2)) + noise * rng.normal(size=(n, voxels // 2))
    return np.hstack([driven, rng.normal(size=(n, voxels - voxels // 2))]), code


def test_folds_hold_out_every_trial_once() -> None:
    parts = list(split(23, 5, 0))
    assert sorted(np.concatenate([held for _, held in parts]).tolist()) == list(range(23))
    assert all(not set(train) & set(held) for train, held in parts)
    assert all(len(train) + len(held) == 23 for train, held in parts)
    with pytest.raises(InputError, match="folds"):
        list(split(3, 4, 0))


@pytest.mark.parametrize("fit", [fit_weighted, fit_inverse, fit_smoother])
def test_weights_add_up_and_find_the_code(fit: Any) -> None:
    responses, code = made()
    weights = fit(responses[:24], code[:24], Voxels())(responses[24:])
    assert np.allclose(weights.sum(axis=1), 1.0)
    decoded = weights @ code[:24]
    assert np.corrcoef(decoded.ravel(), code[24:].ravel())[0, 1] > 0.8


def test_responses_without_pictures_give_the_mean_picture() -> None:
    rng = np.random.default_rng(0)
    code = rng.normal(size=(30, 3))
    constant = np.ones((30, 6))
    weights = fit_smoother(constant, code, Voxels())(constant[:4])
    assert np.allclose(weights, 1 / 30)


def test_silent_voxels_weigh_less() -> None:
    responses, code = made()
    maps = fit_weighted(responses, code, Voxels()).maps
    assert np.abs(maps[:6]).mean() > 3 * np.abs(maps[6:]).mean()


def test_inverse_encoding_is_the_posterior_mean() -> None:
    responses, code = made()
    voxels = Voxels(least_r=-0.99, common_noise=0.6)
    found = fit_inverse(responses, code, voxels)
    # The same with every matrix written out.
    n = len(code)
    b = (responses - responses.mean(axis=0)) / responses.std(axis=0)
    u, s, axes = np.linalg.svd(code - code.mean(axis=0), full_matrices=False)
    f = u * s
    penalty = voxels.encoding_penalty * (s**2).mean()
    residual = b - module._left_out(b, f, penalty)
    std = np.sqrt((residual**2).mean(axis=0))
    unit = residual / std
    shared = 0.6 * unit.T @ unit / n + 0.4 * np.eye(b.shape[1])
    noise = np.linalg.inv(std[:, None] * shared * std)
    w = np.linalg.solve(f.T @ f + penalty * np.eye(5), f.T @ b)
    posterior = np.linalg.inv(w @ noise @ w.T + np.diag(n / s**2)) @ w @ noise @ b.T
    expected = posterior.T @ axes + code.mean(axis=0)
    assert np.allclose(found(responses) @ code, expected, atol=1e-7)


def test_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        Voxels(ridge_components=0, ridge_penalty=0.0, common_noise=1.0, least_r=2.0)
    for name in ("ridge_components", "ridge_penalty", "common_noise", "least_r"):
        assert name in str(caught.value)


def test_a_picture_that_is_shown_again_is_left_out_with_all_its_trials() -> None:
    rng = np.random.default_rng(0)
    shown = np.repeat(np.arange(12), 3)
    pictures = rng.random((12, 4, 4))[shown]
    same = numbered(pictures)
    assert np.array_equal(same, shown)
    held_out = []
    for train, held in split(len(shown), 4, 0, same):
        assert not set(same[train]) & set(same[held])
        held_out.extend(held.tolist())
    assert sorted(held_out) == list(range(36))
    with pytest.raises(InputError, match="2 to 12"):
        list(split(len(shown), 13, 0, same))
    # Each picture has a pattern of its own, from which nothing of the others can be told.
    responses = rng.normal(size=(12, 40))[shown] + 0.1 * rng.normal(size=(36, 40))
    code = np.eye(12)[shown]
    told = {
        name: module._correlation(responses, module._left_out(responses, code, 1.0, given))
        for name, given in (("by trial", None), ("by picture", same))
    }
    assert np.median(told["by trial"]) > 0.6
    assert np.median(told["by picture"]) < 0.1
