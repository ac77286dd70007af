from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.errors import ConfigError
from renderer.noise import MEMORY_KNOTS, WalkingNoise


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.lists(st.floats(0.0, 20.0), min_size=1, max_size=8))
def test_walking_noise_depends_on_seed_and_time_alone(seed: int, times_s: list[float]) -> None:
    walked = WalkingNoise(seed, tau_s=10.0)
    for t_s in times_s:  # any order, any spacing
        np.testing.assert_array_equal(walked.at(t_s), WalkingNoise(seed, tau_s=10.0).at(t_s))


def test_walking_noise_keeps_its_variance_and_forgets_at_the_given_pace() -> None:
    noise = WalkingNoise(3, shape=(20_000,), tau_s=10.0)
    start = noise.at(0.0)
    for t_s in (0.0, 0.13, 0.25, 4.9, 10.0):
        now = noise.at(t_s)
        assert now.std() == pytest.approx(1.0, abs=0.02)
        assert np.mean(start * now) == pytest.approx(math.exp(-t_s / 10.0), abs=0.03)


def test_fixed_noise_never_moves() -> None:
    fixed = WalkingNoise(8)
    np.testing.assert_array_equal(fixed.at(0.0), fixed.at(1000.0))
    assert (fixed.at(0.0) != WalkingNoise(9).at(0.0)).any()
    with pytest.raises(ConfigError, match="tau_s"):
        WalkingNoise(8, tau_s=0.0)


def test_where_nothing_is_denoised_there_is_nothing_to_draw() -> None:
    assert WalkingNoise(1, (), 5.0).at(3.0).shape == ()


@settings(max_examples=20)
@given(st.floats(0.0, 5.0), st.floats(0.05, 3.0), st.floats(0.05, 3.0), st.booleans())
def test_another_time_constant_goes_on_from_where_the_noise_is(
    t_s: float, old_s: float, new_s: float, stops: bool
) -> None:
    walk = WalkingNoise(0, tau_s=old_s)
    here = walk.at(t_s)
    walk.retime(t_s, None if stops else new_s)
    np.testing.assert_array_equal(walk.at(t_s), here)
    later = walk.at(t_s + 5 * new_s)
    assert np.array_equal(later, here) is stops
    assert 0.8 < later.std() < 1.2


def test_a_walk_far_on_costs_no_more_than_what_it_remembers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[int] = []
    fresh = WalkingNoise._fresh

    def counted(self: WalkingNoise, knot: int) -> npt.NDArray[np.float32]:
        drawn.append(knot)
        return fresh(self, knot)

    stepped = WalkingNoise(4, (64,), 0.01)
    for t_s in np.arange(0.0, 1.0, 0.01):
        near = stepped.at(float(t_s))
    monkeypatch.setattr(WalkingNoise, "_fresh", counted)
    late = WalkingNoise(4, (64,), 0.01)
    np.testing.assert_allclose(late.at(0.99), near, atol=1e-6)
    late.at(3600.0)
    assert len(drawn) < 3 * MEMORY_KNOTS
