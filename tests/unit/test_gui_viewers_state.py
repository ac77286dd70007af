from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gui.screens import ScreenFacts, choose_screen, why_unfit
from gui.viewers.state import CURVE_S, PROTOCOL_REASONS, ViewerModel, ViewerState
from phosphene.errors import ConfigError
from phosphene.feedback.protocol import Protocol
from phosphene.messages import Feedback, Message, View
from phosphene.session_protocol import BlockSettings, ProtocolSettings
from phosphene.sink import Showing

PICTURE = np.full((8, 8, 3), 7, np.uint8)
OPEN = Showing(PICTURE, None, True, "", 0.1)


def shut(reason: str) -> Showing:
    return Showing(None, None, False, reason, None)


def stamped(kind: type, t: float, **fields: Any) -> Message:
    return Message(kind(run="r", seq=0, t_acquired=t, t_sent=t, producer="gate", **fields))


def view(t: float, *, passing: bool = False, feedback: bool = True, reason: str = "") -> Message:
    fields = {"sink": "self", "passing": passing, "reason": reason, "passed": 0}
    return stamped(View, t, feedback=feedback, phase="running", **fields)


def feedback(t: float, score: float = 0.5, display: str = "thermometer", **more: Any) -> Message:
    """Data at `t` on the recording's axis, acquired at 100 + `t` on the clock."""
    fields = {"block": 1, "block_kind": "regulate", "block_end_s": 60.0, "instruction": "Go"}
    stamps = {"t_acquired": 100.0 + t, "t_sent": 100.0 + t}
    return Message(
        Feedback(
            run="r", seq=0, producer="gate", index=0, t_data=t, score=score, label=None,
            confidence=0.5, display=display, **(stamps | fields | more),
        )
    )  # fmt: skip


def model(*messages: Message, protocol: bool = True, recording: bool = False) -> ViewerModel:
    made = ViewerModel(protocol=protocol, recording=recording)
    for message in messages:
        made.take(message)
    return made


def black(state: ViewerState) -> bool:
    drawn = (state.picture is None, state.score is None, not state.instruction, not state.fixation)
    return all(drawn)


def test_without_a_protocol_the_picture_is_shown_as_the_gate_lets_it_through() -> None:
    made = model(view(100.0, passing=True, feedback=False), protocol=False, recording=True)
    state = made.state(OPEN, 100.0)
    assert state.picture is PICTURE
    assert state.recording
    assert black(made.state(shut("the participant pressed stop"), 100.1))
    assert made.state(shut("x"), 100.1).recording, "the lamp stays"


def test_before_the_gate_has_spoken_nothing_is_shown() -> None:
    assert black(model(feedback(10.0)).state(shut("the gate has not spoken yet"), 110.0))


@pytest.mark.parametrize("display", ["thermometer", "curve", "score"])
def test_a_score_is_shown_without_any_picture(display: str) -> None:
    made = model(view(110.0, passing=True), feedback(10.0, 0.3, display))
    state = made.state(OPEN, 110.1)
    assert (state.display, state.score, state.instruction) == (display, 0.3, "Go")
    assert state.picture is None, "a picture beside the score would be another feedback"
    assert made.state(shut("feedback is a score"), 110.1).score == 0.3


def test_a_picture_is_shown_only_where_it_is_the_feedback() -> None:
    assert model(view(110.0), feedback(10.0, display="picture")).state(OPEN, 110.0).picture is (
        PICTURE
    )
    resting = model(view(110.0), feedback(10.0, display="none", block_kind="rest"))
    state = resting.state(OPEN, 110.0)
    assert (state.picture, state.fixation, state.instruction) == (None, True, "Go")
    assert model(view(110.0, passing=True)).state(OPEN, 110.0).picture is None, "no block is known"


def test_a_score_goes_with_its_permission_and_does_not_come_back() -> None:
    made = model(view(110.0), feedback(10.0))
    made.take(view(110.1, feedback=False))
    assert black(made.state(shut("blanked by the operator"), 110.1))
    made.take(view(110.2, passing=True))
    assert made.state(OPEN, 110.2).score is None
    made.take(feedback(11.0, 0.8))
    assert made.state(OPEN, 111.0 - 0.3).score == 0.8


def test_a_silent_gate_takes_the_score_away() -> None:
    made = model(view(110.0), feedback(10.0))
    assert not black(made.state(shut("feedback is a score"), 110.7))
    assert black(made.state(shut("the gate has been silent for more than 0.75 s"), 110.8))


def test_a_score_ends_with_its_block_even_if_nothing_else_comes() -> None:
    made = model(view(159.0), feedback(59.0))
    assert made.state(OPEN, 159.5).score == 0.5
    made.take(view(160.0))
    state = made.state(OPEN, 160.0)
    assert (state.score, state.instruction, state.fixation) == (None, "", True)


def test_a_score_whose_data_have_ceased_to_come_goes() -> None:
    made = model(view(108.0), feedback(8.0), feedback(10.0))
    made.take(view(117.9))
    assert made.state(OPEN, 117.9).score == 0.5
    made.take(view(118.1))
    assert made.state(OPEN, 118.1).score is None


def test_a_score_that_is_no_number_is_none() -> None:
    state = model(view(110.0), feedback(10.0, float("nan"))).state(OPEN, 110.0)
    assert (state.score, state.fixation) == (None, True)
    made = model(view(112.0), feedback(10.0, 0.9), feedback(12.0, 0.0, "none"))
    assert made.state(OPEN, 112.0).score is None, "an older one does not stand for it"


