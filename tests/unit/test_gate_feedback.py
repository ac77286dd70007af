"""Feedback of a protocol through the gate, on real sockets: who gets what, in which block."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phosphene.bus import Publisher, Subscriber
from phosphene.consent import Consent, Scope
from phosphene.feedback.blinding import console_key, save_assignment, seal_arm
from phosphene.feedback.donor import donor_of
from phosphene.feedback.record import About, Row
from phosphene.messages import Feedback, Frame, Grant, Message, Percept, Quality
from phosphene.plan import SINKS, Plan
from phosphene.seal.keys import StewardKey
from tests.unit.test_gate_node import NOW, Bench, make_plan

BLOCKS = [
    {"kind": "rest", "duration_s": 6, "instruction": "Rest"},
    {"kind": "regulate", "duration_s": 10, "instruction": "Make the bar rise"},
]
STEWARD = StewardKey.new()


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        monkeypatch.setenv("PHOSPHENE_STATE", str(Path(path) / "state"))
        (Path(path) / "run").mkdir(mode=0o700)
        yield Path(path)


def donor(folder: Path) -> Path:
    blocks = [("rest", 0.0, 6.0, ""), ("regulate", 6.0, 16.0, "")]
    rows = [Row(t, 1, 1, float(t), 0.0, 0.0, math.nan if t < 6 else (t % 5) / 5, math.nan, math.nan)
            for t in range(16)]  # fmt: skip
    path = folder / "donor.json"
    if not path.exists():
        donor_of(About("r0", "p99", "category", "1", "", blocks), rows).save(path)
    return path


def plan_of(folder: Path, *, arm: int | None = None, scopes: frozenset[Scope] = frozenset(Scope),
            **more: Any) -> Plan:  # fmt: skip
    protocol: dict[str, Any] = {"blocks": BLOCKS, "score": {"kind": "category", "target": "face"}}
    recorder: dict[str, Any] = {}
    if arm is not None:
        key, path = folder / "s.pub", folder / f"{arm}.blind"
        if not key.exists():
            STEWARD.save(folder / "s.key", key, "long enough", cost=2)
        console = console_key(folder / "state").public_key().public_bytes_raw()
        save_assignment(seal_arm(arm, "study", "p01", console, [STEWARD.public]), path)
        recorder = {"seal": [str(key)]}
        protocol |= {"donor": str(donor(folder)), "assignment": str(path)}
    plan = make_plan(folder / "run", scopes, out=folder / f"out-{arm}")
    session = {
        **plan.session.model_dump(mode="json", exclude_unset=True),
        "protocol": {**protocol, **more.pop("protocol", {})},
        "recorder": recorder,
    }
    session["gate"] |= more.pop("gate", {})
    consent = Consent(person="p01", scopes=scopes, expires=NOW + timedelta(days=1))
    return Plan.model_validate(
        {**plan.model_dump(), "session": session, "consent": consent.model_dump(), **more}
    )


class Chain(Bench):
    """The gate's bench, with acquisition and decoder that tell the time and what is decoded."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        end = self.context.endpoint
        self.acquisition = Publisher(self.zmq, end("acquisition"))
        self.decoder = Publisher(self.zmq, end("decoder"))
        self.spies = {
            sink: Subscriber(self.zmq, [end(f"view-{sink}")], [b"feedback", b"view"])
            for sink in SINKS
        }
        self.acquisition.wait_for_subscribers(b"quality", 1, 5)
        self.decoder.wait_for_subscribers(b"percept", 1, 5)
        for door in self.gate._doors.values():
            door._publisher.wait_for_subscribers(b"feedback", 2, 5)
        self.beat()

    def second(self, index: int, picture: bool = True) -> None:
        """Let one second of data come: its quality, its percept, a frame of that percept."""
        self.beat()
        self.acquisition.send(
            Message(Quality(**self.stamp("acquisition"), index=index, t_data=float(index),
                            values={}))
        )  # fmt: skip
        self.settle(self.gate._events.socket)
        p = 0.5 + 0.4 * math.sin(index)
        self.decoder.send(
            Message(
                Percept(**self.stamp("decoder") | {"seq": index}, index=index, t_data=float(index),
                        t_seen=float(index), t_features=0.0, confidence=0.5, label="face",
                        probabilities={"face": p, "house": 1 - p}, bundle="b")
            )
        )  # fmt: skip
        assert self.gate._percepts is not None
        self.settle(self.gate._percepts.socket)
        if picture:
            self.frame(index)

    def given(self, sink: str) -> list[Feedback]:
        """Return the feedback that a sink has got."""
        mark = self.gate._doors[sink]._views
        self.clock.advance(0.1)
        self.gate.step()
        found: list[Feedback] = []
        while True:
            assert self.spies[sink].socket.poll(2000), "no view arrived"
            for message in self.spies[sink].receive():
                if isinstance(message.header, Feedback):
                    found.append(message.header)
                elif message.header.seq >= mark:
                    return found

    def close(self) -> None:
        for socket in (self.acquisition, self.decoder, *self.spies.values()):
            socket.close()
        super().close()


