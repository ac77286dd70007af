from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import CausalityError, ConfigError
from renderer.frameclock import FrameClock

rates = st.floats(0.5, 500.0)
starts = st.floats(-1e6, 1e6)
gaps = st.lists(st.floats(0.0, 0.5), min_size=1, max_size=60)


@given(rates, starts, gaps)
def test_no_backlog_grows_and_every_due_time_is_shown_or_counted(
    rate_hz: float, start_s: float, gaps_s: list[float]
) -> None:
    clock = FrameClock(rate_hz, start_s)
    now_s, shown = start_s, []
    for gap_s in gaps_s:
        now_s += gap_s
        tick = clock.poll(now_s)
        assert clock.next_due_s > now_s  # whatever was late is behind us
        if tick is not None:
            assert tick.due_s <= now_s < clock.due_s(tick.index + 1)
            assert tick.late_s == pytest.approx(now_s - tick.due_s)
            shown.append(tick)
    indices = [tick.index for tick in shown]
    assert indices == sorted(set(indices))
    assert clock.shown == len(shown)
    assert clock.skipped == sum(tick.skipped for tick in shown)
    if indices:
        assert indices[-1] + 1 == clock.shown + clock.skipped


@given(rates, starts, st.integers(0, 10_000_000))
def test_due_times_never_drift(rate_hz: float, start_s: float, index: int) -> None:
    clock = FrameClock(rate_hz, start_s)
    exact = start_s + index / rate_hz
    assert abs(clock.due_s(index) - exact) <= 2 * math.ulp(abs(exact) + abs(start_s))
    clock.poll(max(start_s, exact))
    assert clock.next_due_s - exact <= 1.0 / rate_hz + 4 * math.ulp(abs(exact) + abs(start_s))


def test_a_punctual_caller_gets_every_frame() -> None:
    clock = FrameClock(30.0, 100.0)
    for index in range(500):
        due_s = clock.next_due_s
        assert clock.poll(math.nextafter(due_s, 0.0)) is None
        tick = clock.poll(due_s)
        assert tick is not None
        assert (tick.index, tick.skipped, tick.late_s) == (index, 0, 0.0)
    assert clock.skipped == 0


def test_a_late_caller_gets_the_newest_frame_only() -> None:
    clock = FrameClock(10.0, 0.0)
    assert clock.poll(0.0) is not None
    tick = clock.poll(0.57)
    assert tick is not None
    assert (tick.index, tick.skipped) == (5, 4)
    assert tick.late_s == pytest.approx(0.07)
    assert clock.wait_s(0.57) == pytest.approx(0.03)
    assert clock.wait_s(5.0) == 0.0


def test_nothing_is_due_before_the_start() -> None:
    clock = FrameClock(24.0, 5.0)
    assert clock.poll(4.9) is None
    assert clock.wait_s(4.9) == pytest.approx(0.1)


def test_time_that_runs_backwards_and_rates_that_cannot_be_are_refused() -> None:
    clock = FrameClock(24.0, 0.0)
    clock.poll(1.0)
    with pytest.raises(CausalityError, match="now_s"):
        clock.poll(0.5)
    for rate_hz in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ConfigError, match="rate_hz"):
            FrameClock(rate_hz, 0.0)
