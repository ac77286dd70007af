"""Metrics against hand-computed cases; scores with chance, control and interval."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoder.metrics import auc, correct, n_way_top1, pix_corr, row_correlations, ssim, two_way
from decoder.scoring import score_auc, score_items
from phosphene.errors import InputError


def test_correlations_by_hand() -> None:
    a = np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]])
    b = np.array([[3.0, 2.0, 1.0], [1.0, 3.0, 2.0]])
    np.testing.assert_allclose(row_correlations(a, b), [[-1.0, 0.5], [0.0, 0.0]], atol=1e-12)


def test_two_way_by_hand() -> None:
    true = np.array([[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0]])
    decoded = np.array([[1.0, 0.5, 0, 0], [1.0, 0.5, 0, 0], [0, 0, 0, 1.0]])
    # 0: own truth beats both; 1: loses to 0, beats 2; 2: ties with both (-1/3 each).
    np.testing.assert_allclose(two_way(decoded, true), [1.0, 0.5, 0.5])


def test_n_way_of_two_is_two_way_without_ties() -> None:
    rng = np.random.default_rng(0)
    true, noise = rng.normal(size=(30, 8)), rng.normal(size=(30, 8))
    np.testing.assert_allclose(n_way_top1(true + noise, true, 2), two_way(true + noise, true))


def test_n_way_in_closed_form_equals_drawing() -> None:
    rng = np.random.default_rng(1)
    true = rng.normal(size=(12, 5))
    decoded = true + 2 * rng.normal(size=true.shape)
    r = row_correlations(decoded, true)
    exact = n_way_top1(decoded, true, 4)
    for i in range(12):
        others = [j for j in range(12) if j != i]
        wins = [(r[i, i] > r[i, rng.choice(others, 3, replace=False)]).all() for _ in range(4000)]
        assert np.mean(wins) == pytest.approx(exact[i], abs=0.04)


@given(st.integers(2, 10))
def test_blind_decoder_is_at_chance(n_way: int) -> None:
    rng = np.random.default_rng(n_way)
    decoded, true = rng.normal(size=(2, 400, 20))
    values = n_way_top1(decoded, true, n_way)
    assert values.mean() == pytest.approx(1 / n_way, abs=0.09)


def test_tie_is_a_loss_in_the_strict_metric() -> None:
    same = np.ones((4, 3)) * [1.0, 2.0, 3.0]
    assert n_way_top1(same, same, 2).tolist() == [0.0] * 4
    assert two_way(same, same).tolist() == [0.5] * 4


def test_too_few_items_are_refused() -> None:
    with pytest.raises(InputError, match="items"):
        n_way_top1(np.ones((4, 3)), np.ones((4, 3)), 5)
    with pytest.raises(InputError, match="shape"):
        two_way(np.ones((4, 3)), np.ones((5, 3)))


def test_ssim_of_constant_pictures_by_hand() -> None:
    a = np.full((1, 9, 9, 3), 100, np.uint8)
    b = np.full((1, 9, 9, 3), 120, np.uint8)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    assert ssim(a, b)[0] == pytest.approx(expected, rel=1e-12)


def test_ssim_of_one_window_by_hand() -> None:
    """A 7 x 7 picture has exactly one window: the definition, term by term."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 1, 7, 7, 1)).astype(np.uint8)
    x, y = a.ravel().astype(float).tolist(), b.ravel().astype(float).tolist()
    mx, my = sum(x) / 49, sum(y) / 49
    vx = sum((v - mx) ** 2 for v in x) / 48
    vy = sum((v - my) ** 2 for v in y) / 48
    cov = sum((u - mx) * (v - my) for u, v in zip(x, y, strict=True)) / 48
    c1, c2 = 2.55**2, 7.65**2
    top = (2 * mx * my + c1) * (2 * cov + c2)
    bottom = (mx**2 + my**2 + c1) * (vx + vy + c2)
    assert ssim(a, b)[0] == pytest.approx(top / bottom, rel=1e-9)


def test_ssim_is_one_only_for_the_same_picture() -> None:
    rng = np.random.default_rng(2)
    a = rng.integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    np.testing.assert_allclose(ssim(a, a), 1.0)
    assert ssim(a, a[::-1]).max() < 0.3
    with pytest.raises(InputError, match="7"):
        ssim(a[:, :5], a[:, :5])


