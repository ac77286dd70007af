"""Metrics of pictures and classes against values of others and against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from decoder.metrics import (
    consecutive_correlation,
    judged_top_k,
    mse,
    pix_corr,
    psnr,
    retrieval,
    ssim,
    ssim_grey,
    strict_top_k,
    structure,
)
from phosphene.errors import ConfigError, InputError
from phosphene.metrics import n_way, n_way_chance, scored, top_share


def picture(seed: int) -> np.ndarray:
    """Two waves with a colour each, 20 x 24."""
    y, x = np.mgrid[0:20, 0:24].astype(float)
    k = np.array([1.0, 1.7, 0.6])[None, None]
    wave = np.sin(0.3 * x * (1 + seed))[..., None] * k
    wave = wave + np.cos(0.21 * y * (2 - seed) + seed)[..., None] * (2 - k)
    return np.floor(127.5 + 40 * wave).clip(0, 255).astype(np.uint8)


A, B = picture(0)[None], picture(1)[None]


def test_pictures_score_what_scikit_image_0_26_0_says() -> None:
    assert (A.sum(), B.sum()) == (192405, 165866)
    assert ssim(A, B)[0] == pytest.approx(0.07953862600163925, abs=1e-12)
    assert ssim_grey(A, B)[0] == pytest.approx(-0.1644640178868353, abs=1e-12)
    assert psnr(A, B)[0] == pytest.approx(13.293602642587564, abs=1e-12)
    assert mse(A, B)[0] == pytest.approx(0.0468424644367551, abs=1e-15)
    assert pix_corr(A, B)[0] == pytest.approx(np.corrcoef(A.ravel(), B.ravel())[0, 1], abs=1e-12)


def test_the_two_conventions_of_ssim_differ() -> None:
    assert abs(ssim(A, B)[0] - ssim_grey(A, B)[0]) > 0.2
    np.testing.assert_allclose(ssim_grey(A, A), 1.0)
    with pytest.raises(InputError, match="11"):
        ssim_grey(A[:, :10], A[:, :10])


def test_the_form_for_controls_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 4, 13, 12, 3)).astype(np.uint8)
    order = np.array([2, 0, 0, 3])
    for metric, convention in ((ssim, "colour"), (ssim_grey, "grey")):
        expected = metric(pictures[0], pictures[1][order])
        for most in (1 << 29, 0):
            monkeypatch.setattr(structure, "_MOST_BYTES", most)
            found = structure.paired(pictures[0], pictures[1], convention)(order)  # type: ignore[arg-type]
            np.testing.assert_array_equal(found, expected)


def test_errors_by_hand() -> None:
    black, white = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 255, np.uint8)
    half = white.copy()
    half[0, 0] = 0
    assert mse(half, white)[0] == 0.5
    assert psnr(half, white)[0] == pytest.approx(3.0103, abs=1e-4)
    assert psnr(black, white)[0] == 0.0
    assert psnr(white, white)[0] == 100.0
    with pytest.raises(InputError, match="uint8"):
        mse(white / 255, white / 255)


def test_chance_of_the_two_rules_is_the_published_one() -> None:
    assert n_way_chance(2, accepted=3) == pytest.approx(0.75)
    assert n_way_chance(50, accepted=3) == pytest.approx(3 / 52)
    assert n_way_chance(50) == pytest.approx(1 / 50)
    assert n_way_chance(50, top_k=5) == pytest.approx(5 / 50)


def test_a_blind_classifier_is_at_the_chance_of_each_rule() -> None:
    decoded, true = np.random.default_rng(0).normal(size=(2, 2000, 60))
    for ways in (2, 50):
        judged, strict = judged_top_k(decoded, true, ways), strict_top_k(decoded, true, ways)
        assert judged.mean() == pytest.approx(3 / (ways + 2), abs=0.02)
        assert strict.mean() == pytest.approx(1 / ways, abs=0.02)


def test_classes_by_hand() -> None:
    true = np.array([[9.0, 8, 7, 0, 0, 0, 0]])
    # Best of the accepted three: class 2 with 5, beaten by class 3 alone of four others.
    decoded = np.array([[0.0, 1, 5, 6, 2, 2, 2]])
    assert judged_top_k(decoded, true, 2)[0] == pytest.approx(3 / 4)
    assert judged_top_k(decoded, true, 3)[0] == pytest.approx(3 / 6)
    # Strict: class 0 has the lowest score of all.
    assert strict_top_k(decoded, true, 2)[0] == 0.0
    assert strict_top_k(true, true, 5)[0] == pytest.approx(1.0)


def drawn_top_k(
    decoded: np.ndarray, true: np.ndarray, ways: int, top_k: int, accepted: int, draws: int
) -> np.ndarray:
    """Share of repeated draws that succeed, the way the publications measure it."""
    rng = np.random.default_rng(2)
    found = np.empty(len(true))
    for i, (scores, truth) in enumerate(zip(decoded, true, strict=True)):
        own = np.argsort(-truth, kind="stable")[:accepted]
        others = np.setdiff1d(np.arange(len(truth)), own)
        drawn = np.array([rng.choice(others, ways - 1, replace=False) for _ in range(draws)])
        found[i] = ((scores[drawn] >= scores[own].max()).sum(axis=1) < top_k).mean()
    return found


@pytest.mark.parametrize(("accepted", "top_k"), [(3, 1), (1, 1), (3, 2), (1, 3)])
def test_the_closed_form_is_what_draws_tend_to(accepted: int, top_k: int) -> None:
    decoded, true = np.random.default_rng(1).normal(size=(2, 5, 20))
    rule = judged_top_k if accepted == 3 else strict_top_k
    drawn = drawn_top_k(decoded, true, 6, top_k, accepted, 3000)
    np.testing.assert_allclose(drawn, rule(decoded, true, 6, top_k), atol=0.04)


def test_too_many_ways_are_refused() -> None:
    table = np.ones((2, 10))
    with pytest.raises(ConfigError, match="2 to 8"):
        judged_top_k(table, table, 9)
    with pytest.raises(ConfigError, match="top_k"):
        strict_top_k(table, table, 3, 3)


def test_retrieval_forward_and_backward_by_hand() -> None:
    true = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    decoded = np.array([[3.0, 0.1], [2.0, 1.0], [0.1, 3.0]])
    # Cosines, rows decoded: 0 finds 0; 1 is nearest to 2; 2 is nearest to 1.
    assert retrieval(decoded, true, 3, "forward").tolist() == [1.0, 0.0, 0.0]
    # Columns: truth 0 is nearest to decoded 0, truth 1 to 2, truth 2 to 1.
    assert retrieval(decoded, true, 3, "backward").tolist() == [1.0, 0.0, 0.0]
    # Pools of two: decoded 1 beats truth 0 no (0.89 > 0.45), truth 2 no; decoded 2: truth 0 yes.
    np.testing.assert_allclose(retrieval(decoded, true, 2, "forward"), [1.0, 0.0, 0.5])
    assert retrieval(7 * decoded, true, 2, "forward").tolist() == [1.0, 0.0, 0.5]


def test_rows_of_one_stimulus_or_another_group_do_not_compete() -> None:
    r = np.array([[1.0, 2.0, 3.0, 4.0]] * 4)
    stimulus, every = np.array([0, 0, 1, 2]), np.arange(4)
    # Row 1 (likeness 2) loses to stimuli 1 and 2, never against its own row 0.
    assert n_way(r, stimulus, every, 2)[1] == 0.0
    assert n_way(r, stimulus, every, 2)[3] == 1.0
    groups = np.array([0, 0, 0, 1])
    found = n_way(r, stimulus, every, 2, groups=groups)
    assert found[2] == 1.0
    assert np.isnan(found[3])


def test_top_share_is_the_hypergeometric_distribution() -> None:
    from scipy.stats import hypergeom

    for others, drawn, top_k in ((10, 4, 1), (10, 4, 2), (12, 12, 3), (5, 1, 1)):
        better = np.arange(others + 1)
        expected = [hypergeom.cdf(top_k - 1, others, b, drawn) for b in better]
        np.testing.assert_allclose(top_share(better, others, drawn, top_k), expected, atol=1e-12)


def test_consistency_by_hand() -> None:
    features = np.array([[1.0, 2, 3], [2, 4, 6], [3, 2, 1], [0, 0, 1], [5, 5, 5]])
    values, first = consecutive_correlation(features, np.array(["a", "a", "a", "b", "b"]))
    assert first.tolist() == [0, 1, 3]
    np.testing.assert_allclose(values, [1.0, -1.0, 0.0], atol=1e-12)


def test_a_score_has_everything_beside_it() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=40)
    decoded = true + rng.normal(size=40)
    found = scored(
        lambda truths: np.abs(decoded - true[truths]), np.repeat(np.arange(10), 4),
        chance=None, rule="r", split="s", higher_is_better=False, permutations=200,
    )  # fmt: skip
    assert found.value < found.low * 2
    assert found.low < found.value < found.high
    # Expected distance of independent standard normals, one with noise: sqrt(3 * 2 / pi).
    assert found.shuffled == found.chance == pytest.approx(np.sqrt(6 / np.pi), abs=0.25)
    assert found.shuffled_high < found.shuffled
    assert found.p == pytest.approx(1 / 201)
    assert len(found.values) == 40
    assert "values" not in found.as_json()
