"""Stimuli that come several times: no row competes with a repeat of its own stimulus."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from decoder import metrics
from decoder.dataset import Dataset
from decoder.given import score_given
from decoder.heldout import HeldOut
from decoder.identify import identified
from decoder.linear import Affine
from decoder.model import LinearModel
from decoder.repeats import competing, one_each, same_shown, two_way
from decoder.samples import Priors, make_samples
from decoder.scoring import score_identified
from decoder.settings import FitSettings

STIMULI, REPEATS, SIZE = 40, 3, 30


def shown(stimuli: int = STIMULI, repeats: int = REPEATS, seed: int = 0) -> tuple[Any, Any]:
    """Names and truths of trials, all repeats of a stimulus after each other."""
    truths = np.random.default_rng(seed).standard_normal((stimuli, SIZE)).astype(np.float32)
    rows = np.repeat(np.arange(stimuli), repeats)
    return np.char.add("s", rows.astype(np.str_)), truths[rows]


def scores(decoded: Any, true: Any, names: Any, clusters: Any, within: bool = True) -> Any:
    found = score_identified(
        "z", decoded, true, names, clusters=clusters, within=within, split="s", seed=0
    )
    return {score.name: score for score in found}


@pytest.mark.parametrize("named", [True, False])
def test_a_perfect_decoder_is_perfect_beside_chance(named: bool) -> None:
    names, true = shown()
    folds = np.repeat([f"fold {k}" for k in range(4)], len(true) // 4)
    noise = 0.01 * np.random.default_rng(1).standard_normal(true.shape)
    found = scores(true + noise, true, names if named else None, folds)
    assert found["z_two_way"].value == found["z_10_way"].value == 1.0
    assert found["z_two_way"].n == STIMULI * REPEATS
    assert found["z_10_way"].n == STIMULI
    assert found["z_two_way"].shuffled == pytest.approx(0.5, abs=0.06)
    assert found["z_10_way"].shuffled == pytest.approx(0.1, abs=0.08)


def test_a_blind_decoder_is_at_chance() -> None:
    names, true = shown()
    decoded = np.random.default_rng(2).standard_normal(true.shape)
    found = scores(decoded, true, names, np.full(len(true), "all"))
    assert found["z_two_way"].value == pytest.approx(0.5, abs=0.05)
    assert found["z_10_way"].value == pytest.approx(0.1, abs=0.08)


def test_without_repeats_nothing_changes() -> None:
    names, true = shown(repeats=1)
    decoded = true + np.random.default_rng(3).standard_normal(true.shape)
    every = same_shown(true, names)
    np.testing.assert_allclose(two_way(decoded, true, every), metrics.two_way(decoded, true))
    assert np.array_equal(one_each(every, np.zeros(STIMULI)), np.arange(STIMULI))


def test_one_name_or_one_truth_is_one_thing() -> None:
    true = np.array([[1.0], [2.0], [2.0], [3.0], [4.0]])
    names = np.array(["a", "a", "", "", "b"])
    numbers = same_shown(true, names).tolist()
    assert numbers[0] == numbers[1] == numbers[2]
    assert len({numbers[0], numbers[3], numbers[4]}) == 3
    clusters = np.array(["x", "x", "x", "y", "y"])
    assert not np.any(competing(np.array(numbers), clusters))
    assert competing(np.arange(5), clusters) is clusters


def test_success_that_confidence_learns_is_that_of_other_stimuli() -> None:
    names, true = shown(10)
    n = len(true)
    held = HeldOut(
        groups=np.full(n, "1"), rows=np.arange(n), folds=np.arange(n) % 2, labels=(),
        truth=np.full(n, ""), stimuli=names, scores=np.zeros((n, 0)), z=true, z_true=true, c=None,
        c_true=None, split="s",
    )  # fmt: skip
    np.testing.assert_array_equal(identified(held), np.ones(n))


def test_intervals_of_a_given_test_are_over_stimuli() -> None:
    rng = np.random.default_rng(0)
    names, true = shown(12, 10)
    clear = np.repeat(rng.uniform(0, 1.2, 12), 10)[:, None]
    rows = clear * true + 2 * np.repeat(rng.standard_normal((12, SIZE)), 10, axis=0)
    empty = np.zeros((SIZE, SIZE), np.float32)

    model = LinearModel(
        categories=(), prototypes=empty[:0], z_shape=(SIZE,), z=Affine(np.eye(SIZE), empty[0])
    )
    data = Dataset(
        responses=rows.astype(np.float32), groups=np.full(120, "test"), times=np.arange(120.0),
        z=true, stimuli=names,
    )  # fmt: skip
    settings = FitSettings(window=1, combine="mean", per_event=True, normaliser="none")
    samples = make_samples(data, settings, Priors(empty[0], empty[0] + 1))
    found = {s.name: s for s in score_given(model, samples, "given", 0)}
    single = scores(rows, true, names, np.arange(120), within=False)["z_two_way"]
    over = found["z_two_way"]
    assert over.value == pytest.approx(single.value, abs=1e-5)
    assert over.high - over.low > 2 * (single.high - single.low)