def test_pix_corr_ignores_brightness_and_contrast() -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(size=(3, 8, 8, 3))
    np.testing.assert_allclose(pix_corr(2 * a + 5, a), 1.0)
    np.testing.assert_allclose(pix_corr(-a, a), -1.0)


def test_auc_by_hand() -> None:
    assert auc(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 1, 0, 1], bool)) == 0.75
    assert auc(np.array([1.0, 1.0]), np.array([0, 1], bool)) == 0.5
    with pytest.raises(InputError, match="both kinds"):
        auc(np.ones(3), np.ones(3, bool))


def test_score_has_chance_control_and_interval() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 4, 400)
    decoded = np.where(rng.random(400) < 0.6, true, rng.integers(0, 4, 400))
    kwargs = {"chance": 0.25, "split": "none", "seed": 1}
    score = score_items("accuracy", correct, decoded, true, **kwargs)  # type: ignore[arg-type]
    assert score.value == pytest.approx(0.7, abs=0.05)
    assert score.low < score.value < score.high
    assert score.high - score.low == pytest.approx(4 * math.sqrt(0.7 * 0.3 / 400), rel=0.2)
    assert score.shuffled == pytest.approx(0.25, abs=0.04)
    again = score_items("accuracy", correct, decoded, true, **kwargs)  # type: ignore[arg-type]
    assert again == score


def test_interval_over_runs_is_wider_where_runs_differ() -> None:
    true = np.zeros(400, int)
    clusters = np.repeat(np.arange(8), 50)
    decoded = np.where(clusters < 4, 0, 1)
    kwargs = {"chance": 0.5, "split": "none", "seed": 0}
    alone = score_items("a", correct, decoded, true, **kwargs)  # type: ignore[arg-type]
    runs = score_items("a", correct, decoded, true, clusters=clusters, **kwargs)  # type: ignore[arg-type]
    assert runs.high - runs.low > 3 * (alone.high - alone.low)


def test_auc_score_is_that_of_two_normals() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(4000) % 2 == 0
    score = score_auc("auc", rng.normal(size=4000) + truth, truth, split="none", seed=0)
    assert score.value == pytest.approx(0.760, abs=0.02)  # Phi(1 / sqrt 2)
    assert score.low < score.value < score.high
    assert score.high - score.low == pytest.approx(0.03, abs=0.01)  # Hanley & McNeil (1982)
    assert score.chance == 0.5
    assert score.shuffled == pytest.approx(0.5, abs=0.02)


def test_area_lies_in_the_middle_of_its_interval_where_every_fold_has_an_offset() -> None:
    """Point and resamples compare rows of one fold; pooled, the interval would lie above."""
    share = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        folds, truth = np.repeat(np.arange(5), 24), np.arange(120) % 2 == 0
        scores = rng.normal(size=120) + truth + 2.0 * rng.normal(size=5)[folds]
        score = score_auc("auc", scores, truth, split="none", seed=seed, clusters=folds)
        share.append((score.value - score.low) / (score.high - score.low))
        assert score.shuffled == pytest.approx(0.5, abs=0.1)
    assert min(share) > 0.2 and max(share) < 0.8
    assert np.mean(share) == pytest.approx(0.5, abs=0.1)


def test_shuffled_control_tells_the_level_of_its_draws_where_there_are_enough() -> None:
    truth = np.arange(40) % 2
    decoded = np.random.default_rng(0).integers(0, 2, 40)
    common: dict[str, Any] = {"chance": 0.5, "split": "none", "seed": 0}
    few = score_items("a", correct, decoded, truth, **common)
    many = score_items("a", correct, decoded, truth, permutations=200, **common)
    assert few.shuffled_high is None
    assert many.shuffled_high == pytest.approx(0.5 + 1.96 * 0.5 / 40**0.5, abs=0.06)


def test_empty_decoder_is_at_chance_only_among_items_of_its_own_run() -> None:
    """Saying the training mean resembles what was in the training data, not what was left out."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=(80, 30))
    runs = np.repeat(np.arange(4), 20)
    decoded = np.stack([true[runs != run].mean(axis=0) for run in runs])
    kwargs = {"chance": 0.5, "split": "leave one run out", "seed": 0, "clusters": runs}
    across = score_items("a", two_way, decoded, true, **kwargs)  # type: ignore[arg-type]
    within = score_items("a", two_way, decoded, true, within=True, **kwargs)  # type: ignore[arg-type]
    assert across.value < 0.42
    assert within.value == pytest.approx(0.5, abs=1e-9)