def test_the_curve_holds_the_block_and_no_more_than_a_minute() -> None:
    made = model(view(110.0))
    for t in range(10, 100):
        made.take(feedback(float(t), t / 100, "curve", block_end_s=200.0))
    made.take(view(199.0))
    curve = made.state(OPEN, 199.0).curve
    assert curve[-1] == (0.0, 0.99)
    assert [round(ago) for ago, _score in curve] == list(range(int(CURVE_S), -1, -1))
    made.take(feedback(100.0, 0.2, "curve", block=2, block_end_s=200.0))
    made.take(view(200.0))
    assert made.state(OPEN, 199.9).curve == ((0.0, 0.2),)


def test_words_about_the_block_neither_shorten_nor_break_the_curve() -> None:
    """The gate tells the block at once, and a score later, of data that are a little older."""
    made = model(view(110.0), feedback(10.0, 0.0, "none"))
    made.take(feedback(10.9, 0.0, "none"))
    assert made.state(OPEN, 110.0).instruction == "Go"
    for t, score in ((10.0, 0.2), (13.0, 0.3)):
        made.take(feedback(t, score, "curve"))
    made.take(view(116.9))
    assert made.state(OPEN, 116.9).curve == ((3.0, 0.2), (0.0, 0.3)), "not stale after one step"


def test_data_that_begin_anew_begin_a_new_curve() -> None:
    made = model(view(150.0), feedback(50.0, 0.9, "curve"), feedback(10.0, 0.1, "curve"))
    made.take(view(110.0))
    assert made.state(OPEN, 110.0).curve == ((0.0, 0.1),)


def test_the_reasons_that_withhold_a_picture_are_those_of_the_protocol() -> None:
    kinds = ("rest", "regulate", "task", "feedback")
    blocks = tuple(BlockSettings(kind=kind, duration_s=10.0, onset_s=20.0 * k)
                   for k, kind in enumerate(kinds))  # fmt: skip
    told = set()
    for display in ("thermometer", "picture"):
        for way in ("continuous", "intermittent"):
            protocol = Protocol.of(
                ProtocolSettings(blocks=blocks, display=display, feedback=way)  # type: ignore[arg-type]
            )
            told |= {protocol.state_at(float(t)).reason for t in range(80)}
    assert told - {""} <= PROTOCOL_REASONS


def test_between_blocks_there_is_a_cross_and_after_a_stop_there_is_none() -> None:
    made = model(view(100.0, feedback=False, reason="no block is running"))
    assert made.state(shut("no block is running"), 100.0).fixation
    assert not made.state(shut("the participant pressed stop"), 100.0).fixation


WORDS = st.sampled_from(["", "rest block", "the participant pressed stop", "paused"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.builds(lambda t, p, f, r: view(100 + t, passing=p, feedback=f, reason=r),
                      st.floats(0, 50), st.booleans(), st.booleans(), WORDS),
            st.builds(lambda t, s: feedback(t, s), st.floats(0, 50), st.floats(0, 1)),
        ),
        max_size=12,
    ),
    st.floats(100, 160),
)  # fmt: skip
def test_nothing_of_a_score_shows_without_a_fresh_permission(
    messages: list[Message], now_s: float
) -> None:
    made = model(*messages)
    views = [m.header for m in messages if isinstance(m.header, View)]
    allowed = bool(views) and views[-1].feedback and now_s - views[-1].t_sent <= 0.75
    state = made.state(shut("the participant pressed stop"), now_s)
    assert allowed or black(state)


def test_what_decides_knows_no_qt() -> None:
    cores = "gui.screens, gui.viewers.inlets, gui.viewers.state"
    words = f"import sys, {cores}; print([m for m in sys.modules if m.startswith('PySide6')])"
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


# ---- screens -------------------------------------------------------------------------------------

SCREENS = (
    ScreenFacts("A", 0, 0, 1280, 720, "S-1"),
    ScreenFacts("B", 1280, 0, 640, 480, "S-2"),
    ScreenFacts("C", 1920, 0, 640, 480),
    ScreenFacts("D", 1920, 0, 640, 480, "S-2"),
)


@pytest.mark.parametrize(("wanted", "index"), [("B", 1), ("S-1", 0)])
def test_a_screen_is_found_by_name_and_by_serial_number(wanted: str, index: int) -> None:
    assert choose_screen(wanted, SCREENS[:3], operator="C") == index


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("S-2", "allowed"),  # two have this number
        ("", "allowed"),  # the number of a screen that tells none
        ("S-1", "operator's own"),
        ("B", "is in use"),
        ("C", "some of D"),
        ("D", "some of C"),
    ],
)
def test_other_screens_are_refused(wanted: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        choose_screen(wanted, SCREENS, operator="A", keep_off=["B"])


@pytest.mark.parametrize("wanted", [None, "B"])
def test_with_one_screen_it_is_said_plainly_that_another_is_missing(wanted: str | None) -> None:
    one = SCREENS[:1]
    with pytest.raises(ConfigError) as refused:
        choose_screen(wanted, one, operator="A")
    assert str(refused.value) == "no second screen: connect one for the participant"
    with pytest.raises(ConfigError, match="no further screen: connect one for the observers"):
        choose_screen(wanted, one, "A", option="--observer-screen")
    with pytest.raises(ConfigError, match="operator's own"):
        choose_screen("A", one, operator="A")


def test_a_screen_to_keep_off_may_be_told_by_its_serial_number() -> None:
    with pytest.raises(ConfigError, match="is in use"):
        choose_screen("B", SCREENS[:3], operator="A", keep_off=["S-2"])


def test_why_a_window_may_not_stay() -> None:
    assert why_unfit("B", "B", SCREENS, "A") == ""
    assert "disconnected" in why_unfit("E", "A", SCREENS)
    assert "moved" in why_unfit("B", "A", SCREENS)
    assert "operator" in why_unfit("B", "B", SCREENS, "B")
    assert "mirrored by D" in why_unfit("C", "C", SCREENS)
