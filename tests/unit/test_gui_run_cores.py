"""What the page of a run decides without Qt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gui.alarms import alarms
from gui.answers import Answers
from gui.curves import Curves
from gui.facts import Board, Pictures
from gui.pace import Pace, PaceWatch
from gui.paint_settings import LOOKS, may_change, offered, why_locked
from gui.plan_facts import is_blind
from gui.receiver import SOURCES
from gui.recording_lamp import DiskWatch, Recorded, lamp_words, size_words, time_words
from gui.reflex import Reflex
from gui.region_grid import RegionGrid, labels_on
from gui.requests import Requests
from gui.run_state import run_state
from gui.scanner import Scan
from gui.seen import Seen, Timeline
from gui.slices import PEAK, cut
from gui.spectra import LEAST_POINTS, amplitudes
from gui.viewers.state import ViewerState
from phosphene.messages import Command, Features, Message, Regions, StatMap
from phosphene.plan import Plan
from phosphene.session import RendererSettings, Session
from phosphene.sink import Showing

PASSING = Showing(None, None, True, "", None)
BLANK = Showing(None, None, False, "decoder: no sign of life", None)
BOARD = Board(
    scopes=("view_operator",), decode_reason="", operator=PASSING, participant=PASSING,
    features=None, step_s=2.0, fd_mm=None, fd_limits_mm=(0.2, 0.5), flows={}, blank_here=False,
    trouble="", scan=Scan(), peers=(), shown_once=True, paced=True,
)  # fmt: skip


def plan(mode: str = "live", protocol: dict[str, Any] | None = None) -> Plan:
    source = {"kind": "recording", "path": "x"}
    facts: dict[str, Any] = {"person": "p01", "modality": "fmri", "source": source}
    if protocol is not None:
        facts["protocol"] = protocol
    session = Session.model_validate(facts)
    return Plan.model_validate({"run": "r", "folder": Path("/"), "mode": mode, "session": session})


def features(t: float) -> Features:
    return Features(
        run="r", seq=0, t_acquired=t, t_sent=t, producer="acquisition", kind="fmri", index=0,
        t_data=0.0, mask_hash="m", ready=True,
    )  # fmt: skip


# ---- the recording lamp ----------------------------------------------------------------------


def test_minutes_of_disk_left_follow_the_recordings_own_rate() -> None:
    watch, free = DiskWatch(), 60 * 60 * 10**6
    for k in range(10):
        assert watch.look(k * 10**6, free, float(k), float(k)).left_min is None, "too early"
    found = watch.look(10 * 10**6, free, 10.0, 10.0)
    assert found.left_min == pytest.approx(60.0)
    # Another program takes half of the disk for a moment: half the time, and no alarm.
    assert watch.look(11 * 10**6, free // 2, 11.0, 11.0).left_min == pytest.approx(30.0)
    assert watch.look(12 * 10**6, free, 12.0, 12.0).left_min == pytest.approx(60.0)


def test_a_low_disk_is_told_after_half_a_minute_and_a_dip_is_not() -> None:
    watch = DiskWatch()
    for k in range(60):
        free = 3 * 60 * 10**7 if k >= 15 and k != 30 else 60 * 60 * 10**7
        found = watch.look(k * 10**7, free, float(k), float(k))
        assert not found.low, "the dip at 30 s begins it anew"
    for k in range(60, 63):
        found = watch.look(k * 10**7, 3 * 60 * 10**7, float(k), float(k))
    assert found.low
    assert not found.grave
    assert watch.look(63 * 10**7, 90 * 10**7, 63.0, 63.0).grave


def test_a_disk_without_room_is_grave_at_any_rate() -> None:
    watch = DiskWatch()
    found = watch.look(10, 10**6, 0.0, 0.0)
    assert found.full
    assert found.grave
    assert "disk full" in lamp_words("REC", found)


def test_the_lamp_in_words() -> None:
    facts = Recorded(3725.0, 2_340_000_000, 700.0)
    assert (
        lamp_words("REC brain data", facts) == "REC brain data · 1:02:05 · 2.3 GB · disk: over 10 h"
    )
    assert lamp_words("REC", Recorded()) == "REC"
    assert [size_words(n) for n in (1500, 2_500_000, 340_000_000)] == ["2 kB", "2.5 MB", "340 MB"]
    assert time_words(59.9) == "00:59"


def test_the_disk_alarm_has_two_levels() -> None:
    low = replace(BOARD, recorded=Recorded(9.0, 9, 8.0, 31.0))
    (found,) = [a for a in alarms(low, "RUNNING", "volume", 0.0) if "disk" in a.text]
    assert (found.level, found.text) == ("medium", "The disk is full in 8 minutes")
    grave = replace(BOARD, recorded=Recorded(9.0, 9, 1.5, 31.0))
    assert alarms(grave, "RUNNING", "volume", 0.0)[0].level == "high"
    assert not [a for a in alarms(low, "ENDED", "volume", 0.0) if "disk" in a.text]


# ---- pace ------------------------------------------------------------------------------------


class Late(Curves):
    """Curves with a latency and a step that are set."""

    def __init__(self, latency_ms: float) -> None:
        super().__init__("fmri")
        self.held_ms = latency_ms

    def latency_ms(self) -> float | None:
        return self.held_ms

    def step_s(self) -> float | None:
        return 2.0


def test_latency_is_an_alarm_once_it_has_lasted() -> None:
    watch, curves = PaceWatch(volumes=True), Late(2500.0)
    assert watch.look(curves, PASSING, {}, Timeline(), 10.0) == Pace(2500.0, 2000.0, 0.0, 0.0)
    slow = watch.look(curves, PASSING, {}, Timeline(), 15.0)
    assert slow.slow_s == 5.0
    found = [a.text for a in alarms(replace(BOARD, pace=slow), "RUNNING", "volume", 0.0)]
    assert "Latency 2500 ms, more than 2000 ms" in found
    assert PaceWatch(volumes=False).look(curves, PASSING, {}, Timeline(), 0.0).budget_ms == 500.0
    curves.held_ms = 100.0
    assert watch.look(curves, PASSING, {}, Timeline(), 16.0).slow_s == 0.0


def test_low_confidence_is_told_while_it_lasts() -> None:
    unsure = replace(BOARD, pace=Pace(unsure_s=6.0))
    (found,) = [a for a in alarms(unsure, "RUNNING", "volume", 0.0) if "Confidence" in a.text]
    assert (found.level, found.latches) == ("medium", False)
    assert "Confidence" not in alarms(unsure, "PAUSED", "volume", 0.0)[0].text


# ---- the state -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"phase": "running"}, "RUNNING"),
        ({"phase": "armed", "operator": BLANK, "participant": BLANK}, "ARMED"),
        ({"phase": "paused", "operator": BLANK, "participant": BLANK}, "PAUSED"),
        ({"phase": "stopped"}, "BLANKED"),
        ({"phase": "blanked"}, "BLANKED"),
        ({"phase": "running", "operator": BLANK, "participant": BLANK}, "BLANKED"),
        ({"phase": "running", "operator": BLANK}, "RUNNING"),
        ({"phase": "running", "operator": BLANK, "participant": BLANK,
          "feedback_passes": True}, "RUNNING"),
        ({"phase": "running", "participant": BLANK,
          "operator": replace(BLANK, reason="between blocks of the protocol")}, "RUNNING"),
        ({"phase": "paused", "blank_here": True}, "BLANKED"),
    ],
)  # fmt: skip
def test_the_state_is_what_gate_and_blank_say(changes: dict[str, Any], expected: str) -> None:
    board = replace(BOARD, **changes)
    assert run_state(board, going=True, ended=False) == expected
    assert run_state(board, going=False, ended=False) == "IDLE"
    assert run_state(board, going=True, ended=True) == "ENDED"


# ---- what the window does by itself ----------------------------------------------------------


def test_a_silent_live_run_is_blanked_once_in_each_silence() -> None:
    reflex, board = Reflex(plan(), "volume"), replace(BOARD, features=features(10.0))
    assert reflex.why_blank(board, "RUNNING", 20.0) == "", "the gate blanks, and takes it back"
    assert "no volume" in reflex.why_blank(board, "RUNNING", 23.0)
    assert reflex.why_blank(board, "RUNNING", 24.0) == ""
    assert reflex.why_blank(replace(board, features=features(25.0)), "RUNNING", 25.0) == ""
    assert reflex.why_blank(replace(board, features=features(25.0)), "RUNNING", 40.0) != ""


def test_neither_replays_nor_blank_runs_are_touched() -> None:
    board = replace(BOARD, features=features(10.0))
    for mode in ("replay", "pilot"):
        assert Reflex(plan(mode), "volume").why_blank(board, "RUNNING", 99.0) == ""
    live = Reflex(plan(), "volume")
    assert live.why_blank(board, "BLANKED", 99.0) == ""
    assert live.why_blank(board, "RUNNING", 99.0) != "", "it is still to be done"


# ---- picture controls ------------------------------------------------------------------------


def test_in_a_live_run_nothing_of_the_picture_changes_while_it_goes_on() -> None:
    settings = offered(RendererSettings())
    assert not [s.name for s in settings if may_change(s, "RUNNING", plan("live"))]
    assert all(may_change(s, "PAUSED", plan("live")) for s in settings)
    assert {s.name for s in settings if may_change(s, "RUNNING", plan("replay"))} == LOOKS
    assert not [s for s in settings if may_change(s, "ENDED", plan("replay"))]
    assert why_locked("PAUSED", plan("live")) == ""
    assert "pause first" in why_locked("RUNNING", plan("live"))


def test_a_protocol_locks_the_picture_of_a_replay_too() -> None:
    blocks = [{"kind": "regulate", "duration_s": 10, "target": "face", "foil": "house"}]
    run = plan("replay", {"blocks": blocks})
    assert not [s for s in offered(RendererSettings()) if may_change(s, "RUNNING", run)]


def test_what_is_offered_comes_from_the_schema() -> None:
    found = {s.name: s for s in offered(RendererSettings(mode="z", guidance=1.5))}
    assert (found["mode"].choices, found["mode"].value) == (("z", "c", "zc"), "z")
    assert (found["guidance"].low, found["guidance"].high) == (1.0, 5.0)
    assert found["guidance"].value == "1.5"
    assert found["seed"].whole
    assert found["steps"].choices == ("1", "2", "4")


def test_the_renderers_answer_is_kept_apart_from_the_gates() -> None:
    answers = Answers()
    assert "renderer: set mode=c" in answers.answered("set", True, "set mode=c")
    assert answers.painting.ok
    answers.unanswered("set")
    assert (answers.painting.number, answers.painting.ok, answers.trouble) == (2, False, "")
    answers.answered("pause", False, "not now")
    assert "pause" in answers.trouble
    answers.answered("resume", True, "")
    assert answers.trouble == ""


def test_a_marker_is_never_sent_twice() -> None:
    requests = Requests()
    stamps: dict[str, Any] = {"run": "r", "seq": 0, "t_acquired": 0.0, "t_sent": 0.0}
    for action in ("marker", "blank"):
        asked = Command(**stamps, producer="gui", id=action, action=action)
        requests.asked(Message(asked), 0.0)
    again, lost = requests.overdue(1.5)
    assert [m.header.id for m in again] == ["blank"]
    again, lost = requests.overdue(2.5)
    assert "marker" in [c.id for c in lost]


# ---- double-blind ----------------------------------------------------------------------------


def test_the_window_hears_the_gate_alone() -> None:
    assert set(SOURCES) == {"grants", "view-operator", "view-self"}


def test_a_run_with_an_assignment_is_double_blind() -> None:
    blocks = [{"kind": "regulate", "duration_s": 10, "target": "face", "foil": "house"}]
    protocol = {"blocks": blocks, "assignment": "a.blind", "donor": "d.json"}
    blind = plan("live", protocol)
    assert is_blind(blind)
    assert not is_blind(plan("live"))


def test_a_sealed_thumbnail_shows_nothing_but_the_lamp() -> None:
    viewer = ViewerState(display="thermometer", score=0.7, recording=True, passing=True)
    open_ones = Pictures(PASSING, BLANK, None, Seen("unknown"), viewer)
    assert open_ones.thumbnail().view is viewer
    sealed = replace(open_ones, sealed=True).thumbnail()
    assert "sealed" in sealed.words
    assert (sealed.view.score, sealed.view.recording) == (None, True)


# ---- spectra and slices ----------------------------------------------------------------------


def test_a_spectrum_has_its_peak_where_the_task_is() -> None:
    times = np.arange(200) * 2.0
    signal = 1.5 * np.sin(2 * np.pi * 0.025 * times) + 0.01 * times + 7.0
    keep = np.ones(200, np.bool_)
    keep[[50, 120]] = False  # two lost volumes
    hz, amplitude = amplitudes((times[keep], signal[keep]))
    peak = int(np.argmax(amplitude))
    assert hz[peak] == pytest.approx(0.025, abs=0.003)
    assert amplitude[peak] == pytest.approx(1.5, rel=0.1)
    assert amplitude[np.abs(hz - 0.025) > 0.02].max() < 0.1, "neither mean nor slope"
    assert hz[-1] == pytest.approx(0.25)
    few = LEAST_POINTS - 1
    assert len(amplitudes((times[:few], signal[:few]))[0]) == 0


SHAPE = (12, 14, 10)
AFFINE = np.array([[3.0, 0, 0, -18], [0, 3, 0, -21], [0, 0, 3, -15], [0, 0, 0, 1]])


def region_message() -> tuple[Message, np.ndarray]:
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:6, 3:7, 2:6], labels[8:11, 9:12, 6:9] = 1, 2
    header = Regions(
        run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="acquisition",
        names=("FFA", "PPA"), how="registered", affine=tuple(AFFINE.ravel()),
    )  # fmt: skip
    arrays = {"labels": labels, "underlay": np.full(SHAPE, 90, np.uint8)}
    return Message(header, arrays), labels


def test_labels_are_found_again_on_any_grid() -> None:
    _, labels = region_message()
    np.testing.assert_array_equal(labels_on(labels, AFFINE, SHAPE, AFFINE), labels)
    # Every second voxel, as live maps leave some out; moved by a voxel, so that some lie outside.
    coarse = AFFINE @ np.array([[2.0, 0, 0, 1], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
    found = labels_on(labels, AFFINE, (7, 7, 5), coarse)
    expected = np.zeros((7, 7, 5), np.uint8)
    expected[:6] = labels[1::2, ::2, ::2]
    np.testing.assert_array_equal(found, expected)
    # Axes in another order take the general way.
    turned = AFFINE[:, [1, 0, 2, 3]]
    swapped = labels_on(labels, AFFINE, (14, 12, 10), turned)
    np.testing.assert_array_equal(swapped, labels.transpose(1, 0, 2))


def test_slices_go_through_a_region_and_outline_it() -> None:
    message, _ = region_message()
    grid = RegionGrid(message)
    blue = (0x6C, 0xB6, 0xFF)
    alone = cut(None, grid, "FFA").picture
    rims = np.argwhere((alone == blue).all(axis=2))
    assert len(rims) == 3 * 12, "a box of 4x4 has a rim of 12 in each of three slices"
    assert not (cut(None, grid, "PPA").picture == blue).all(axis=2).any()
    t = np.zeros(SHAPE, np.float32)
    t[1:11, 1:13, 1:9] = 0.1
    t[9, 10, 7] = 9.0
    header = StatMap(
        run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="acquisition", index=3, t_data=8.0,
        contrast="face", dof=8.0, affine=tuple(AFFINE.ravel()),
    )  # fmt: skip
    found = cut(Message(header, {"t": t}), grid, PEAK)
    assert not (found.picture == blue).all(axis=2).any(), "the peak lies in the other region"
    assert (found.picture == (0xF2, 0xA6, 0x5A)).all(axis=2).any()
    with pytest.raises(ValueError, match="neither"):
        cut(None)
