"""Pause, markers and the phase that every view and grant tells."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phosphene.bus import Publisher
from phosphene.consent import Scope
from phosphene.messages import Event, Message, Quality
from phosphene.plan import SINKS
from tests.unit.test_gate_node import Bench, make_plan
from tests.unit.test_gate_orders import made, newest_grant

EVERYTHING = frozenset(Scope)
STOP_DEVICE = {"demanded": True, "keyboard": "/dev/null"}


@contextlib.contextmanager
def gate(folder: Path, **tables: Any) -> Iterator[Bench]:
    b = made(folder, **tables)
    try:
        yield b
    finally:
        b.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        yield Path(path)


def test_a_pause_blanks_and_stops_decoding_until_the_operator_resumes(folder: Path) -> None:
    with gate(folder) as b:
        b.beat()
        assert b.seen("self")[1].phase == "running"
        assert b.ask("pause").ok
        b.frame(1)
        for sink in SINKS:
            frames, view = b.seen(sink)
            assert frames == []
            assert not view.passing
            if sink != "observer":
                assert (view.reason, view.phase) == ("paused by the operator", "paused")
        grant = newest_grant(b)
        assert (grant.decode, grant.phase) == (False, "paused")
        assert "paused" in grant.reason
        assert grant.scopes, "recording goes on"
    with gate(folder) as b:  # a gate that was started again
        b.beat()
        assert b.seen("self")[1].phase == "paused"
        assert b.ask("resume").ok
        b.beat()
        b.frame(2)
        frames, view = b.seen("self")
        assert (len(frames), view.phase) == (1, "running")
        assert newest_grant(b).decode
    with gate(folder) as b:
        assert not b.gate.policy.paused


def test_a_blank_is_told_before_a_pause_and_both_have_to_be_taken_back(folder: Path) -> None:
    with gate(folder) as b:
        b.beat()
        b.ask("pause")
        b.ask("blank", reason="wait")
        assert b.seen("operator")[1].phase == "blanked"
        b.ask("unblank")
        b.beat()
        _frames, view = b.seen("operator")
        assert (view.passing, view.phase) == (False, "paused")
        b.ask("resume")
        b.beat()
        assert b.seen("operator")[1].passing


def test_the_phase_follows_armed_running_stopped_and_the_participants_yes(folder: Path) -> None:
    with gate(folder, stop=STOP_DEVICE) as b:
        phases = [b.gate.policy.phase]
        for act in (
            lambda: b.gate.policy.latch.hear(5, 1),
            lambda: b.ask("begin"),
            lambda: b.gate.policy.latch.hear(5, 2),
            lambda: b.ask("unblank"),
            lambda: b.ask("pause"),
            lambda: b.ask("confirm", person="p01", agreed="yes"),
            lambda: b.ask("unblank"),
            lambda: b.ask("resume"),
        ):
            act()
            phases.append(b.seen("self")[1].phase)
        wanted = ["armed", "armed", "running", *["stopped"] * 3, "blanked", "paused", "running"]
        assert phases == wanted
        b.gate.policy.withdraw("the consent was withdrawn")
        assert newest_grant(b).phase == "stopped"


def timed(b: Bench, t_data: float) -> Publisher:
    """Tell the gate what time it is on the recording's axis."""
    acquisition = Publisher(b.zmq, b.context.endpoint("acquisition"))
    acquisition.wait_for_subscribers(b"quality", 1, 5)
    acquisition.send(Message(Quality(**b.stamp("acquisition"), index=0, t_data=t_data, values={})))
    b.settle(b.gate._events.socket)
    return acquisition


def test_a_marker_is_an_event_of_the_gate_told_recorded_and_stamped(folder: Path) -> None:
    with gate(folder) as b:
        assert "no data" in b.ask("marker", text="too early").text
        acquisition = timed(b, 12.0)
        b.clock.advance(0.5)
        assert b.ask("marker", text=" coughs\n twice \x07").ok
        (event,) = b.recorded(Event)
        header = event.header
        assert (header.label, header.stream, header.producer) == ("coughs twice", "marker", "gate")
        assert header.t_data == pytest.approx(12.5)
        heard: list[Message] = []
        while not any(isinstance(m.header, Event) for m in heard):
            assert b.grants.socket.poll(2000)
            heard += b.grants.receive()
        acquisition.close()


def test_markers_are_bounded_in_length_and_rate(folder: Path) -> None:
    with gate(folder) as b:
        acquisition = timed(b, 1.0)
        for text in ("", " \n", "x" * 201):
            assert "characters" in b.ask("marker", text=text).text
        assert all(b.ask("marker", text="x" * 200).ok for _ in range(5))
        assert "in a second" in b.ask("marker", text="sixth").text
        b.clock.advance(1.1)
        assert b.ask("marker", text="sixth").ok
        assert len(b.recorded(Event)) == 6
        acquisition.close()


def test_no_file_name_gets_into_a_marker_and_no_marker_into_the_audit_log(folder: Path) -> None:
    private = folder / "Muster_Erika" / "Muster_Erika.nii"
    private.parent.mkdir()
    private.touch()
    plan = make_plan(folder, EVERYTHING, audit=folder / "audit")
    source = plan.session.source.model_copy(update={"path": private})
    session = plan.session.model_copy(update={"source": source})
    b = Bench(plan.model_copy(update={"session": session}))
    try:
        acquisition = timed(b, 1.0)
        assert b.ask("marker", text=f"Muster_Erika moved, see {private} quagga").ok
        (event,) = b.recorded(Event)
        assert "quagga" in event.header.label
        assert "Erika" not in event.header.label
        acquisition.close()
    finally:
        b.close()
    lines = "".join(p.read_text(errors="replace") for p in (folder / "audit").rglob("*.jsonl"))
    assert "marker" in lines
    assert "quagga" not in lines
    assert "Erika" not in lines