@contextlib.contextmanager
def chain(plan: Plan) -> Iterator[Chain]:
    made = Chain(plan)
    try:
        yield made
    finally:
        made.close()


def test_rest_shows_nothing_and_regulation_the_score_to_whom_the_consent_names(
    folder: Path,
) -> None:
    scopes = frozenset({Scope.VIEW_SELF, Scope.VIEW_OPERATOR, Scope.RECORD_BRAIN})
    with chain(plan_of(folder, scopes=scopes)) as b:
        assert not b.gate.policy.may_decode(NOW, b.clock.now())[0], "nobody knows the time yet"
        b.second(0)
        b.second(1)
        frames, view = b.seen("self")
        assert (frames, view.passing, view.reason, view.feedback) == ([], False, "rest block", True)
        rest = b.given("self")
        assert {(f.display, f.block_kind, f.instruction) for f in rest} == {
            ("none", "rest", "Rest")
        }
        assert b.seen("operator")[0] == [], "of rest nobody sees a picture"
        for second in (7, 8):
            b.second(second)
        frames, view = b.seen("self")
        assert (frames, view.passing, view.reason) == ([], False, "feedback is a score")
        shown = [f for f in b.given("self") if f.display != "none"]
        assert [f.score for f in shown] == pytest.approx([0.5 + 0.4 * math.sin(t) for t in (7, 8)])
        assert {(f.display, f.label, f.block) for f in shown} == {("thermometer", "face", 1)}
        assert [f.score for f in b.given("operator") if f.display != "none"] == [
            f.score for f in shown
        ]
        pictures, view = b.seen("operator")
        assert len(pictures) == 2, "the operator sees what is decoded"
        assert b.given("observer") == []
        assert not b.seen("observer")[1].feedback
        counts = b.gate.counts()
        assert (counts["feedback_samples"], counts["feedback_shown"]) == (4, 2)
        b.clock.advance(10.0)
        b.beat()
        assert b.seen("operator")[1].reason == "no block is running"
        assert [f.block for f in b.given("self")][-1] == -1
        grant = b.gate.policy.may_decode(NOW, b.clock.now())
        assert grant == (False, "nothing is decoded: no block of the protocol is running")


def test_a_picture_of_rest_is_not_shown_in_the_block_that_follows(folder: Path) -> None:
    with chain(plan_of(folder, protocol={"display": "picture"})) as b:
        b.second(5, picture=False)
        b.second(6, picture=False)
        b.frame(5)  # painted late
        assert b.seen("self")[0] == []
        b.frame(6)
        assert [m.header.percept_seq for m in b.seen("self")[0]] == [6]
        b.frame(99)  # of a percept that nobody has told of
        assert b.seen("self")[0] == []


@pytest.mark.parametrize("speed", [1.0, None])
def test_pictures_that_no_view_may_show_for_the_blocks_sake_are_not_recorded(
    folder: Path, speed: float | None
) -> None:
    """Rest, and what was seen in it; of regulation the operator may see it, so it is kept."""
    with chain(plan_of(folder, speed=speed)) as b:
        for second in (1, 5):
            b.second(second)
        b.second(6, picture=False)
        b.frame(5)  # of rest, painted late
        b.frame(99)  # of a percept that nobody has told of
        assert b.recorded(Frame) == []
        b.frame(6)
        b.second(7)
        assert [m.header.percept_seq for m in b.recorded(Frame)] == [6, 7]
        assert [m.header.percept_seq for m in b.seen("operator")[0]] == [6, 7]
        assert b.seen("self")[0] == [], "the participant gets the score"


