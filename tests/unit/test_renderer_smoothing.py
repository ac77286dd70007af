from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.errors import CausalityError, ConfigError
from renderer.smoothing import PerceptSmoother, WalkingNoise


def percept(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((4, 16, 16), np.float32), rng.standard_normal(17, np.float32)


@settings(max_examples=40)
@given(
    st.floats(0.05, 5.0),
    st.lists(st.floats(0.0, 10.0), max_size=30),
    st.lists(st.floats(0.01, 3.0), min_size=1, max_size=5),
)
def test_frames_in_between_change_nothing(
    tau_s: float, frames_s: list[float], gaps_s: list[float]
) -> None:
    arrivals = np.cumsum([0.0, *gaps_s])
    busy, idle = PerceptSmoother(tau_s), PerceptSmoother(tau_s)
    for k, start_s in enumerate(arrivals):
        busy.set_target(start_s, *percept(k))
        idle.set_target(start_s, *percept(k))
        end_s = arrivals[k + 1] if k + 1 < len(arrivals) else math.inf
        for frame_s in sorted(f for f in frames_s if start_s <= f < end_s):
            busy.at(frame_s)
    for a, b in zip(busy.at(arrivals[-1] + 1.0), idle.at(arrivals[-1] + 1.0), strict=True):
        assert a is not None
        np.testing.assert_array_equal(a, b)


def test_the_approach_is_exponential_with_the_given_time_constant() -> None:
    smoother = PerceptSmoother(0.5)
    (z0, c0), (z1, c1) = percept(0), percept(1)
    assert smoother.at(0.0) == (None, None)
    smoother.set_target(0.0, z0, c0)
    np.testing.assert_array_equal(smoother.at(2.0)[0], z0)  # nothing to come from: there at once
    smoother.set_target(3.0, z1, c1)
    for passed_s in (0.0, 0.1, 0.5, 1.7):
        z, c = smoother.at(3.0 + passed_s)
        left = math.exp(-passed_s / 0.5)
        np.testing.assert_allclose(z, z1 + left * (z0 - z1), atol=1e-6)
        np.testing.assert_allclose(c, c1 + left * (c0 - c1), atol=1e-6)


def test_a_part_that_is_missing_is_dropped_and_taken_as_it_is_when_it_returns() -> None:
    smoother = PerceptSmoother(1.0)
    (z0, c0), (z1, _) = percept(0), percept(1)
    smoother.set_target(0.0, z0, c0)
    smoother.set_target(1.0, z1, None)
    assert smoother.at(1.5)[1] is None
    smoother.set_target(2.0, z1, c0)
    np.testing.assert_array_equal(smoother.at(2.0)[1], c0)
    smoother.reset()
    assert smoother.at(0.0) == (None, None)


def test_no_time_constant_means_no_smoothing() -> None:
    smoother = PerceptSmoother(0.0)
    smoother.set_target(0.0, *percept(0))
    smoother.set_target(1.0, *percept(1))
    np.testing.assert_array_equal(smoother.at(1.0)[0], percept(1)[0])


def test_the_past_cannot_be_asked_for() -> None:
    smoother = PerceptSmoother(1.0)
    smoother.set_target(5.0, *percept(0))
    with pytest.raises(CausalityError, match="t_s"):
        smoother.at(4.0)
    with pytest.raises(CausalityError, match="t_s"):
        smoother.set_target(4.0, *percept(1))
    with pytest.raises(ConfigError, match="tau_s"):
        PerceptSmoother(-1.0)


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


@settings(max_examples=20)
@given(st.floats(0.0, 5.0), st.floats(0.05, 3.0), st.floats(0.05, 3.0), st.booleans())
def test_another_time_constant_goes_on_from_where_things_are(
    t_s: float, old_s: float, new_s: float, stops: bool
) -> None:
    path = PerceptSmoother(old_s)
    path.set_target(0.0, *percept(0))
    path.set_target(0.0, *percept(1))
    walk = WalkingNoise(0, tau_s=old_s)
    here, there = walk.at(t_s), path.at(t_s)
    walk.retime(t_s, None if stops else new_s)
    path.retime(t_s, new_s)
    np.testing.assert_array_equal(walk.at(t_s), here)
    for a, b in zip(path.at(t_s), there, strict=True):
        assert a is not None
        assert b is not None
        np.testing.assert_allclose(a, b, atol=1e-6)
    later = walk.at(t_s + 5 * new_s)
    assert np.array_equal(later, here) is stops
    assert 0.8 < later.std() < 1.2
