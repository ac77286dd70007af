from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.errors import CausalityError, ConfigError
from renderer.paths import ConditionPath, Kind, turn

Array = npt.NDArray[np.float32]
kinds = st.sampled_from(["smooth", "hold", "slerp"])


def percept(seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((4, 2, 2), np.float32), rng.standard_normal(17, np.float32)


def both(path: ConditionPath, t_s: float) -> tuple[Array, Array]:
    z, c = path.at(t_s)
    assert z is not None
    assert c is not None
    return z, c


@settings(max_examples=40)
@given(
    kinds,
    st.booleans(),
    st.lists(st.floats(0.0, 10.0), max_size=30),
    st.lists(st.floats(0.01, 3.0), min_size=1, max_size=5),
)
def test_the_trajectory_does_not_depend_on_how_often_it_is_asked(
    kind: Kind, turns_z: bool, frames_s: list[float], gaps_s: list[float]
) -> None:
    arrivals = np.cumsum([0.0, *gaps_s])
    busy = ConditionPath(kind, 0.5, turns_z=turns_z)
    idle = ConditionPath(kind, 0.5, turns_z=turns_z)
    for k, start_s in enumerate(arrivals):
        busy.set_target(start_s, *percept(k))
        idle.set_target(start_s, *percept(k))
        end_s = arrivals[k + 1] if k + 1 < len(arrivals) else math.inf
        for frame_s in sorted(f for f in frames_s if start_s <= f < end_s):
            busy.at(frame_s)
    for later_s in (0.0, 0.3, 1.0):
        end = arrivals[-1] + later_s
        for a, b in zip(both(busy, end), both(idle, end), strict=True):
            np.testing.assert_array_equal(a, b)


@settings(max_examples=30)
@given(kinds, st.integers(1, 5), st.floats(0.0, 1.4))
def test_nothing_later_than_the_newest_percept_is_used(
    kind: Kind, known: int, passed_s: float
) -> None:
    one, other = ConditionPath(kind, 0.7), ConditionPath(kind, 0.7)
    for k in range(known):
        one.set_target(1.5 * k, *percept(k))
        other.set_target(1.5 * k, *percept(k))
    now = 1.5 * (known - 1) + passed_s
    before = both(one, now)
    one.set_target(1.5 * known, *percept(100))
    other.set_target(1.5 * known, *percept(200))
    replayed = ConditionPath(kind, 0.7)
    for k in range(known):
        replayed.set_target(1.5 * k, *percept(k))
    for a, b in zip(before, both(replayed, now), strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=60)
@given(kinds, kinds, st.floats(0.0, 3.0), st.floats(0.0, 2.0), st.integers(1, 4))
def test_a_live_switch_goes_on_from_where_the_path_is(
    kind: Kind, other: Kind, passed_s: float, tau_s: float, known: int
) -> None:
    path = ConditionPath(kind, 0.5)
    for k in range(known):
        path.set_target(1.2 * k, *percept(k))
    now = 1.2 * (known - 1) + passed_s
    here = both(path, now)
    path.switch(now, other, tau_s)
    if not (other == "smooth" and tau_s < 0.01):  # no time constant is a jump that was asked for
        for a, b in zip(both(path, now), here, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
        soon = both(path, now + 1e-4)
        for a, b in zip(soon, here, strict=True):
            np.testing.assert_allclose(a, b, atol=0.1)
    path.set_target(now + 2.0, *percept(9))
    z, c = both(path, now + 60.0)
    np.testing.assert_allclose(z, percept(9)[0], atol=1e-5)
    np.testing.assert_allclose(c, percept(9)[1], atol=1e-5)


def test_smooth_approaches_exponentially_with_its_time_constant() -> None:
    path = ConditionPath("smooth", 0.5)
    (z0, c0), (z1, c1) = percept(0), percept(1)
    assert path.at(0.0) == (None, None)
    path.set_target(0.0, z0, c0)
    np.testing.assert_array_equal(path.at(2.0)[0], z0)  # nothing to come from: there at once
    path.set_target(3.0, z1, c1)
    for passed_s in (0.0, 0.1, 0.5, 1.7):
        z, c = both(path, 3.0 + passed_s)
        left = math.exp(-passed_s / 0.5)
        np.testing.assert_allclose(z, z1 + left * (z0 - z1), atol=1e-6)
        np.testing.assert_allclose(c, c1 + left * (c0 - c1), atol=1e-6)


@pytest.mark.parametrize(("kind", "tau_s"), [("hold", 0.5), ("smooth", 0.0)])
def test_hold_and_no_time_constant_show_the_newest_percept_at_once(
    kind: Kind, tau_s: float
) -> None:
    path = ConditionPath(kind, tau_s)
    for k in range(3):
        path.set_target(float(k), *percept(k))
        np.testing.assert_array_equal(path.at(k)[0], percept(k)[0])


def test_slerp_turns_evenly_over_the_measured_interval_then_stays() -> None:
    path = ConditionPath("slerp", 0.5)
    a, b = np.array([2.0, 0.0], np.float32), np.array([0.0, 4.0], np.float32)
    for k, c in enumerate([a, b, a, b]):
        path.set_target(1.5 * k, None, c)
    assert path.interval_s == 1.5
    angles, lengths = [], []
    for passed_s in np.linspace(0.0, 1.5, 16):
        z, c_now = path.at(4.5 + passed_s)
        assert z is None
        assert c_now is not None
        angles.append(math.atan2(c_now[1], c_now[0]))
        lengths.append(float(np.linalg.norm(c_now)))
    np.testing.assert_allclose(angles, np.linspace(0.0, math.pi / 2, 16), atol=1e-5)
    np.testing.assert_allclose(lengths, np.linspace(2.0, 4.0, 16), atol=1e-5)
    np.testing.assert_array_equal(path.at(60.0)[1], b)


def test_slerp_is_not_led_astray_by_a_pause_or_a_burst() -> None:
    path = ConditionPath("slerp", 0.5)
    assert path.interval_s == 1.0
    for t_s in (0.0, 2.0, 4.0, 4.0, 34.0, 36.0, 38.0):
        path.set_target(t_s, *percept(int(t_s)))
    assert path.interval_s == 2.0


def test_an_early_percept_is_set_off_for_from_where_the_path_is() -> None:
    path = ConditionPath("slerp", 0.5)
    for k in range(3):
        path.set_target(float(k), *percept(k))
    shown = [both(path, t)[1] for t in np.arange(2.0, 2.5, 0.01)]
    path.set_target(2.5, *percept(7))
    shown += [both(path, t)[1] for t in np.arange(2.5, 3.5, 0.01)]
    steps = [float(np.linalg.norm(b - a)) for a, b in pairwise(shown)]
    assert max(steps) < 0.15
    np.testing.assert_array_equal(path.at(3.6)[1], percept(7)[1])


@pytest.mark.parametrize("other", [np.zeros(3), [-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
def test_where_there_is_no_one_way_to_turn_it_is_straight(other: npt.ArrayLike) -> None:
    a, b = np.array([1.0, 0.0, 0.0], np.float32), np.asarray(other, np.float32)
    np.testing.assert_allclose(turn(a, b, 0.25), 0.75 * a + 0.25 * b, atol=1e-6)


def test_z_turns_where_it_is_told_to() -> None:
    lengths = []
    for turns_z in (False, True):
        path = ConditionPath("slerp", 0.5, turns_z=turns_z)
        for k in range(2):
            path.set_target(float(k), *percept(k))
        lengths.append(float(np.linalg.norm(both(path, 1.5)[0])))
    ends = [float(np.linalg.norm(percept(k)[0])) for k in range(2)]
    assert lengths[1] == pytest.approx(sum(ends) / 2, rel=1e-4)
    assert lengths[0] < 0.95 * lengths[1]


def test_a_part_that_is_missing_is_dropped_and_taken_as_it_is_when_it_returns() -> None:
    path = ConditionPath("smooth", 1.0)
    (z0, c0), (z1, _) = percept(0), percept(1)
    path.set_target(0.0, z0, c0)
    path.set_target(1.0, z1, None)
    assert path.at(1.5)[1] is None
    path.set_target(2.0, z1, c0)
    np.testing.assert_array_equal(path.at(2.0)[1], c0)
    path.reset()
    assert path.at(0.0) == (None, None)
    path.set_target(3.0, *percept(2))
    np.testing.assert_array_equal(path.at(3.0)[0], percept(2)[0])


def test_the_past_cannot_be_asked_for() -> None:
    path = ConditionPath("smooth", 1.0)
    path.set_target(5.0, *percept(0))
    with pytest.raises(CausalityError, match="t_s"):
        path.at(4.0)
    with pytest.raises(CausalityError, match="t_s"):
        path.set_target(4.0, *percept(1))
    with pytest.raises(ConfigError, match="tau_s"):
        ConditionPath("smooth", -1.0)
    with pytest.raises(ConfigError, match="tau_s"):
        path.switch(6.0, "smooth", math.nan)
