"""What encoding is learned from: regressors, nuisance, units that move as one, ceiling, splits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.encoding.ceiling import noise_ceiling
from decoder.encoding.design import Clock, Nuisance, canonical, principal
from decoder.encoding.significance import reordered, unit_blocks
from decoder.encoding.source import blocks_in_time
from phosphene.errors import InputError


def test_components_are_scaled_and_ordered() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(30, 50)) * np.linspace(5, 0.1, 50)
    reduced = principal(values, 10)(values)
    power = (reduced**2).mean(axis=0)
    assert power.mean() == pytest.approx(1.0)
    assert (np.diff(power) < 0).all()
    wide, tall = principal(values, 5)(values), principal(np.tile(values, (2, 1)), 5)(values)
    np.testing.assert_allclose(np.abs(wide), np.abs(tall), atol=1e-8)
    with pytest.raises(InputError, match="all alike"):
        principal(np.ones((5, 3)), 2)


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(1, 39), seed=st.integers(0, 99))
def test_no_volume_sees_a_later_one(cut: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(40, 2))
    runs, times = np.repeat(["a", "b"], 20), np.tile(np.arange(20.0), 2)
    whole = Clock(runs, times, 1.0).convolved(values)
    part = Clock(runs[:cut], times[:cut], 1.0).convolved(values[:cut])
    np.testing.assert_allclose(part, whole[:cut], atol=1e-12)


def test_a_missing_volume_leaves_its_place() -> None:
    values = np.zeros((30, 1))
    values[3] = 1.0
    kept = np.delete(np.arange(30), [6, 7])
    times = np.arange(30.0) * 2
    whole = Clock(np.full(30, "a"), times, 2.0).convolved(values)
    part = Clock(np.full(28, "a"), times[kept], 2.0).convolved(values[kept])
    np.testing.assert_allclose(part, whole[kept])
    np.testing.assert_allclose(whole[3:19, 0], canonical(2.0))


def test_nuisance_is_learned_on_training_rows() -> None:
    rng = np.random.default_rng(0)
    shown = np.tile(np.repeat([True, False], 10), 4)
    clock = Clock(np.repeat(["a", "b"], 40), np.tile(np.arange(40.0), 2), 1.0)
    nuisance = Nuisance.of(shown, clock, np.arange(40))
    values = 3.0 + 2 * clock.convolved(shown[:, None].astype(float))
    np.testing.assert_allclose(nuisance.out_of(values), 0, atol=1e-10)
    other = values + np.where(np.arange(80)[:, None] < 40, 0, rng.normal(size=(80, 1)))
    np.testing.assert_allclose(nuisance.out_of(other)[:40], 0, atol=1e-10)


def test_units_move_as_one() -> None:
    units = unit_blocks(np.repeat(["a", "b"], 25), np.tile(np.arange(25.0), 2), 10.0)
    # The last five seconds of a run belong to the block before them.
    assert [int((units == k).sum()) for k in range(4)] == [10, 15, 10, 15]
    base, orders = reordered(units, np.zeros(50, np.intp), 20, 0)
    for order in orders:
        assert sorted(order.tolist()) == sorted(base.tolist())
        runs = np.split(order, np.flatnonzero(np.diff(order) != 1) + 1)
        assert all(len(np.unique(units[run])) == 1 or (np.diff(run) == 1).all() for run in runs)
    assert len({tuple(order) for order in orders.tolist()}) > 5


def test_units_stay_in_their_fold_where_it_has_enough() -> None:
    folds = np.repeat([0, 1], 12)
    base, orders = reordered(np.arange(24), folds, 10, 0)
    assert (folds[orders] == folds[base]).all()
    few = np.repeat([0, 1], 5)
    base, orders = reordered(np.arange(10), few, 10, 0)
    assert (few[orders] != few[base]).any()


def test_ceiling_of_known_noise() -> None:
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(300, 1)) * np.array([1.0, 2.0, 0.0])
    names = np.repeat(np.arange(300), 4).astype(str)
    responses = np.repeat(signal, 4, axis=0) + rng.normal(size=(1200, 3))
    ceiling = noise_ceiling(responses, names)
    assert ceiling is not None
    np.testing.assert_allclose(ceiling[:2], [np.sqrt(1 / 2), np.sqrt(4 / 5)], atol=0.04)
    assert ceiling[2] < 0.25
    assert noise_ceiling(responses, np.arange(1200).astype(str)) is None


def test_nothing_near_the_held_out_stretch_is_learned_from() -> None:
    clock = Clock(np.full(400, "1"), np.arange(400.0), 1.0)
    split = blocks_in_time(clock, gap_s=32.0)
    assert sorted(np.concatenate([test for _, test in split]).tolist()) == list(range(400))
    for train, test in split:
        assert np.abs(train[:, None] - test[None]).min() >= 32
    with pytest.raises(InputError, match="longer"):
        blocks_in_time(Clock(np.full(60, "1"), np.arange(60.0), 1.0))
