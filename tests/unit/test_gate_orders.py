"""The gate with everything around it on real sockets: holding, blocks, roles, cards, falls."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.bus import Publisher
from phosphene.consent import Scope
from phosphene.gate.card import GREY, MARK, no_decode_card
from phosphene.gate.orders import OPENING
from phosphene.gate.roles import ACTIONS, ROLES, may, role_named
from phosphene.messages import (
    Beat,
    Command,
    Event,
    Frame,
    Grant,
    Message,
    Reply,
    View,
    decode,
    encode,
)
from phosphene.plan import SINKS
from tests.unit.test_gate_node import VIEW_SCOPES, Bench, make_plan

EVERYTHING = frozenset(Scope)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        yield Path(path)


def made(folder: Path, *, mode: str = "pilot", **session: dict[str, Any]) -> Bench:
    plan = make_plan(folder, EVERYTHING, mode=mode, nodes=("gate", "renderer", "sink", "recorder"))
    fields = plan.session.model_dump(mode="json", exclude_unset=True)
    for part, values in session.items():
        fields[part] = {**fields.get(part, {}), **values}
    return Bench(type(plan).model_validate({**plan.model_dump(), "session": fields}))


def later(b: Bench, seconds: float) -> None:
    """Let time pass with everybody alive."""
    for _ in range(round(seconds / 0.2)):
        b.clock.advance(0.2)
        b.beat()


def newest_grant(b: Bench) -> Grant:
    b.clock.advance(0.3)
    b.gate.step()
    grants: list[Grant] = []
    while not grants or grants[-1].t_sent < b.clock.now():
        assert b.grants.socket.poll(2000)
        grants += [m.header for m in b.grants.receive() if isinstance(m.header, Grant)]
    return grants[-1]


def pressed(b: Bench, presses: int, pid: int = 5) -> None:
    beat = Beat(**b.stamp("stop"), pid=pid, state="running", counts={"presses": presses})
    b.bonds.send(Message(beat))
    b.settle(b.gate._bonds.socket)


def ask_as(b: Bench, identity: bytes, action: str, **arguments: str) -> Reply:
    socket: zmq.Socket[bytes] = b.zmq.socket(zmq.DEALER)
    # Of two with the same name the second would not be heard.
    socket.identity, socket.linger = identity + b"-%d" % next(b._seq), 0
    socket.connect(b.context.endpoint("gate-control"))
    try:
        command = Command(**b.stamp("x"), id="1", action=action, arguments=arguments)
        socket.send_multipart(encode(Message(command)))
        b.settle(b.gate._desk.socket)
        assert socket.poll(2000)
        reply: Reply = decode(socket.recv_multipart()).header
        return reply
    finally:
        socket.close()


def test_what_is_withheld_when_the_participant_stops_is_never_recorded(folder: Path) -> None:
    b = made(folder, stop={"keyboard": "/dev/null", "withhold_s": 2})
    try:
        b.beat()
        b.frame(1)
        later(b, 3)
        b.frame(2)
        pressed(b, 1)
        later(b, 3)
        assert [m.header.seed for m in b.recorded(Frame)] == [1]
        assert not newest_grant(b).decode
    finally:
        b.close()


def test_observers_see_a_frame_only_after_release_and_delay(folder: Path) -> None:
    b = made(folder, gate={"observer_release": "manual", "observer_delay_s": 2})
    try:
        b.beat()
        b.frame(1)
        assert len(b.seen("self")[0]) == 1
        later(b, 3)
        assert b.seen("observer")[0] == []
        b.frame(2)
        assert b.ask("release").ok
        later(b, 1.5)
        assert b.seen("observer")[0] == [], "the delay begins with the release"
        later(b, 1)
        assert [m.header.seed for m in b.seen("observer")[0]] == [1]
        later(b, 2)
        assert b.seen("observer")[0] == []
        later(b, 1)
        assert [m.header.seed for m in b.seen("observer")[0]] == [2], "at the pace of their coming"
        b.frame(3)
        b.ask("release")
        pressed(b, 1)
        assert b.ask("confirm", person="p01", agreed="yes").ok
        assert b.ask("unblank").ok
        later(b, 3)
        assert b.seen("observer")[0] == []
        assert b.gate.counts()["frames_held"] == 0
    finally:
        b.close()


def test_outside_of_blocks_nothing_is_decoded_or_shown(folder: Path) -> None:
    b = made(folder, gate={"task": {"on": True, "begin": ["imagine"], "end": ["rest"]}})
    acquisition = Publisher(b.zmq, b.context.endpoint("acquisition"))
    try:
        acquisition.wait_for_subscribers(b"event", 1, 5)

        def event(label: str, duration_s: float | None = None) -> None:
            header = Event(
                **b.stamp("acquisition"), t_data=0, label=label, stream="s", duration_s=duration_s
            )
            acquisition.send(Message(header))
            assert b.gate._events is not None
            b.settle(b.gate._events.socket)

        b.beat()
        b.frame(1)
        frames, view = b.seen("self")
        assert (frames, view.reason) == ([], "between blocks of the protocol")
        assert not newest_grant(b).decode
        event("imagine")
        b.beat()
        assert newest_grant(b).decode
        b.frame(2)
        assert len(b.seen("self")[0]) == 1
        event("rest")
        assert "between blocks" in newest_grant(b).reason
        b.beat()
        assert b.ask("open-block", seconds="5").ok
        assert newest_grant(b).decode
        b.clock.advance(5)
        assert not newest_grant(b).decode
        assert not b.ask("open-block", seconds="long").ok
    finally:
        acquisition.close()
        b.close()


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_ask_for_its_own_actions_only(folder: Path, role: str) -> None:
    b = made(folder, gate={"task": {"on": True}})
    try:
        b.beat()
        for action in ACTIONS:
            reply = ask_as(b, f"{role}-7".encode(), action, person="p01", agreed="yes")
            refused = f"{action}: got {role!r}" in reply.text
            assert refused != may(role, action), reply.text  # type: ignore[arg-type]
            assert not (refused and reply.ok)
        assert not ask_as(b, role.encode(), "format the disk").ok
    finally:
        b.close()


def test_the_matrix_gives_resuming_to_the_operator_and_stopping_to_the_participant() -> None:
    resuming = ("unblank", "begin", "confirm", "open-block")
    assert all(ACTIONS[action] == {"operator"} for action in resuming)
    assert {a for a in ACTIONS if may("participant", a)} == {"status", "stop", "blank"}
    assert {a for a in ACTIONS if may("observer", a)} == {"status"}
    assert "operator" not in {role_named(b"observer"), role_named(b"participant-2")}
    assert role_named(b"\x00k\x8b") == "operator"


def test_below_the_threshold_a_card_goes_out_and_nothing_of_the_picture(folder: Path) -> None:
    b = made(folder, renderer={"min_confidence": 0.95}, gate={"observer_release": "live"})
    try:
        b.beat()
        b.frame(1)  # its confidence is 0.9
        for sink in SINKS:
            ((frame,), _view) = b.seen(sink)
            assert frame.header.state == "neutral"
            assert np.array_equal(frame.arrays["picture"], no_decode_card(64, 64))
        (kept,) = b.recorded(Frame)
        assert set(np.unique(kept.arrays["picture"])) == {GREY, MARK}
        assert b.gate.counts()["frames_carded"] == 1
    finally:
        b.close()


@pytest.mark.parametrize(("mode", "confirmed"), [("live", True), ("pilot", False)])
def test_after_a_fall_a_live_run_waits_for_the_operator(
    folder: Path, mode: str, confirmed: bool
) -> None:
    b = made(folder, mode=mode)
    try:
        b.beat()
        b.frame(1)
        assert len(b.seen("self")[0]) == 1
        b.bonds.send(Message(Beat(**b.stamp("renderer"), pid=2, state="running", counts={})))
        b.settle(b.gate._bonds.socket)
        b.frame(2)
        frames, view = b.seen("self")
        assert len(frames) == (not confirmed)
        assert ("renderer fell" in view.reason) == confirmed
        b.ask("unblank")
        b.frame(3)
        assert len(b.seen("self")[0]) == 1
    finally:
        # The gate itself, closed in order: so does one that an error or a signal ends.
        b.close()
    b = made(folder, mode=mode)
    try:
        b.beat()
        b.frame(4)
        assert len(b.seen("self")[0]) == (not confirmed)
    finally:
        b.close()


@given(
    scopes=st.frozensets(st.sampled_from(list(Scope))),
    # A session whose observers would see more than the operator is refused.
    levels=st.tuples(*[st.integers(0, 4)] * 3).filter(lambda level: level[2] <= level[1]),
)
@settings(max_examples=12)
def test_no_frame_reaches_a_sink_outside_its_scope_or_above_its_level(
    scopes: frozenset[Scope], levels: tuple[int, int, int]
) -> None:
    most_bytes = {0: 0, 1: 3, 2: 8 * 8 * 3, 3: 32 * 32 * 3, 4: 64 * 64 * 3}
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        b = Bench(make_plan(Path(path), scopes, levels))
        try:
            b.beat()
            b.frame(1)
            for sink, level in zip(SINKS, levels, strict=True):
                frames, view = b.seen(sink)
                allowed = VIEW_SCOPES[sink] in scopes and level > 0
                assert (len(frames), view.passing) == (allowed, allowed)
                assert all(f.arrays["picture"].nbytes == most_bytes[level] for f in frames)
            assert len(b.recorded(Frame)) == (Scope.RECORD_IMAGES in scopes)
        finally:
            b.close()


def test_every_decision_is_a_line_of_the_audit_log(folder: Path) -> None:
    plan = make_plan(folder, EVERYTHING, audit=folder / "audit")
    b = Bench(plan)
    try:
        b.beat()
        ask_as(b, b"observer", "unblank")
        pressed(b, 1)
        assert not b.ask("confirm", person="p01", agreed="no").ok
        b.ask("confirm", person="p01", agreed="yes")
        b.ask("unblank")
    finally:
        b.close()
    told = (folder / "audit").rglob("*")
    text = "".join(p.read_text(errors="replace") for p in told if p.is_file())
    for word in ("participant stop", "stopped", "device", "refused", "observer", "confirm"):
        assert word in text, word
    lines = text.splitlines()
    assert sum("refused" in line and "confirm" in line for line in lines) == 1


@pytest.mark.parametrize("opening", sorted(OPENING))
def test_an_order_that_waited_opens_nothing(folder: Path, opening: str) -> None:
    b = made(folder, gate={"task": {"on": True}, "observer_release": "manual"})
    given = {"person": "p01", "agreed": "yes"}

    def ask(action: str, t_sent: float) -> Reply:
        stamp = {**b.stamp("gui"), "t_sent": t_sent}
        command = Command(**stamp, id="1", action=action, arguments=given)
        b.operator.send_multipart(encode(Message(command)))
        b.settle(b.gate._desk.socket)
        assert b.operator.poll(2000)
        reply: Reply = decode(b.operator.recv_multipart()).header
        return reply

    try:
        begun_s = b.clock.now()
        assert "Look, and ask again" in ask(opening, begun_s - 0.1).text, "before this gate's time"
        b.clock.advance(1)
        if opening == "confirm":
            pressed(b, 1)
        assert ask("blank", begun_s + 0.8).ok
        b.clock.advance(0.5)
        for t_sent in (begun_s + 0.7, float("nan")):  # sent once more: it was before the blank
            reply = ask(opening, t_sent)
            assert (reply.ok, "Look, and ask again" in reply.text) == (False, True)
            assert b.gate.policy.blanked is not None
        b.clock.advance(2)
        assert not ask(opening, begun_s + 1.0).ok, "too long ago"
        assert ask(opening, b.clock.now() - 1.0).ok
    finally:
        b.close()


def test_observers_are_not_told_why_they_see_nothing(folder: Path) -> None:
    b = made(folder, gate={"observer_release": "live"})
    try:
        b.beat()
        b.frame(1)
        assert len(b.seen("observer")[0]) == 1
        ask_as(b, b"operator", "blank", reason="Jane feels ill")
        told = [b.seen("observer")[1]]
        assert b.seen("operator")[1].reason == "Jane feels ill"
        pressed(b, 1)
        told.append(b.seen("observer")[1])
        assert b.seen("operator")[1].phase == "stopped"
        for view in told:
            assert (view.passing, view.reason, view.phase) == (
                False, "nothing is shown at present", "")  # fmt: skip
        kept = {m.header.reason for m in b.recorded(View) if m.header.sink == "observer"}
        assert "the participant pressed stop" in kept, "the recording knows"
    finally:
        b.close()


@pytest.mark.parametrize("asked", [True, False])
def test_what_is_withheld_when_the_gate_fails_is_not_recorded(folder: Path, asked: bool) -> None:
    b = made(folder, mode="live", stop={"keyboard": "/dev/null", "withhold_s": 2})
    try:
        b.beat()
        b.frame(1)
        later(b, 3)
        b.frame(2)
        b.context.stopping = asked
        b.gate.close()  # the shell does it after an error, too
        kept = []
        while b.records.socket.poll(200):
            kept += [m.header.seed for m in b.records.receive() if isinstance(m.header, Frame)]
        assert kept == ([1, 2] if asked else [1])
    finally:
        b.close()
