"""The start of a run is no alarm: what nodes say then, and pictures that cannot come yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from msgspec import structs

from gui.alarms import alarms
from gui.curves import Curves
from gui.notes import is_news
from gui.pace import PaceWatch
from gui.peers import WARNED, Peers
from gui.scanner import Scan, tr_differs
from gui.seen import Timeline
from gui.words import State
from phosphene.messages import Beat, Event, Frame, Percept, describe
from phosphene.sink import Showing
from tests.unit.test_gui_run_cores import BOARD, features

WAITING = "waiting for acquisition to listen to the data, and answer"


def beat(t_sent: float, note: str = "", *sentences: str, seq: int = 0) -> Beat:
    return Beat(
        run="r", seq=seq, t_acquired=t_sent, t_sent=t_sent, producer="bridge", pid=7,
        state="running", counts={}, note=note, sentences=sentences,
    )  # fmt: skip


def levels(peers: Peers, now_s: float) -> list[str]:
    board = replace(BOARD, peers=tuple(peers.peers(now_s)))
    found = [a for a in alarms(board, "RUNNING", "volume", now_s) if a.text.startswith("bridge")]
    return [a.level for a in found]


def test_what_was_said_before_the_first_data_is_no_warning_when_they_have_come() -> None:
    peers = Peers(["bridge"])
    assert peers.on_beat(beat(1.0, WAITING)) == [f"bridge: {WAITING}"]
    assert levels(peers, 1.1) == ["info"]
    peers.begin(1.2)
    assert levels(peers, 1.4) == ["info"], "its newest beat is older than the data"
    peers.on_beat(beat(1.7, WAITING, seq=1))
    assert levels(peers, 1.8) == ["info"], "or was on its way"
    peers.on_beat(beat(2.3, WAITING, seq=2))
    assert levels(peers, 2.4) == ["medium"], "whoever says so for longer has a trouble"


def test_a_trouble_that_comes_later_is_a_warning_at_once() -> None:
    peers = Peers(["bridge"])
    peers.begin(1.0)
    peers.begin(90.0)
    lines = peers.on_beat(beat(50.0, "the folder is gone"))
    assert lines == [f"{WARNED}bridge: the folder is gone"]
    assert levels(peers, 50.1) == ["medium"]


NEWS = [
    "set strength=0.5",
    "set model=world-64; loading, the old one paints until then",
    "painting with model world-256, 256 pixels",
    "no decode: the category is undecided; such percepts stay neutral",
]
TROUBLES = [
    "set mode=z; the pictures are worse so",
    "painting with model world-64, 64 pixels; warm start needs zc",
    "it stays with model world-64: no file; taken back: model; all else that was set holds",
    "engine cuda: no such device",
    "",
]


@pytest.mark.parametrize("note", NEWS)
def test_news_stand_in_the_log_and_nowhere_else(note: str) -> None:
    assert is_news(note)
    peers = Peers(["bridge"])
    peers.begin(1.0)
    assert peers.on_beat(beat(9.0, note)) == [f"bridge: {note}"]
    assert levels(peers, 9.1) == []
    assert peers.peers(9.1)[0].health == "fine"


@pytest.mark.parametrize("note", TROUBLES)
def test_an_objection_is_no_news(note: str) -> None:
    assert not is_news(note)


def percept(t_seen: float) -> Percept:
    return Percept(
        run="r", seq=4, t_acquired=0.0, t_sent=0.0, producer="decoder", index=4, t_data=t_seen + 6,
        t_seen=t_seen, t_features=0.0, confidence=0.1, label="cat", probabilities={}, bundle="b",
    )  # fmt: skip


def shown(state: Literal["picture", "neutral"]) -> Showing:
    arrays = {"picture": np.zeros((2, 2, 3), np.uint8)}
    frame = Frame(
        run="r", seq=9, t_acquired=0.0, t_sent=0.0, producer="gate", t_due=0.0, t_rendered=0.0,
        late=False, skipped=0, render_ms=1.0, state=state, percept_seq=4, percept_index=4,
        confidence=0.1, age_s=0.0, t_percept=0.0, seed=0, model="m",
        arrays=describe(arrays, {"picture": ("y", "x", "rgb")}, {}),
    )  # fmt: skip
    return Showing(arrays["picture"], frame, True, "", 0.1)


@pytest.mark.parametrize(
    ("state", "t_seen", "unsure_s"),
    [
        ("neutral", 12.0, 6.0),
        ("picture", 12.0, 0.0),
        ("neutral", -0.5, 0.0),  # seen before the recording began
        ("neutral", 5.0, 0.0),  # rest
    ],
)
def test_a_picture_is_missed_only_where_one_could_come(
    state: Literal["picture", "neutral"], t_seen: float, unsure_s: float
) -> None:
    truth, watch = Timeline(), PaceWatch(volumes=True)
    for t_data, label in ((0.0, "rest"), (10.0, "cat")):
        truth.add(Event(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="acquisition",
                        t_data=t_data, label=label, stream="stimulus"))  # fmt: skip
    for now_s in (20.0, 26.0):
        pace = watch.look(Curves("fmri"), shown(state), {4: percept(t_seen)}, truth, now_s)
    assert pace.unsure_s == unsure_s


def test_a_bunch_of_first_volumes_is_no_wrong_repetition_time() -> None:
    bunch = Scan(volumes=4, tr_announced_s=1.0, tr_measured_s=0.3)
    assert not tr_differs(bunch)
    assert tr_differs(replace(bunch, volumes=7))
    assert tr_differs(replace(bunch, volumes=None))


def test_an_amplifier_is_missed_from_when_the_nodes_work() -> None:
    peers = Peers(["acquisition"])
    assert not peers.works("acquisition")
    for state in ("starting", "ready", "running"):
        peers.on_beat(structs.replace(beat(1.0), producer="acquisition", state=state))
        assert peers.works("acquisition") == (state == "running")


def test_a_run_that_waits_to_begin_tells_what_for_and_does_not_warn() -> None:
    board = replace(BOARD, decode_reason="nothing is decoded: armed: waiting for it")
    levels: dict[State, str] = {"ARMED": "info", "IDLE": "info", "BLANKED": "medium"}
    for state, level in levels.items():
        found = alarms(board, state, "volume", 0.0)
        (told,) = [a for a in found if "decoded" in a.text]
        assert (told.level, told.text) == (level, "Nothing is decoded: armed: waiting for it")


def test_the_second_volume_may_take_as_long_as_announced() -> None:
    header = features(10.0)
    first = replace(BOARD, features=header, step_s=None, scan=Scan(1, tr_announced_s=2.0))
    assert not [a for a in alarms(first, "RUNNING", "volume", 12.5) if "No volume" in a.text]
    assert [a.level for a in alarms(first, "RUNNING", "volume", 14.5)] == ["medium"]
    unknown = replace(first, scan=Scan(1))
    assert [a for a in alarms(unknown, "RUNNING", "volume", 12.5) if "No volume" in a.text]
