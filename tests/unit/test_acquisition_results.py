from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zmq

from acquisition.results.node import Permission, ResultNode
from acquisition.results.outlet import STATES, Result
from phosphene.bus import Publisher, Pusher, Subscriber
from phosphene.clock import FakeClock
from phosphene.consent import Consent, Scope
from phosphene.gate.node import GateNode
from phosphene.gate.policy import GatePolicy
from phosphene.gate.results import score_of
from phosphene.messages import Beat, Command, Message, Percept, View
from phosphene.node import NodeContext
from phosphene.plan import Plan

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class Kept:
    """Stands in for the LSL streams."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Result | None]] = []
        self.repeats: list[str] = []
        self.closed = False

    def push(self, state: str, result: Result | None, stamp_s: float) -> None:
        self.told.append((state, result))

    def repeat(self, state: str, stamp_s: float) -> None:
        self.repeats.append(state)

    def close(self) -> None:
        self.closed = True


def stamp(now: float, producer: str) -> dict[str, Any]:
    return {"run": "r", "seq": 0, "t_acquired": now, "t_sent": now, "producer": producer}


def percept(now: float, index: int = 3) -> Percept:
    return Percept(
        **stamp(now, "decoder"), index=index, t_data=4.5, t_seen=4.0, t_features=now,
        confidence=0.7, label="face", probabilities={"face": 0.8, "house": 0.2}, bundle="b",
    )  # fmt: skip


class Bench:
    """Gate and outlets in this process; the test plays decoder and supervisor."""

    def __init__(self, folder: Path, scopes: frozenset[Scope], *, stream: bool = True) -> None:
        session = {
            "person": "p01",
            "modality": "eeg",
            "source": {"kind": "recording", "path": "x"},
            "results": {"stream": stream, "target": "house"},
        }
        consent = Consent(person="p01", scopes=scopes, expires=NOW + timedelta(hours=1))
        plan = Plan.model_validate(
            {"run": "r", "folder": folder, "mode": "pilot", "session": session,
             "nodes": ("gate", "outlets"), "consent": consent}
        )  # fmt: skip
        self.clock = FakeClock(100.0)
        self.context = NodeContext("gate", plan, self.clock)
        self.own = NodeContext("outlets", plan, self.clock)
        self.zmq: zmq.Context[Any] = zmq.Context()
        self.decoder = Publisher(self.zmq, self.context.endpoint("decoder"))
        self.gate = GateNode(self.context, lambda: NOW)
        self.kept = Kept()
        self.node = ResultNode(self.own, self.kept)
        self.bonds = Pusher(self.zmq, self.context.endpoint("bonds"))
        self.decoder.wait_for_subscribers(b"percept", 1, 5)
        self.gate._results._publisher.wait_for_subscribers(b"feedback", 1, 5)
        self.spy = Subscriber(self.zmq, [self.context.endpoint("view-stream")], [b"frame"])

    def beat(self) -> None:
        for name in ("supervisor", "outlets"):
            beat = Beat(**stamp(self.clock.now(), name), pid=1, state="running", counts={})
            self.bonds.send(Message(beat))
        assert self.gate._bonds.socket.poll(2000)
        while self.gate._bonds.socket.poll(50):
            self.gate.step()
        self.views()

    def views(self) -> None:
        """Let the gate speak and the outlets hear it."""
        self.clock.advance(0.1)
        self.gate.step()
        assert self.node._inlet.socket.poll(2000)
        # A word and a result that passed come one after the other.
        while self.node._inlet.socket.poll(100):
            self.node.step()

    def decode(self, index: int) -> None:
        self.decoder.send(Message(percept(self.clock.now(), index)))
        assert self.gate._percepts.socket.poll(2000)
        self.views()

    def until_results(self, count: int) -> None:
        """Let the outlets hear until so many results have come."""
        while len(self.results()) < count:
            assert self.node._inlet.socket.poll(5000), f"only {len(self.results())} results"
            self.node.step()

    def results(self) -> list[Result]:
        return [result for _, result in self.kept.told if result is not None]

    def close(self) -> None:
        self.node.close()
        self.gate.close()
        self.context.close()
        self.own.close()
        for socket in (self.decoder, self.bonds, self.spy):
            socket.close()
        self.zmq.term()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        yield Path(path)


def test_results_leave_only_under_their_own_scope(folder: Path) -> None:
    b = Bench(folder, frozenset(Scope))
    try:
        b.beat()
        assert [state for state, _ in b.kept.told] == ["idle"]
        b.decode(3)
        (result,) = b.results()
        assert (result.score, result.confidence, result.label) == (0.2, 0.7, "face")
        assert (result.index, result.t_data) == (3, 4.5)
        b.gate.command(Command(**stamp(100, "gui"), id="1", action="blank"))
        b.views()
        assert b.kept.told[-1] == ("blanked", None)
        b.decode(4)
        assert len(b.results()) == 1
        assert b.gate.counts()["results_blanked"] == 1
        b.gate.command(Command(**stamp(100, "gui"), id="2", action="unblank"))
        b.views()
        assert b.kept.told[-1] == ("running", None)
        b.clock.advance(0.8)  # the gate has fallen silent
        b.node.step()
        assert b.kept.told[-1] == ("blanked", None)
        b.clock.advance(1.0)
        b.node.step()
        assert b.kept.repeats[-1] == "blanked"
    finally:
        b.close()
    assert b.kept.told[-1] == ("ended", None)
    assert b.kept.closed


@pytest.mark.parametrize(
    ("scopes", "stream"),
    [
        (frozenset(Scope) - {Scope.STREAM_RESULTS}, True),
        (frozenset[Scope](), True),
        (frozenset(Scope), False),
    ],
)
def test_without_scope_or_setting_nothing_leaves(
    folder: Path, scopes: frozenset[Scope], stream: bool
) -> None:
    b = Bench(folder, scopes, stream=stream)
    try:
        b.beat()
        b.decode(3)
        assert b.kept.told == [("blanked", None)]
    finally:
        b.close()


def test_results_without_the_gates_word_are_refused(folder: Path) -> None:
    b = Bench(folder, frozenset(Scope))
    try:
        b.beat()
        b.decode(3)
        b.until_results(1)
        b.clock.advance(1.0)
        b.gate._results.send(b.context, Message(percept(b.clock.now(), 4)))
        assert b.node._inlet.socket.poll(2000)
        b.node.step()
        assert b.node.counts()["results_refused"] == 1
        assert len(b.results()) == 1
    finally:
        b.close()


def test_a_score_is_the_targets_probability() -> None:
    assert score_of(percept(0.0), "face") == 0.8
    assert score_of(percept(0.0), "cat") == 0.0
    assert score_of(percept(0.0), None) == 0.7


def test_permission_ends_by_itself() -> None:
    held = Permission(10.0)
    assert held.state(0.0) == "blanked"
    held.result(9.0)
    view = View(**stamp(10.0, "gate"), sink="stream", passing=True, reason="", passed=0)
    held.hear(view)
    assert [held.state(t) for t in (10.0, 10.7, 10.8)] == ["running", "running", "blanked"]


def test_a_state_says_running_only_while_results_are_fresh() -> None:
    held = Permission(10.0)

    def at(now_s: float) -> str:
        view = View(**stamp(now_s, "gate"), sink="stream", passing=True, reason="", passed=0)
        held.hear(view)
        return held.state(now_s)

    assert at(0.0) == at(60.0) == "idle"  # permitted, but no bundle or no data
    held.result(60.0)
    assert [at(t) for t in (60.5, 70.0, 70.1, 145.0)] == ["running", "running", "stale", "stale"]
    held.result(146.0)
    assert at(146.2) == "running"


def test_the_streams_tell_when_the_amplifier_is_dead(folder: Path) -> None:
    b = Bench(folder, frozenset(Scope))
    try:
        b.beat()
        b.decode(3)
        b.clock.advance(85.0)
        b.beat()
        assert b.kept.told[-1] == ("stale", None)
        b.decode(4)
        assert b.kept.told[-1][0] == "running"
    finally:
        b.close()
    assert STATES.index("running") == 1  # readers count on the numbers
    assert [STATES.index(s) for s in ("blanked", "ended", "idle", "stale")] == [0, 2, 3, 4]


def test_streaming_alone_is_a_reason_to_decode() -> None:
    consent = Consent(
        person="p01", scopes=frozenset({Scope.STREAM_RESULTS}), expires=NOW + timedelta(hours=1)
    )
    for level, decode in ((4, True), (0, False)):
        policy = GatePolicy((), 0.75, "p01", consent, {"stream": level})
        assert policy.may_decode(NOW, 0.0)[0] is decode
        assert policy.verdict("stream", 0.0, NOW).passing is decode
        assert not policy.verdict("self", 0.0, NOW).passing
