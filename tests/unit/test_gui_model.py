from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from gui.facts import BLANKED_HERE
from gui.model import RunModel
from gui.requests import DEADLINE_S, Requests
from gui.scanner import tr_differs
from gui.words import caption
from phosphene.consent import Consent
from phosphene.messages import (
    Beat,
    Command,
    Event,
    Features,
    Frame,
    Grant,
    Message,
    Percept,
    Quality,
    Reply,
    View,
)
from phosphene.plan import Plan
from phosphene.session import Session

PICTURE = np.full((64, 64, 3), 9, np.uint8)


def plan(modality: str = "fmri") -> Plan:
    source = {"kind": "recording", "path": "x"}
    session = Session.model_validate({"person": "p01", "modality": modality, "source": source})
    consent = Consent.for_synthetic("p01", datetime(2026, 1, 1, tzinfo=UTC))
    return Plan(run="r", folder=Path("/"), mode="replay", session=session, consent=consent)


def made(kind: type, t: float, seq: int = 0, **fields: Any) -> Message:
    return Message(kind(run="r", seq=seq, t_acquired=t, t_sent=t, producer="x", **fields))


def view(t: float, sink: str, passing: bool = True, reason: str = "") -> tuple[str, Message]:
    fields = {"sink": sink, "passing": passing, "reason": reason, "passed": 0}
    return f"view-{sink}", made(View, t, **fields)


def frame(t: float, seq: int = 0, percept_seq: int = 0, sink: str = "operator") -> Any:
    message = made(
        Frame, t, seq, t_due=t, t_rendered=t, late=False, skipped=0, render_ms=1.0,
        state="picture", percept_seq=percept_seq, percept_index=5, confidence=0.5, age_s=0.1,
        t_percept=t - 0.03, seed=0, model="m", sink=sink, level=4,
    )  # fmt: skip
    return f"view-{sink}", Message(message.header, {"picture": PICTURE})


def percept(t: float, seq: int, t_data: float, t_seen: float) -> tuple[str, Message]:
    return "decoder", made(
        Percept, t, seq, index=seq, t_data=t_data, t_seen=t_seen, t_features=t - 0.01,
        confidence=0.6, label="cat", probabilities={"cat": 0.6, "shoe": 0.4}, bundle="b",
    )  # fmt: skip


def features(t: float, index: int, late_s: float = 0.05) -> tuple[str, Message]:
    header = Features(
        run="r", seq=index, t_acquired=t - late_s, t_sent=t, producer="acquisition", kind="fmri",
        index=index, t_data=2.0 * (index + 1), mask_hash="m", ready=True,
    )  # fmt: skip
    return "acquisition", Message(header, {"x": np.arange(5, dtype=np.float32)})


def event(t_data: float, label: str) -> tuple[str, Message]:
    return "acquisition", made(Event, 0.0, t_data=t_data, label=label, stream="s")


def test_the_seen_label_belongs_to_the_percept_of_the_shown_frame() -> None:
    model = RunModel(plan())
    model.take([event(0.0, "shoe"), event(10.0, "cat")], 1.0)
    model.take([percept(1.0, 0, 14.0, 9.0), percept(1.0, 1, 16.0, 11.0)], 1.0)
    model.take([view(1.0, "operator"), frame(1.0, percept_seq=0)], 1.0)
    pictures = model.pictures(1.0)
    assert pictures.operator.picture is PICTURE
    words = caption(pictures.operator, "volume", "cat")
    assert "volume 5" in words
    assert "chance" not in words
    assert "decoded 100 s ago" in caption(pictures.operator, "volume", "cat", 100.0)
    assert pictures.seen.label == "shoe", "not the label of the newest percept, nor of t_data"
    model.take([frame(1.1, seq=1, percept_seq=1)], 1.1)
    assert model.pictures(1.1).seen.label == "cat"


def test_each_sink_shows_only_what_the_gate_lets_through_to_it() -> None:
    model = RunModel(plan())
    model.take([view(1.0, "operator"), view(1.0, "self", passing=False, reason="no scope")], 1.0)
    model.take([frame(1.0), frame(1.0, sink="self")], 1.0)
    pictures = model.pictures(1.0)
    assert pictures.operator.picture is PICTURE
    assert pictures.participant.picture is None
    assert pictures.participant.reason == "no scope"
    assert model.counts()["frames_shown"] == model.counts()["frames_blank"] == 1


