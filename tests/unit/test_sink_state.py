from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phosphene.clock import FakeClock
from phosphene.messages import Frame, View
from phosphene.sink import FRESH_S, SinkState

PICTURE = np.full((8, 8, 3), 7, np.uint8)


def view(t: float, passing: bool = True, reason: str = "", passed: int = 0) -> View:
    return View(
        run="r", seq=0, t_acquired=t, t_sent=t, producer="gate",
        sink="self", passing=passing, reason=reason, passed=passed,
    )  # fmt: skip


def frame(t: float, seq: int = 0, **fields: Any) -> Frame:
    facts: dict[str, Any] = {
        "t_due": t, "t_rendered": t, "late": False, "skipped": 0, "render_ms": 1.0,
        "state": "picture", "percept_seq": 0, "percept_index": 0, "confidence": 0.5, "age_s": 0.1,
        "t_percept": t, "seed": 0, "model": "m", "sink": "self", "level": 4, "producer": "gate",
    }  # fmt: skip
    return Frame(run="r", seq=seq, t_acquired=t, t_sent=t, **(facts | fields))


def test_blank_until_the_gate_has_spoken() -> None:
    state = SinkState("self")
    state.on_frame(frame(1.0), PICTURE, 1.0)
    assert state.showing(1.0).picture is None
    assert (state.shown, state.blank) == (0, 1)
    state.on_view(view(1.0))
    assert state.showing(1.0).picture is None, "the refused frame must not reappear"


def test_shows_newest_picture_with_age_of_the_brain_data() -> None:
    state = SinkState("self")
    state.on_view(view(1.0))
    state.on_frame(frame(1.0, seq=0), PICTURE, 1.0)
    newer = PICTURE + 1
    state.on_frame(frame(1.2, seq=1, age_s=0.3), newer, 1.2)
    showing = state.showing(1.25)
    assert showing.picture is newer
    assert showing.age_s is not None
    assert abs(showing.age_s - 0.35) < 1e-9


def test_blanks_three_quarters_of_a_second_after_the_last_word() -> None:
    clock = FakeClock(10.0)
    state = SinkState("self")
    state.on_view(view(clock.now()))
    state.on_frame(frame(clock.now()), PICTURE, clock.now())
    clock.advance(FRESH_S)
    assert state.showing(clock.now()).picture is PICTURE
    clock.advance(0.001)
    showing = state.showing(clock.now())
    assert showing.picture is None
    assert not showing.passing
    assert "silent" in showing.reason
    state.on_view(view(clock.now()))
    assert state.showing(clock.now()).picture is None, "an old picture must not come back"
    assert state.blankings == 1


def test_words_that_waited_in_a_queue_are_old() -> None:
    state = SinkState("self")
    state.on_view(view(1.0))
    assert not state.showing(3.0).passing


def test_withdrawn_permission_blanks_at_once_with_the_reason() -> None:
    state = SinkState("self")
    state.on_view(view(1.0))
    state.on_frame(frame(1.0), PICTURE, 1.0)
    state.on_view(view(1.1, passing=False, reason="operator blanked"))
    showing = state.showing(1.1)
    assert showing.picture is None
    assert showing.reason == "operator blanked"


def test_level_zero_is_blank() -> None:
    state = SinkState("self")
    state.on_view(view(1.0))
    state.on_frame(frame(1.0, level=0), PICTURE, 1.0)
    assert state.showing(1.0).picture is None
    assert state.blank == 1


def test_gaps_count_missing_numbers_but_not_those_the_gate_held_back() -> None:
    state = SinkState("self")
    state.on_view(view(1.0))
    for seq in (0, 1, 4):
        state.on_frame(frame(1.0, seq=seq), PICTURE, 1.0)
    assert state.gaps == 2
    state.on_view(view(1.0, passing=False))
    state.on_view(view(1.0, passed=3))
    state.on_frame(frame(1.0, seq=50), PICTURE, 1.0)
    state.on_frame(frame(1.0, seq=0), PICTURE, 1.0)  # the gate was started again
    state.on_frame(frame(1.0, seq=1), PICTURE, 1.0)
    assert state.gaps == 2
    assert state.counts() == {
        "self_shown": 6, "self_blank": 0, "self_gaps": 2, "self_blankings": 1, "self_passed": 3,
    }  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from("pbf "), st.floats(0.0, 1.0)), max_size=40))
def test_a_picture_is_never_shown_without_a_fresh_permission(
    steps: list[tuple[str, float]],
) -> None:
    state, clock = SinkState("self"), FakeClock(0.0)
    permission_s: float | None = None
    for what, wait_s in steps:
        clock.advance(wait_s)
        now = clock.now()
        if what in "pb":
            state.on_view(view(now, passing=what == "p"))
            permission_s = now if what == "p" else None
        elif what == "f":
            state.on_frame(frame(now), PICTURE, now)
        allowed = permission_s is not None and now - permission_s <= FRESH_S
        showing = state.showing(now)
        assert showing.passing == allowed
        assert allowed or showing.picture is None