@pytest.mark.parametrize("order", ["blank", "pause", "stop"])
def test_no_score_passes_behind_a_blank_a_pause_or_a_stop(folder: Path, order: str) -> None:
    with chain(plan_of(folder)) as b:
        b.second(7)
        assert b.given("self")[-1].display == "thermometer"
        assert b.ask(order).ok
        b.second(8)
        assert b.given("self") == []
        assert not b.seen("self")[1].feedback
        # Behind a blank it is computed all the same; a pause and a stop end that, too.
        assert b.gate.counts()["feedback_samples"] == (2 if order == "blank" else 1)


def test_a_reduced_view_tells_the_score_and_no_category(folder: Path) -> None:
    gate = {"level_operator": 2, "level_observer": 2}
    with chain(plan_of(folder, gate=gate)) as b:
        b.second(7)
        for sink, label in (("self", "face"), ("operator", None), ("observer", None)):
            (shown,) = [f for f in b.given(sink) if f.display != "none"]
            assert (shown.label, shown.score > 0) == (label, True)


def test_observers_wait_for_feedback_as_they_do_for_pictures(folder: Path) -> None:
    gate = {"observer_release": "delay", "observer_delay_s": 2}
    with chain(plan_of(folder, gate=gate)) as b:
        b.second(7)
        assert b.given("observer") == []
        for second in (8, 9, 10):
            b.clock.advance(0.7)
            b.second(second)
        came = [f.t_data for f in b.given("observer") if f.display != "none"]
        assert came[:1] == [7.0]
        assert 10.0 not in came


def run_of(folder: Path, arm: int) -> tuple[dict[str, Any], list[str], list[Any]]:
    """Give a blind run sixteen seconds; return all that anybody heard, counts and grants."""
    told: dict[str, Any] = {}
    with chain(plan_of(folder, arm=arm)) as b:
        for index in range(16):
            b.second(index)
            for sink in SINKS:
                pictures, view = b.seen(sink)
                given = b.given(sink)
                # Times and the random names of both runs are their own.
                told.setdefault(sink, []).append(
                    ([m.header.percept_seq for m in pictures], view.passing, view.reason,
                     view.feedback, view.phase,
                     [(f.seq, f.t_data, f.display, f.label, f.confidence, f.block, f.score)
                      for f in given])
                )  # fmt: skip
            b.clock.advance(0.3)
        counts = sorted(f"{k}={v}" for k, v in b.gate.counts().items())
        status = b.ask("status").text
        grants = []
        while b.grants.socket.poll(200):  # the last may still be on its way
            grants += [
                (m.header.decode, m.header.reason, m.header.phase)
                for m in b.grants.receive()
                if isinstance(m.header, Grant)
            ]
    return told, [*counts, status], grants


def test_a_blind_run_differs_in_nothing_but_the_participants_number(folder: Path) -> None:
    (own, *own_rest), (sham, *sham_rest) = (run_of(folder, arm) for arm in (0, 1))
    assert own_rest == sham_rest
    assert own["operator"] == sham["operator"]
    assert own["observer"] == sham["observer"]
    for sink in ("operator", "observer"):
        assert not any(pictures for pictures, *_ in own[sink]), "beside the score they would tell"
        assert {score for *_, given in own[sink] for *_, score in given} == {0.0}
        assert {label for *_, given in own[sink] for _, _, _, label, *_ in given} == {None}
    scores = [
        {f[1]: f[-1] for *_, given in told["self"] for f in given if f[2] == "thermometer"}
        for told in (own, sham)
    ]
    assert list(scores[0]) == list(scores[1]) == [float(t) for t in range(6, 16)]
    assert list(scores[0].values()) == pytest.approx(
        [0.5 + 0.4 * math.sin(t) for t in range(6, 16)]
    )
    assert list(scores[1].values()) == pytest.approx([(t % 5) / 5 for t in range(6, 16)])
    without = [
        [(*rest, [f[:-1] for f in given]) for *rest, given in told["self"]] for told in (own, sham)
    ]
    assert without[0] == without[1]


def test_frames_of_a_blind_run_go_sealed_to_the_recorder_and_to_nobody_else(folder: Path) -> None:
    with chain(plan_of(folder, arm=0)) as b:
        b.second(7)
        assert [m.header.percept_seq for m in b.recorded(Frame)] == [7]
        assert b.recorded(Feedback) == [], "no score is recorded but in its own sealed file"
        assert np.isin(["feedback_clipped_low"], list(b.gate.counts())).sum() == 0