def test_the_participants_picture_never_shows_the_operator_more_than_their_own() -> None:
    model = RunModel(plan())
    mine, theirs = frame(1.0), frame(1.0, sink="self")
    model.take([view(1.0, "operator", passing=False, reason="no scope"), view(1.0, "self")], 1.0)
    model.take([mine, theirs], 1.0)
    thumbnail = model.pictures(1.0).thumbnail()
    assert thumbnail.view.picture is None
    assert "no scope" in thumbnail.words
    assert model.pictures(1.0).participant.picture is PICTURE, "the participant still sees it"

    reduced = structs.replace(mine[1].header, seq=1, level=2)
    model.take([view(1.1, "operator"), ("view-operator", Message(reduced, mine[1].arrays))], 1.1)
    picture = model.pictures(1.1).thumbnail().view.picture
    assert picture is not None
    assert picture.shape == (8, 8, 3)


def test_a_stop_makes_the_window_forget_the_newest_seconds() -> None:
    model = RunModel(plan())
    for k in range(20):
        values = {"roi_FFA_psc": float(k)}
        quality = made(Quality, float(k), index=k, t_data=2.0 * k, values=values)
        model.take([("acquisition", quality), percept(float(k), k, 2.0 * k, 0.0)], float(k))
    model.take([view(20.0, "operator"), frame(20.0, percept_seq=19)], 20.0)
    assert model.pictures(20.0).percept is not None
    stopped = made(
        View, 20.1, sink="operator", passing=False, reason="stop", passed=0, phase="stopped"
    )
    model.take([("view-operator", stopped)], 20.1)
    assert model.pictures(20.1).percept is None
    assert model.pictures(20.1).operator.picture is None
    plotted = model.plotted()
    assert plotted.confidence[0].max() == plotted.regions["FFA"][0].max() == 28.0
    model.take([percept(21.0, 20, 40.0, 0.0)], 21.0)
    model.take([("view-operator", stopped)], 21.1)
    assert model.pictures(21.1).percept is not None, "it is forgotten once, not over and over"


def test_a_silent_gate_blanks() -> None:
    model = RunModel(plan())
    model.take([view(1.0, "operator"), frame(1.0)], 1.0)
    assert model.pictures(1.7).operator.picture is PICTURE
    assert model.pictures(1.8).operator.picture is None


def test_the_log_tells_each_turn_of_a_view_once() -> None:
    model = RunModel(plan())
    model.take([view(1.0, "operator"), view(1.1, "operator"), frame(1.1)], 1.1)
    model.board(1.2)
    model.board(3.0)
    model.take([view(5.0, "operator"), view(5.1, "operator", passing=False, reason="why")], 5.1)
    lines = [line for line in model.log_lines() if line.startswith("operator")]
    turns = ["not spoken", "pass", "silent", "pass", "why"]
    assert [word in line for word, line in zip(turns, lines, strict=True)] == [True] * 5, lines


def test_blank_takes_effect_here_at_once_and_only_the_gate_takes_it_back() -> None:
    model = RunModel(plan())
    model.take([view(1.0, "operator"), frame(1.0), view(1.0, "self"), frame(1.0, sink="self")], 1.0)
    model.blank()
    for showing in (model.pictures(1.0).operator, model.pictures(1.0).participant):
        assert showing.picture is None
        assert showing.reason == BLANKED_HERE
    model.answered("unblank", ok=False, text="no")
    assert model.board(1.0).blank_here
    assert "refused" in model.board(1.0).trouble
    model.answered("unblank", ok=True, text="")
    assert not model.board(1.0).blank_here
    assert model.pictures(1.0).operator.picture is PICTURE


def test_an_unanswered_request_is_told() -> None:
    model = RunModel(plan())
    model.unanswered("blank")
    assert "did not answer" in model.board(0.0).trouble
    assert any("did not answer" in line for line in model.log_lines())
    assert model.log_lines() == []


def test_consent_is_what_a_fresh_grant_says() -> None:
    model = RunModel(plan())
    assert model.board(0.0).scopes is None
    fields = {"person": "p01", "scopes": ("view_self",), "decode": False, "reason": "late"}
    model.take([("grants", made(Grant, 5.0, **fields))], 5.0)
    assert model.board(5.9).scopes == ("view_self",)
    assert model.board(5.9).decode_reason == "late"
    assert model.board(6.1).scopes is None


