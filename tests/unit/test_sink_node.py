from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from phosphene.bus import Publisher, Puller
from phosphene.clock import MonotonicClock
from phosphene.errors import NodeError
from phosphene.messages import Command, Frame, View
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.sink.node import SinkNode

SESSION = {"person": "p01", "modality": "fmri", "source": {"kind": "recording", "path": "x"}}
FACTS = {
    "late": False, "skipped": 0, "render_ms": 1.0, "state": "picture", "percept_seq": 0,
    "percept_index": 0, "confidence": 0.5, "age_s": 0.1, "t_percept": 0.0, "seed": 0, "model": "m",
    "sink": "operator", "level": 4,
}  # fmt: skip


@pytest.fixture
def context() -> Iterator[NodeContext]:
    with tempfile.TemporaryDirectory(prefix="ph-") as folder:
        session = Session.model_validate(SESSION)
        plan = Plan(run="r", folder=Path(folder), mode="replay", session=session)
        made = NodeContext("sink", plan, MonotonicClock())
        yield made
        made.close()


def test_drains_both_views_and_counts_every_frame(context: NodeContext) -> None:
    node = SinkNode(context)
    picture = np.zeros((4, 4, 3), np.uint8)
    n_frames = 60
    with (
        Publisher(context.zmq, context.endpoint("view-operator")) as operator,
        Publisher(context.zmq, context.endpoint("view-self")) as participant,
        Puller(context.zmq, context.endpoint("bonds")),
    ):
        for publisher, passing in ((operator, True), (participant, False)):
            publisher.wait_for_subscribers(b"frame", 1, timeout_s=5)
            sink = "operator" if passing else "self"
            publisher.send(
                context.message(
                    View, t_acquired=0.0, sink=sink, passing=passing, reason="", passed=0
                )
            )
            for _ in range(n_frames):
                now = context.clock.now()
                publisher.send(
                    context.message(
                        Frame,
                        t_acquired=now,
                        arrays={"picture": picture},
                        dims={"picture": ("height", "width", "channel")},
                        t_due=now,
                        t_rendered=now,
                        **FACTS,
                    )
                )
        deadline = context.clock.now() + 3
        while sum(s.shown + s.blank for s in node.states.values()) < 2 * n_frames:
            assert context.clock.now() < deadline, node.counts()
            for socket in node.sockets():
                socket.poll(20)
            node.step()
    counts = node.counts()
    node.close()
    assert counts["frames_shown"] == counts["operator_shown"] == n_frames
    assert counts["frames_blank"] == counts["self_blank"] == n_frames
    assert counts["gaps"] == 0


def test_answers_status_and_refuses_what_it_does_not_know(context: NodeContext) -> None:
    node = SinkNode(context)
    fields = {"run": "r", "seq": 0, "t_acquired": 0.0, "t_sent": 0.0, "producer": "s", "id": "1"}
    assert "the gate has not spoken yet" in node.command(Command(**fields, action="status"))
    with pytest.raises(NodeError, match="dance"):
        node.command(Command(**fields, action="dance"))
    assert node.due_s() is None
    assert not node.done()
    node.close()
