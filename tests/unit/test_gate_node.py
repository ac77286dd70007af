from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from phosphene.bus import Publisher, Puller, Pusher, Subscriber
from phosphene.clock import FakeClock
from phosphene.consent import Consent, Scope
from phosphene.gate.door import NOTHING_NOW
from phosphene.gate.node import GateNode
from phosphene.messages import (
    Beat,
    Command,
    Frame,
    Message,
    Reply,
    View,
    decode,
    describe,
    encode,
)
from phosphene.node import NodeContext
from phosphene.plan import SINKS, Plan
from phosphene.session import GateSettings

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
PEERS = ("renderer", "sink", "recorder")
VIEW_SCOPES = {s: Scope(f"view_{s}") for s in SINKS}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        yield Path(path)


def make_plan(
    folder: Path, scopes: frozenset[Scope], levels: tuple[int, int, int] = (4, 4, 4), **changes: Any
) -> Plan:
    gate = dict(zip(("level_self", "level_operator", "level_observer"), levels, strict=True))
    session = {
        "person": "p01",
        "modality": "fmri",
        "source": {"kind": "recording", "path": "x"},
        "gate": {**gate, "observer_release": "live"},
    }
    consent = Consent(person="p01", scopes=scopes, expires=NOW + timedelta(hours=1))
    fields: dict[str, Any] = {"nodes": ("gate", *PEERS), "consent": consent, "out": folder}
    return Plan.model_validate(
        {"run": "r", "folder": folder, "mode": "pilot", "session": session, **fields, **changes}
    )