def test_curves_come_from_the_stamps() -> None:
    model = RunModel(plan())
    values = {"dvars_psc": 1.0, "fd_mm": 0.3, "pitch_deg": 0.4, "roi_FFA_psc": 5.0}
    model.take([("acquisition", made(Quality, 1.0, index=0, t_data=2.0, values=values))], 1.0)
    model.take([features(1.0, 0), features(3.0, 1), percept(3.1, 0, 4.0, 0.0)], 3.1)
    model.take([view(3.2, "operator"), frame(3.2), frame(3.24, seq=1)], 3.24)
    plotted = model.plotted()
    shown = {name: list(y) for name, (_, y) in plotted.figures.items() if len(y)}
    assert shown == {"dvars_psc": [1.0], "fd_mm": [0.3], "pitch_deg": [0.4]}
    assert list(plotted.regions) == ["FFA"]
    assert plotted.latency_ms["acquire"][1] == pytest.approx([50.0, 50.0])
    assert plotted.latency_ms["decode"][1] == pytest.approx([10.0])
    assert plotted.latency_ms["render"][0] == pytest.approx([4.0])
    assert plotted.latency_ms["render"][1] == pytest.approx([30.0]), "only the first frame counts"
    assert plotted.interval_ms[1] == pytest.approx([40.0])
    assert plotted.interval_ms[0] == pytest.approx([0.0])
    assert model.board(4.0).step_s == pytest.approx(2.0)
    assert model.board(4.0).fd_mm == pytest.approx(0.3)


def test_the_version_of_the_curves_grows_with_everything_but_frames() -> None:
    model = RunModel(plan())
    model.take([view(1.0, "operator"), frame(1.0), frame(1.04, seq=1)], 1.04)
    versions = [model.plotted().version]
    values = {"fd_mm": 0.1}
    for item in (
        ("acquisition", made(Quality, 1.0, index=0, t_data=2.0, values=values)),
        features(1.0, 0),
        event(0.0, "cat"),
        percept(1.1, 0, 2.0, 0.0),
        frame(1.2, seq=2),
    ):
        model.take([item], 1.2)
        versions.append(model.plotted().version)
    assert versions == sorted(set(versions)), "each of these changes what is drawn"
    model.take([frame(1.24, seq=3)], 1.24)
    assert model.plotted().version == versions[-1]


def test_a_blank_is_no_frame_interval() -> None:
    model = RunModel(plan())
    model.take([view(1.0, "operator"), frame(1.0)], 1.0)
    model.take([view(1.1, "operator", passing=False), view(9.0, "operator"), frame(9.0)], 9.0)
    assert len(model.plotted().interval_ms[1]) == 0


def test_a_slow_replay_has_its_own_interval_between_volumes() -> None:
    for speed, step_s in ((1.0, 2.0), (0.25, 8.0), (None, 2.0)):
        model = RunModel(plan().model_copy(update={"speed": speed}))
        stamp: dict[str, Any] = {"run": "r", "t_acquired": 0.0, "t_sent": 0.0, "producer": "x"}
        told = [
            Features(**stamp, seq=k, kind="fmri", index=k, t_data=2.0 * k, mask_hash="", ready=True)
            for k in range(4)
        ]
        model.take([("view-operator", Message(header)) for header in told], 1.0)
        assert model.board(1.0).step_s == step_s


def test_histories_are_bounded_and_forget_a_run_that_starts_over() -> None:
    model = RunModel(plan())
    model.take([features(float(k), k) for k in range(1000)], 1000.0)
    assert len(model.plotted().latency_ms["acquire"][0]) == 600
    model.take([features(1001.0, 0)], 1001.0)
    assert list(model.plotted().latency_ms["acquire"][0]) == [2.0]


def test_eeg_plots_bad_channels_and_the_amplitude_of_the_first_channels() -> None:
    model = RunModel(plan("eeg"))
    channels = ("F3", "Fz", "F4", "Cz", "C3", "C4", "Pz", "Oz")
    values = {"rms_uv": 8.0, **{f"rms_{n}_uv": 7.0 for n in channels}}
    model.take([features(1.0, 0)], 1.0)
    model.take([("acquisition", made(Quality, 1.0, index=0, t_data=1.0, values=values))], 1.0)
    assert list(model.plotted().regions) == ["F3", "Fz", "F4", "Cz", "C3", "C4"]
    assert model.plotted().regions_left_out == 2
    values = {"bad_channels": 2.0, "ptp_F3_uv": 40.0}
    model.take([("acquisition", made(Quality, 1.0, index=0, t_data=0.8, values=values))], 1.0)
    values = {"rms_uv": 9.0}
    model.take([("acquisition", made(Quality, 1.0, index=1, t_data=2.0, values=values))], 1.0)
    figures = model.plotted().figures
    assert list(figures["bad_channels"][1]) == [2.0]
    assert list(figures["rms_uv"][1]) == [8.0, 9.0]


def beat(
    t: float, producer: str, pid: int = 1, note: str = "", state: str = "running", **counts: int
) -> tuple[str, Message]:
    header = Beat(run="r", seq=0, t_acquired=t, t_sent=t, producer=producer, pid=pid, state=state,
                  counts=counts, note=note)  # fmt: skip
    return "grants", Message(header)


