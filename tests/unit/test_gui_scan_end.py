"""A scan that is over is told as such; everything else stays an alarm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from gui.alarms import alarms, silence
from gui.peers import Peer
from gui.scan_end import ScanEnd
from gui.scanner import Scan
from phosphene.plan import Plan
from phosphene.session import Session
from tests.unit.test_gui_words import BOARD, SHOWING, features


def test_silence_after_everything_that_was_announced_is_a_note() -> None:
    silent = Peer("acquisition", "noted", "no data for 12 s")
    away = "no volume came for a while: blanked by the window, unblank to go on"
    blank = replace(SHOWING, passing=False, reason=away)
    undecoded = "nothing is decoded: no block of the protocol is running"
    board = replace(
        BOARD, features=features(10.0), over=True, operator=blank, peers=(silent,),
        decode_reason=undecoded,
    )  # fmt: skip
    found = alarms(board, "BLANKED", "volume", 24.0)
    assert {a.level for a in found} == {"info"}
    assert "● NOTE  Scan over: end the run (Shift+F5)" in [a.words() for a in found]
    gone = silence(board, "volume", 24.0)
    assert gone is not None
    assert (gone.lost, gone.over) == (True, True), "the views go blank for safety"
    assert alarms(replace(board, over=False), "BLANKED", "volume", 24.0)[0].level == "high"


def test_the_end_of_a_scan_hides_no_other_alarm() -> None:
    board = replace(BOARD, features=features(10.0), over=True)
    assert alarms(board, "RUNNING", "volume", 13.0)[0].level == "none", "nothing stays away yet"
    mute = replace(board, peers=(Peer("gate", "silent", "", 3.0),))
    fallen = replace(board, peers=(Peer("acquisition", "noted", "no data for 9 s; disk is slow"),))
    left = replace(board, operator=replace(SHOWING, passing=False, reason="decoder: gone"))
    stopped = replace(board, phase="stopped")
    for other, level in ((mute, "high"), (fallen, "medium"), (left, "high"), (stopped, "high")):
        state = "RUNNING" if other.peers else "BLANKED"
        assert alarms(other, state, "volume", 24.0)[0].level == level


BLOCKS = {"blocks": [{"kind": "rest", "duration_s": 10}, {"kind": "task", "duration_s": 10}],
          "score": {"kind": "region", "region": "v1"}}  # fmt: skip


@pytest.mark.parametrize(
    ("modality", "protocol", "index", "planned", "over"),
    [
        ("fmri", BLOCKS, 8, None, False),
        ("fmri", BLOCKS, 9, None, True),
        ("fmri", None, 99, None, False),
        ("fmri", None, 58, 60, False),
        ("fmri", None, 59, 60, True),
        ("eeg", BLOCKS, 99, None, False),
    ],
)
def test_a_scan_is_over_when_all_blocks_or_volumes_have_come(
    modality: str, protocol: dict[str, Any] | None, index: int, planned: int | None, over: bool
) -> None:
    given = {"person": "p", "modality": modality, "source": {"kind": "recording", "path": "x"}}
    session = Session.model_validate(given | ({"protocol": protocol} if protocol else {}))
    plan = Plan(run="r", folder=Path("/"), mode="live", session=session)
    newest = structs.replace(features(10.0), index=index, t_data=2.0 * index)
    board = replace(BOARD, features=newest, scan=Scan(planned=planned, tr_announced_s=2.0))
    assert ScanEnd(plan).told(board).over is over
    assert not ScanEnd(plan).told(replace(board, features=None)).over