class Bench:
    """A gate with everything around it: renderer, sinks, recorder and the other nodes."""

    def __init__(self, plan: Plan) -> None:
        self.clock = FakeClock(100.0)
        self.wall = NOW
        self.context = NodeContext("gate", plan, self.clock)
        self.zmq: zmq.Context[Any] = zmq.Context()
        end = self.context.endpoint
        self.renderer = Publisher(self.zmq, end("renderer"))
        self.records = Puller(self.zmq, end("records"))
        self.gate = GateNode(self.context, lambda: self.wall)
        self.bonds = Pusher(self.zmq, end("bonds"))
        self.views = {s: Subscriber(self.zmq, [end(f"view-{s}")], [b""]) for s in SINKS}
        self.grants = Subscriber(self.zmq, [end("grants")], [b""])
        self.operator: zmq.Socket[bytes] = self.zmq.socket(zmq.DEALER)
        self.operator.connect(end("gate-control"))
        self.renderer.wait_for_subscribers(b"frame", 1, 5)
        for door in self.gate._doors.values():
            door._publisher.wait_for_subscribers(b"frame", 1, 5)
        self.gate._grants.wait_for_subscribers(b"grant", 1, 5)
        self._seq = itertools.count()
        self._beats = 0
        self._count_beats()

    def _count_beats(self) -> None:
        """Count the beats that the gate takes in: several do not arrive all at once."""
        taken = self.gate._ears.beats

        def counted() -> Iterator[Message]:
            for message in taken():
                self._beats += 1
                yield message

        self.gate._ears.beats = counted  # type: ignore[method-assign]

    def stamp(self, producer: str) -> dict[str, Any]:
        now = self.clock.now()
        seq = next(self._seq)
        return {"run": "r", "seq": seq, "t_acquired": now, "t_sent": now, "producer": producer}

    def beat(self, *names: str, state: Any = "running") -> None:
        sending = names or ("supervisor", *PEERS)
        all_taken = self._beats + len(sending)
        for name in sending:
            self.bonds.send(Message(Beat(**self.stamp(name), pid=1, state=state, counts={})))
        while self._beats < all_taken:
            assert self.gate._bonds.socket.poll(2000), "nothing arrived at the gate"
            self.gate._take_beats()  # and nothing else: half of the peers would be missing
        self.gate.step()

    def painted(self, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)

    def frame(self, seed: int = 0, confidence: float = 0.9) -> np.ndarray:
        picture = self.painted(seed)
        arrays = {"picture": picture}
        specs = describe(arrays, {"picture": ("height", "width", "colour")}, {})
        header = Frame(
            **self.stamp("renderer"), arrays=specs, t_due=0, t_rendered=0, late=False, skipped=0,
            render_ms=1.0, state="picture", percept_seq=seed, percept_index=seed,
            confidence=confidence, age_s=0.1, t_percept=0.0, seed=seed, model="m",
        )  # fmt: skip
        self.renderer.send(Message(header, arrays))
        self.settle(self.gate._frames.socket)
        return picture

    def settle(self, socket: zmq.Socket[bytes]) -> None:
        """Let the gate work once something has arrived at one of its sockets."""
        assert socket.poll(2000), "nothing arrived at the gate"
        self.gate.step()

    def ask(self, action: str, **arguments: str) -> Any:
        command = Command(**self.stamp("gui"), id="1", action=action, arguments=arguments)
        self.operator.send_multipart(encode(Message(command)))
        self.settle(self.gate._desk.socket)
        assert self.operator.poll(2000)
        return decode(self.operator.recv_multipart()).header

    def seen(self, sink: str) -> tuple[list[Message], Any]:
        """Return the frames a sink has got, and the newest view before this call's mark."""
        mark = self.gate._doors[sink]._views
        self.clock.advance(0.1)
        self.gate.step()
        frames: list[Message] = []
        while True:
            assert self.views[sink].socket.poll(2000), "no view arrived"
            for message in self.views[sink].receive():
                if isinstance(message.header, Frame):
                    frames.append(message)
                elif isinstance(message.header, View) and message.header.seq >= mark:
                    return frames, message.header

    def recorded(self, kind: type) -> list[Message]:
        # What the gate sends now comes after all it has recorded.
        mark = f"mark-{next(self._seq)}"
        now = self.clock.now()
        self.gate._keeper.records.send(
            self.context.message(Reply, t_acquired=now, id=mark, ok=True, text="")
        )
        found: list[Message] = []
        while True:
            assert self.records.socket.poll(2000), "nothing arrived at the recorder"
            for message in self.records.receive():
                if getattr(message.header, "id", "") == mark:
                    return found
                if isinstance(message.header, kind):
                    found.append(message)

    def close(self) -> None:
        self.gate.close()
        self.context.close()
        for socket in (self.renderer, self.records, self.bonds, self.grants, *self.views.values()):
            socket.close()
        self.operator.close(linger=0)
        self.zmq.term()


@contextlib.contextmanager
def bench(*arguments: Any, **changes: Any) -> Iterator[Bench]:
    made = Bench(make_plan(*arguments, **changes))
    try:
        yield made
    finally:
        made.close()


SUBSETS = [
    frozenset(c)
    for n in range(4)
    for c in itertools.combinations([*VIEW_SCOPES.values(), Scope.RECORD_IMAGES], n)
]


@pytest.mark.parametrize("scopes", SUBSETS, ids=lambda s: "+".join(sorted(s)) or "none")
def test_pixels_reach_exactly_the_sinks_that_the_consent_names(
    folder: Path, scopes: frozenset[Scope]
) -> None:
    with bench(folder, scopes) as b:
        b.beat()
        picture = b.frame()
        for sink in SINKS:
            frames, view = b.seen(sink)
            wanted = VIEW_SCOPES[sink] in scopes
            assert len(frames) == wanted
            assert view.passing == wanted
            assert view.passed == len(frames)
            for message in frames:
                assert np.array_equal(message.arrays["picture"], picture)
                assert (message.header.sink, message.header.level) == (sink, 4)
        kept = b.recorded(Frame)
        assert [m.header.sink for m in kept] == ["recorder"] * (Scope.RECORD_IMAGES in scopes)
        counts = b.gate.counts()
        assert counts["frames_seen"] == 1
        assert counts["frames_passed"] == bool(scopes & set(VIEW_SCOPES.values()))


