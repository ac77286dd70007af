"""A block run on the run's page: old pictures, gaps of the curve, and the participant's view."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from pytestqt.qtbot import QtBot

from gui.block_begin import NOT_YET
from gui.facts import Pictures
from gui.model import RunModel
from gui.seen import Seen
from gui.traces import INTERVAL_WINDOW_S, Interval
from gui.viewers.state import ViewerState
from gui.words import viewer_word
from phosphene.messages import Message
from phosphene.sink import Showing
from tests.unit.test_gui_model import PICTURE, frame, plan, view

REST = "rest block"
FPS = 10.0


def of_percept(t: float, seq: int, decoded: float, percept_seq: int) -> Any:
    """Return a frame of the operator's view whose percept was sent at `decoded` seconds."""
    source, message = frame(t, seq=seq, percept_seq=percept_seq)
    header = structs.replace(message.header, t_percept=decoded)
    return source, Message(header, message.arrays)


def block_run(model: RunModel, reason: str = REST) -> None:
    """Show a block for a second; then nothing for five; the next block begins at 6 s."""
    model.take([view(0.0, "operator")], 0.0)
    for k in range(10):
        t = 0.1 * k
        model.take([of_percept(t, k, -0.5, 0)], t)
    for k in range(50):
        t = 1.0 + 0.1 * k
        model.take([view(t, "operator", passing=False, reason=reason)], t)
    model.take([view(6.0, "operator")], 6.0)


def shown(model: RunModel, t: float) -> Showing:
    return model.pictures(t).operator


def test_the_picture_of_the_block_before_does_not_come_back() -> None:
    model = RunModel(plan())
    block_run(model)
    model.take([of_percept(6.1, 60, 0.9, 1)], 6.1)
    found = shown(model, 6.15)
    assert (found.picture, found.passing, found.reason) == (None, True, NOT_YET)
    assert model.board(6.15).operator.picture is None, "nothing is stale that is not shown"
    model.take([view(6.3, "operator"), of_percept(6.4, 61, 6.35, 2)], 6.4)
    assert shown(model, 6.4).picture is PICTURE


def test_a_picture_comes_back_after_any_other_gap() -> None:
    model = RunModel(plan())
    block_run(model, reason="paused by the operator")
    model.take([of_percept(6.1, 60, 0.9, 1)], 6.1)
    assert shown(model, 6.15).picture is PICTURE


def test_at_full_speed_every_picture_is_of_its_own_data() -> None:
    model = RunModel(plan().model_copy(update={"speed": None}))
    block_run(model)
    model.take([of_percept(6.1, 60, 5.9, 1)], 6.1)
    assert shown(model, 6.15).picture is PICTURE


def test_the_time_in_which_nothing_is_shown_by_rule_is_no_frame_interval() -> None:
    model = RunModel(plan())
    block_run(model)
    # Left from before; then what was seen in the rest is held back, although the view passes.
    model.take([of_percept(6.1, 60, 0.9, 1)], 6.1)
    for k in range(31):
        model.take([view(6.2 + 0.1 * k, "operator")], 6.2 + 0.1 * k)
    for k in range(10):
        t = 9.3 + 0.1 * k
        model.take([of_percept(t, 61 + k, 9.25, 2)], t)
    intervals_ms = model.plotted().interval_ms[1]
    assert len(intervals_ms) == 18
    assert intervals_ms == pytest.approx([100.0] * 18)


def test_the_figures_of_the_interval_are_of_what_is_drawn(qtbot: QtBot) -> None:
    trace = Interval(24.0)
    qtbot.addWidget(trace)
    model = RunModel(plan())
    curves = model.plotted()
    # A quick second long ago, then half of the intervals at 40 ms and half at 160 ms.
    gaps_ms = np.array([5.0] * 100 + [2000.0] + [40.0, 160.0] * 41)
    times = np.cumsum(gaps_ms) / 1000
    trace.update_from(replace(curves, interval_ms=(times - times[-1], gaps_ms)), (0.0, 0.0))
    drawn = gaps_ms[times - times[-1] >= -INTERVAL_WINDOW_S]
    assert 2000.0 not in drawn
    assert f">{1000 / np.mean(drawn):.1f} frames/s · 99 %" in trace.figures.text()
    assert abs(np.mean(drawn) - 100.0) < 1.0, "the median would be 40 or 160 ms"
    assert "≤ 160 ms" in trace.figures.text()
    assert trace.box.viewRange()[1][1] < 300, "what is not drawn does not stretch the axis"


PASSING = Showing(PICTURE, frame(1.0)[1].header, True, "", 0.1)
BLANK = Showing(None, None, False, "feedback is a score", None)


@pytest.mark.parametrize(
    ("viewer", "participant", "word"),
    [
        (ViewerState(passing=True, display="thermometer", score=0.89), BLANK, "thermometer"),
        (ViewerState(passing=True, display="curve", score=0.1), BLANK, "curve"),
        (ViewerState(passing=True, fixation=True), BLANK, "cross"),
        (ViewerState(), BLANK, "blank"),
        (ViewerState(passing=True, picture=PICTURE), PASSING, "full picture"),
    ],
)  # fmt: skip
def test_beside_the_participants_view_stands_what_is_on_it(
    viewer: ViewerState, participant: Showing, word: str
) -> None:
    pictures = Pictures(PASSING, participant, None, Seen("unknown"), viewer)
    assert viewer_word(pictures) == word
    assert viewer_word(replace(pictures, sealed=True)) == "–", "not even when it comes and goes"
