from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.clock import FakeClock
from phosphene.supervisor.standstill import Wakefulness


def test_silence_is_counted_from_the_last_sign_of_life() -> None:
    clock = FakeClock(10.0)
    awake = Wakefulness(clock, gap_s=1.0)
    for _ in range(8):
        clock.advance(0.5)
        awake.now()
    assert awake.silent_s(11.0) == pytest.approx(3.0)


@given(before=st.integers(0, 3), suspended_s=st.floats(1.5, 1e5))
def test_a_suspension_at_any_line_is_nobody_elses_silence(before: int, suspended_s: float) -> None:
    clock = FakeClock(0.0)
    awake = Wakefulness(clock, gap_s=1.0)
    for _ in range(before):
        clock.advance(0.05)
        awake.now()
    heard = clock.now()
    clock.advance(suspended_s)
    assert awake.silent_s(heard) == 0.0
    clock.advance(0.5)
    assert awake.silent_s(heard) == pytest.approx(0.5)
