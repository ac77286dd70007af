"""The running normaliser: its formula, and that nothing later than t is used."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import ConfigError, InputError
from phosphene.normalise import RunningNormaliser, priors_from_runs


def test_formula_by_hand() -> None:
    normaliser = RunningNormaliser(np.array([10.0]), np.array([2.0]), prior_weight=1.0)
    assert normaliser.step(np.array([12.0])).tolist() == [0.5]  # baseline (10 + 12) / 2
    assert normaliser.step(np.array([14.0])).tolist() == [1.0]  # baseline (10 + 12 + 14) / 3
    normaliser.reset()
    assert normaliser.step(np.array([12.0])).tolist() == [0.5]


@given(st.integers(1, 12), st.integers(0, 12), st.integers(0, 2**31))
def test_later_volumes_change_nothing(before: int, after: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    run = rng.normal(size=(before + after, 3))
    normaliser = RunningNormaliser(np.zeros(3), np.ones(3), 5.0)
    whole = normaliser.run(run)
    cut = normaliser.run(run[:before])
    np.testing.assert_array_equal(whole[:before], cut)
    assert normaliser.count == before


def test_voxel_without_variance_gives_zero() -> None:
    normaliser = RunningNormaliser(np.zeros(2), np.array([0.0, 1.0]), 1.0)
    assert normaliser.step(np.array([5.0, 2.0])).tolist() == [0.0, 1.0]


def test_heavy_prior_is_a_fixed_z_score() -> None:
    rng = np.random.default_rng(1)
    run = rng.normal(3.0, 2.0, size=(20, 4))
    fixed = RunningNormaliser(np.full(4, 3.0), np.full(4, 2.0), 1e9).run(run)
    np.testing.assert_allclose(fixed, (run - 3.0) / 2.0, atol=1e-5)


def test_bad_volume_is_refused_and_forgotten() -> None:
    normaliser = RunningNormaliser(np.zeros(2), np.ones(2), 1.0)
    with pytest.raises(InputError, match="1 not finite"):
        normaliser.step(np.array([np.nan, 1.0]))
    with pytest.raises(InputError, match="mask"):
        normaliser.step(np.zeros(3))
    assert normaliser.count == 0
    assert normaliser.step(np.array([2.0, 2.0])).tolist() == [1.0, 1.0]


def test_all_wrong_arguments_at_once() -> None:
    with pytest.raises(ConfigError, match=r"3 problem\(s\)"):
        RunningNormaliser(np.array([np.nan]), np.array([-1.0]), -1.0)


def test_priors_by_hand() -> None:
    mean, std = priors_from_runs([np.array([[0.0], [2.0]]), np.array([[10.0], [24.0]])])
    assert mean.tolist() == [9.0]
    assert std.tolist() == [5.0]  # sqrt((1 + 49) / 2)
    with pytest.raises(InputError, match="runs"):
        priors_from_runs([])


def test_a_spike_is_normalised_but_teaches_nothing() -> None:
    run = np.random.default_rng(3).normal(size=(12, 4))
    spikes = np.arange(12) == 5
    normaliser = RunningNormaliser(np.zeros(4), np.ones(4), 2.0)
    whole = normaliser.run(np.where(spikes[:, None], 50.0, run), spikes)
    without = normaliser.run(run[~spikes])
    np.testing.assert_array_equal(whole[~spikes], without)
    assert whole[5].min() > 40
    first = RunningNormaliser(np.zeros(4), np.ones(4), 0.0)
    assert not first.step(np.full(4, 9.0), learn=False).any()