def test_levels_shape_what_each_sink_receives(folder: Path) -> None:
    with bench(folder, frozenset(Scope), (3, 2, 1)) as b:
        b.beat()
        b.frame()
        shapes = {s: [m.arrays["picture"].shape for m in b.seen(s)[0]] for s in SINKS}
        assert shapes == {"self": [(32, 32, 3)], "operator": [(8, 8, 3)], "observer": [(1, 1, 3)]}


def test_without_a_setting_the_operator_sees_coarse_pictures_and_observers_none(
    folder: Path,
) -> None:
    plan = make_plan(folder, frozenset(Scope))
    gate = GateSettings(observer_release="live")
    session = plan.session.model_copy(update={"gate": gate})
    b = Bench(plan.model_copy(update={"session": session}))
    try:
        b.beat()
        b.frame()
        seen = {s: [m.arrays["picture"] for m in b.seen(s)[0]] for s in SINKS}
        shapes = {s: [p.shape for p in pictures] for s, pictures in seen.items()}
        assert shapes == {"self": [(64, 64, 3)], "operator": [(32, 32, 3)], "observer": []}
        assert seen["operator"][0].nbytes <= 3 * 1024
    finally:
        b.close()


def test_a_lost_bond_blanks_within_a_second_and_comes_back(folder: Path) -> None:
    with bench(folder, frozenset(Scope)) as b:
        b.beat()
        b.frame(1)
        assert len(b.seen("self")[0]) == 1
        b.clock.advance(0.5)
        b.beat("supervisor", "sink", "recorder")
        b.clock.advance(0.3)
        b.frame(2)
        frames, view = b.seen("self")
        assert (frames, view.passing) == ([], False)
        assert view.reason == "renderer: no sign of life for more than 0.75 s"
        assert b.gate.counts()["frames_blanked"] == 1
        b.beat()
        b.frame(3)
        assert [m.header.seed for m in b.seen("self")[0]] == [3]


def test_blank_is_latched_answered_and_survives_a_restart_of_the_gate(folder: Path) -> None:
    with bench(folder, frozenset(Scope)) as b:
        b.beat()
        reply = b.ask("blank", reason="participant pressed stop")
        assert reply.ok
        assert "participant pressed stop" in reply.text
        b.beat()
        b.frame()
        assert b.seen("self")[0] == []
        assert b.recorded(Frame) == []
        assert not b.ask("open sesame").ok
    with bench(folder, frozenset(Scope)) as b:
        b.beat()
        b.frame()
        frames, view = b.seen("operator")
        assert (frames, view.reason) == ([], "participant pressed stop")
        assert b.ask("unblank").ok
        b.frame()
        assert len(b.seen("operator")[0]) == 1


def test_a_withdrawal_ends_the_views_for_good(folder: Path) -> None:
    for begun in (False, True):  # the second time a new process of the gate
        with bench(folder, frozenset(Scope)) as b:
            b.beat()
            if not begun:
                b.frame()
                assert [len(b.seen(sink)[0]) for sink in SINKS] == [1, 1, 1]
            (folder / "withdrawn").write_text("the consent was withdrawn (participant)")
            b.frame()
            assert b.ask("unblank").ok
            b.frame()
            for sink in SINKS:
                frames, view = b.seen(sink)
                why = "the consent was withdrawn (participant)"
                assert (frames, view.reason) == ([], NOTHING_NOW if sink == "observer" else why)


