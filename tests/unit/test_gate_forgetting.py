"""After the participant's stop every process forgets what it holds of the person."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phosphene.bus import Publisher, Puller
from phosphene.clock import FakeClock
from phosphene.gate.latch import StopMemory
from phosphene.gate.memory import GateMemory
from phosphene.messages import Features, FrameInfo, Grant, Message, Percept
from phosphene.node import NodeContext
from phosphene.recorder.backlog import Backlog
from phosphene.recorder.reader import read_run
from renderer.node import RendererNode
from renderer.studio import Studio
from tests.unit import test_decoder_node as decoder
from tests.unit import test_recorder_node as recorder
from tests.unit.test_renderer_node import Grey, plan_in
from tests.unit.test_renderer_studio import seen, studio


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        yield Path(path)


def tell(b: decoder.Bench, phase: str, *, decode: bool) -> None:
    told: dict[str, Any] = {"person": "p", "scopes": (), "decode": decode, "reason": ""}
    told["phase"] = phase
    b.grants.send(b.gate.message(Grant, t_acquired=b.clock.now(), **told))
    assert b.node.grants.socket.poll(5000)
    b.node.step()


@pytest.mark.parametrize("lossless", [False, True])
def test_the_decoders_window_begins_anew(tmp_path: Path, lossless: bool) -> None:
    with decoder.bench(tmp_path, length=3, lossless=lossless) as b:
        tell(b, "running", decode=True)
        b.volumes(0, 1)
        tell(b, "stopped", decode=False)
        assert not b.node._window._held
        b.volumes(2)
        assert not b.node._window._held, "nothing is collected while it is stopped"
        assert b.credits()[-1].count == 3, "acquisition is not held up"
        tell(b, "running", decode=True)
        b.volumes(3, 4)
        assert b["percepts"] == 0, "two volumes of after the stop are no window of three"
        b.volumes(5)
        assert (b["percepts"], b["refused"]) == (1, 0)
        assert set(b.engine.given[0].ravel()) == {3.0, 4.0, 5.0}


def test_the_studio_forgets_percept_path_and_the_picture_that_the_next_would_begin_at() -> None:
    made, painter = studio(warm_start=0.5, path="smooth", smoothing_s=5.0)
    made.see(seen(1.0))
    assert made.picture(0.1).state == "picture"
    made.picture(0.15)
    assert painter.starts[-1][0] is not None
    made.forget()
    frame = made.picture(0.2)
    assert (frame.state, frame.percept) == ("neutral", None)
    made.see(seen(0.25, t=0.3))
    made.picture(0.4)
    assert painter.starts[-1][0] is None
    condition = painter.calls[-1][1]
    assert condition is not None
    assert set(condition) == {0.25}, "nothing of the percept of before is left"


def test_the_renderer_stays_neutral_while_it_is_stopped(tmp_path: Path) -> None:
    clock = FakeClock(10.0)
    plan = plan_in(tmp_path)
    context, gate = NodeContext("renderer", plan, clock), NodeContext("gate", plan, clock)
    decoded = NodeContext("decoder", plan, clock)
    records = Puller(context.zmq, context.endpoint("records"))
    grants = Publisher(context.zmq, context.endpoint("grants"))
    percepts = Publisher(context.zmq, context.endpoint("decoder"))
    made = Studio(Grey(), plan.session.renderer, clock.now())  # type: ignore[arg-type]
    node = RendererNode(context, made, "m")
    try:
        grants.wait_for_subscribers(b"grant", 1, 5)
        percepts.wait_for_subscribers(b"percept", 1, 5)
        node._start_clock()

        def states(count: int) -> list[str]:
            found: list[str] = []
            while len(found) < count:
                clock.advance(0.02)
                node.step()
                found += [
                    m.header.state for m in records.receive() if isinstance(m.header, FrameInfo)
                ]
            return found

        def said(phase: str) -> None:
            told: dict[str, Any] = {"person": "p", "scopes": (), "decode": False, "reason": ""}
            grants.send(gate.message(Grant, t_acquired=clock.now(), phase=phase, **told))
            assert node._inlet.grants.poll(2000)
            node.step()

        def percept() -> None:
            arrays = {"z": np.zeros((4, 16, 16), np.float32), "c": np.zeros(17, np.float32)}
            percepts.send(
                decoded.message(
                    Percept, t_acquired=clock.now(), arrays=arrays, index=0, t_data=0.0, t_seen=0.0,
                    t_features=0.0, confidence=0.9, label=None, probabilities={}, bundle="b",
                    dims={"z": ("channel", "y", "x"), "c": ("c",)},
                )
            )  # fmt: skip
            assert node._inlet.socket.poll(2000)
            node.step()

        percept()
        assert states(3)[-1] == "picture"
        said("stopped")
        states(1)
        assert set(states(3)) == {"neutral"}
        percept()
        assert set(states(3)) == {"neutral"}
        said("running")
        assert set(states(3)) == {"neutral"}, "what came meanwhile is gone"
        percept()
        assert states(3)[-1] == "picture"
    finally:
        node.close()
        for socket in (records, grants, percepts):
            socket.close()
        for each in (context, gate, decoded):
            each.close()


def test_the_recorder_keeps_nothing_of_the_person_while_it_is_stopped(folder: Path) -> None:
    with recorder.bench(recorder.make_plan(folder)) as b:
        b.grant("running")
        b.one_of_each()
        b.grant("stopped")
        b.one_of_each()
        b.grant("running")
        b.one_of_each()
        assert b.node.counts()["withheld"] >= 3
    kept = recorder.topics(folder)
    # Features, percept and frame of the first round may have been on their way to the disk.
    assert all(1 <= kept.count(topic) <= 2 for topic in ("features", "percept", "frame")), kept
    assert kept.count("quality") == kept.count("beat") == 3


def forged(b: recorder.Bench, phase: str) -> None:
    """Send the recorder a grant among the records, as any machine of the run can."""
    told: dict[str, Any] = {"person": "p01", "scopes": (), "decode": True, "reason": ""}
    b.send(Grant, stamp={"producer": "gate"}, phase=phase, **told)


def test_a_grant_that_did_not_come_from_the_gate_itself_moves_no_recorder(folder: Path) -> None:
    with recorder.bench(recorder.make_plan(folder)) as b:
        forged(b, "stopped")
        b.one_of_each()
        assert b.node.counts()["withheld"] == 0
        b.grant("stopped")
        forged(b, "running")
        b.one_of_each()
        assert b.node.counts()["withheld"] >= 3
    kept = recorder.topics(folder)
    assert all(kept.count(topic) <= 1 for topic in ("features", "percept", "frame")), kept
    assert kept.count("grant") == 2, "it is recorded that somebody said so"


def test_what_was_sent_while_it_was_stopped_and_comes_late_is_not_recorded(folder: Path) -> None:
    with recorder.bench(recorder.make_plan(folder)) as b:
        b.grant("stopped")
        sent_s = b.context.clock.now()
        b.grant("running")
        x = {"x": np.ones(5, np.float32)}
        fields: dict[str, Any] = {"kind": "fmri", "t_data": 1.0, "mask_hash": "m", "ready": True}
        for index, t_sent in enumerate((sent_s, float("nan"), b.context.clock.now())):
            b.send(Features, x, stamp={"t_sent": t_sent}, index=index, **fields)
        assert b.node.counts()["withheld"] == 2
    (kept,) = [m.header for m in read_run(folder / "out") if isinstance(m.header, Features)]
    assert kept.index == 2


def test_a_recorder_that_is_started_again_knows_of_the_stop(folder: Path) -> None:
    plan = recorder.make_plan(folder)
    GateMemory(plan.folder).keep_stop(StopMemory(begun=True, stopped=True))
    with recorder.bench(plan) as b:
        b.one_of_each()
        assert b.node.counts()["withheld"] >= 3
        b.grant("running")
        b.one_of_each()
    kept = recorder.topics(folder)
    assert all(kept.count(topic) == 1 for topic in ("features", "percept", "frame")), kept


def test_what_waits_for_the_disk_can_be_dropped() -> None:
    backlog = Backlog(1000)
    for name in ("a", "b", "a"):
        assert backlog.offer(Message(name), [b"x" * 300])  # type: ignore[arg-type]
    assert not backlog.offer(Message("c"), [b"x" * 300])  # type: ignore[arg-type]
    assert backlog.drop(lambda message: str(message.header) == "a") == 2
    assert backlog.offer(Message("c"), [b"x" * 600])  # type: ignore[arg-type]
    assert [str(message.header) for message, _ in backlog.take(0)] == ["b", "c"]