def test_the_health_of_a_node_comes_from_its_beats() -> None:
    model = RunModel(plan().model_copy(update={"nodes": ("bridge", "decoder", "gate", "gui")}))
    model.take([features(5.0, 0)], 5.0)
    model.take([beat(9.0, "bridge", note="file 7 left out"), beat(7.0, "decoder")], 9.0)
    model.take([beat(9.0, "gate", state="starting"), beat(9.0, "gui", note="mine")], 9.0)
    healths = {p.name: p.health for p in model.board(9.1).peers}
    assert healths == {
        "bridge": "noted", "decoder": "silent", "gate": "starting", "supervisor": "unknown",
    }  # fmt: skip
    told = [line for line in model.log_lines() if "left out" in line]
    assert told == ["▲ bridge: file 7 left out"]
    model.take([beat(9.2, "bridge", note="file 7 left out")], 9.2)
    assert model.log_lines() == [], "a note is told once"
    model.take([beat(9.3, "bridge", note="no data for 3 s")], 9.3)
    model.take([beat(9.4, "bridge", note="no data for 4 s")], 9.4)
    assert model.log_lines() == ["▲ bridge: no data for 3 s"], "it only goes on counting"
    model.acknowledge()
    assert model.board(9.4).peers[0].health == "fine"
    model.take([beat(9.5, "bridge", note="file 8 left out")], 9.5)
    assert model.board(9.5).peers[0].health == "noted"
    model.take([beat(9.6, "bridge", state="done")], 9.6)
    assert model.board(99.0).all_pushed


def test_counters_go_on_after_a_restart() -> None:
    model = RunModel(plan())
    items = [beat(1.0, "bridge", 1, duplicates=2, truncated=1), beat(2.0, "bridge", 2)]
    model.take([*items, beat(3.0, "bridge", 2, duplicates=1, moco=1, volumes_planned=90)], 3.0)
    scan = model.board(3.0).scan
    tallies = {t.words: t.number for t in scan.tallies}
    assert (tallies["duplicates"], tallies["left out"]) == (3, 1)
    assert tallies["second series"] == 1
    assert scan.planned == 90


def test_the_scan_is_told_by_the_newest_figures() -> None:
    model = RunModel(plan())
    values = {"volumes": 7.0, "volumes_lost": 1.0, "tr_announced_s": 2.0, "fd_high_mm": 0.9}
    model.take([("acquisition", made(Quality, 1.0, index=7, t_data=16.0, values=values))], 1.0)
    values = {"tr_measured_s": 2.5, "fd_mm": 0.1}
    model.take([("acquisition", made(Quality, 1.0, index=8, t_data=18.0, values=values))], 1.0)
    board = model.board(1.0)
    assert (board.scan.volumes, board.scan.tr_announced_s, board.scan.tr_measured_s) == (
        7,
        2.0,
        2.5,
    )
    assert next(t.number for t in board.scan.tallies if t.words == "lost") == 1
    assert board.fd_limits_mm == (0.2, 0.9), "a bundle's own limit wins"
    assert tr_differs(board.scan)


def test_without_regions_the_first_features_are_plotted() -> None:
    model = RunModel(plan())
    model.take([features(1.0, 0)], 1.0)
    assert list(model.plotted().regions) == ["feature 1", "feature 2", "feature 3"]


def command(action: str = "blank") -> Message:
    return made(Command, 0.0, id=action, action=action)


def reply(key: str) -> Reply:
    fields = {"run": "r", "seq": 0, "t_acquired": 0.0, "t_sent": 0.0, "producer": "gate"}
    return Reply(**fields, id=key, ok=True, text="")


def test_a_request_is_sent_once_more_and_then_given_up() -> None:
    requests = Requests()
    requests.asked(command(), 0.0)
    assert requests.overdue(DEADLINE_S - 0.01) == ([], [])
    again, lost = requests.overdue(DEADLINE_S)
    assert [m.header.id for m in again] == ["blank"]
    assert lost == []
    again, lost = requests.overdue(2 * DEADLINE_S)
    assert again == []
    assert [c.action for c in lost] == ["blank"]
    assert requests.answered(reply("blank")) is None, "too late"


def test_an_answer_ends_a_request() -> None:
    requests = Requests()
    requests.asked(command(), 0.0)
    found = requests.answered(reply("blank"))
    assert found is not None
    assert found.action == "blank"
    assert requests.overdue(99.0) == ([], [])


def test_the_model_needs_no_qt() -> None:
    code = (
        "import sys, gui.model, gui.alarms, gui.latch, gui.slices, gui.actions, gui.words\n"
        "import gui.screens, gui.platform\n"
        "print([m for m in sys.modules if m.startswith(('PySide6', 'pyqtgraph'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