def test_grants_name_the_scopes_and_end_with_the_consent(folder: Path) -> None:
    with bench(folder, frozenset({Scope.VIEW_SELF, Scope.RECORD_BRAIN})) as b:
        b.gate.step()
        assert b.grants.socket.poll(2000)
        grant = decode(b.grants.socket.recv_multipart()).header
        assert (grant.person, grant.decode, grant.reason) == ("p01", True, "")
        assert grant.scopes == ("view_self", "record_brain")
        b.wall = NOW + timedelta(hours=2)
        b.clock.advance(0.3)
        b.gate.step()
        assert b.grants.socket.poll(2000)
        grant = decode(b.grants.socket.recv_multipart()).header
        assert (grant.decode, grant.scopes) == (False, ())
        assert "expired" in grant.reason


@pytest.mark.parametrize(("speed", "passed"), [(1.0, 1), (None, 5)])
def test_live_plans_judge_the_newest_frame_and_lossless_plans_every_one(
    folder: Path, speed: float | None, passed: int
) -> None:
    with bench(folder, frozenset(Scope), speed=speed) as b:
        b.beat()
        arrived: list[list[bytes]] = []
        receive = b.gate._frames.socket.recv_multipart
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(b.gate, "step", lambda: arrived.append(receive()))
            for seed in range(5):
                b.frame(seed)
        waiting = iter(arrived)

        def take(_flags: int) -> list[bytes]:
            if (frames := next(waiting, None)) is None:
                raise zmq.Again
            return frames

        b.gate._frames.socket.recv_multipart = take  # type: ignore[method-assign,assignment]
        b.gate.step()
        counts = b.gate.counts()
        assert (counts["frames_seen"], counts["frames_passed"]) == (5, passed)
        assert counts["frames_skipped"] == 5 - passed
        assert b.seen("self")[0][-1].header.seed == 4


def test_malformed_messages_are_counted_and_survived(folder: Path) -> None:
    with bench(folder, frozenset(Scope)) as b:
        b.bonds.socket.send_multipart([b"beat", b"\xc1 not msgpack"])
        b.settle(b.gate._bonds.socket)
        b.renderer.socket.send_multipart([b"frame", b"junk"])
        b.settle(b.gate._frames.socket)
        assert b.gate.counts()["malformed"] == 2
        b.beat()
        b.frame()
        assert len(b.seen("self")[0]) == 1


def test_windows_hear_each_change_of_a_node_and_else_two_beats_a_second(folder: Path) -> None:
    with bench(folder, frozenset(Scope)) as b:
        heard: list[Beat] = []

        def beat(note: str) -> None:
            header = Beat(**b.stamp("renderer"), pid=1, state="running", counts={}, note=note)
            b.bonds.send(Message(header))
            b.settle(b.gate._bonds.socket)

        for k in range(5):
            beat("" if k < 2 else "one frame is late")
            b.clock.advance(0.1)
        b.clock.advance(0.4)
        beat("one frame is late")
        b.beat("decoder")  # comes after all the others
        while not heard or heard[-1].producer != "decoder":
            assert b.grants.socket.poll(2000)
            heard += [m.header for m in b.grants.receive() if isinstance(m.header, Beat)]
        assert [h.note for h in heard] == ["", "one frame is late", "one frame is late", ""]


def test_windows_hear_every_sentence_of_a_node(folder: Path) -> None:
    with bench(folder, frozenset(Scope)) as b:
        for told in ((), ("a file was left out",), (), ("another was left out",)):
            facts = b.stamp("renderer")
            header = Beat(**facts, pid=1, state="running", counts={}, sentences=told)
            b.bonds.send(Message(header))
            b.settle(b.gate._bonds.socket)
            b.clock.advance(0.1)
        b.beat("decoder")  # comes after all the others
        heard: list[Beat] = []
        while not heard or heard[-1].producer != "decoder":
            assert b.grants.socket.poll(2000)
            heard += [m.header for m in b.grants.receive() if isinstance(m.header, Beat)]
        sentences = [line for h in heard for line in h.sentences]
        assert sentences == ["a file was left out", "another was left out"]
        assert len(heard) == 4, "the beat between them is left out"
