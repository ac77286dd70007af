"""A frame that has waited is left out only when a newer one is about to come."""

from __future__ import annotations

import pytest

from gui.freshness import Freshness
from phosphene.messages import Frame

FPS = 30.0


def frame(seq: int, interval_s: float = 1 / FPS) -> Frame:
    sent_s = 10.0 + seq * interval_s
    return Frame(
        run="r", seq=seq, t_acquired=sent_s, t_sent=sent_s, producer="gate", t_due=sent_s,
        t_rendered=sent_s, late=False, skipped=0, render_ms=1.0, state="picture",
        percept_seq=seq, percept_index=seq, confidence=0.9, age_s=0.0, t_percept=sent_s, seed=0,
        model="m", arrays=(), sink="operator", level=4,
    )  # fmt: skip


def asked(fresh: Freshness, seq: int, age_s: float, interval_s: float = 1 / FPS) -> bool:
    made = frame(seq, interval_s)
    return fresh.leave_out(made, made.t_sent + age_s)


def test_a_frame_in_time_is_painted() -> None:
    fresh = Freshness()
    assert not any(asked(fresh, seq, 0.003) for seq in range(30))


def test_after_a_stall_the_old_frame_is_left_out_and_the_next_is_painted() -> None:
    fresh = Freshness()
    asked(fresh, 0, 0.003)
    assert asked(fresh, 12, 0.020)
    assert not asked(fresh, 13, 0.003)


def test_a_window_that_is_always_late_shows_every_second_frame() -> None:
    fresh = Freshness()
    asked(fresh, 0, 0.020)
    assert [asked(fresh, seq, 0.020) for seq in range(1, 7)] == [True, False] * 3


def test_where_no_successor_comes_the_frame_is_painted_after_all() -> None:
    fresh = Freshness()
    asked(fresh, 0, 0.003)
    assert asked(fresh, 5, 0.020)
    assert asked(fresh, 5, 0.040), "asked again when the next should be on its way"
    assert not asked(fresh, 5, 0.067)


@pytest.mark.parametrize("interval_s", [0.1, 1.0])
def test_of_slow_streams_every_frame_is_painted(interval_s: float) -> None:
    fresh = Freshness()
    assert not any(asked(fresh, seq, 0.9 * interval_s, interval_s) for seq in range(5))


def test_a_blank_and_what_comes_after_it_never_wait() -> None:
    fresh = Freshness()
    asked(fresh, 0, 0.003)
    assert not fresh.leave_out(None, 10.1)
    assert not asked(fresh, 9, 0.020)


def test_frames_of_a_restarted_sender_are_painted() -> None:
    fresh = Freshness()
    asked(fresh, 50, 0.003)
    assert not asked(fresh, 0, 0.020)
