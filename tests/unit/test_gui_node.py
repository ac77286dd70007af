from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
import zmq
from PySide6.QtCore import QEvent, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.app import STOP_NOTE, GuiNode, GuiOptions
from phosphene.bus import Publisher, Puller
from phosphene.clock import FakeClock
from phosphene.errors import NodeError
from phosphene.messages import Command, Event, Frame, Message, Reply, View, decode, encode
from phosphene.node import NodeContext, work
from phosphene.plan import Plan
from phosphene.session import Session

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
        # It stands still: on a busy machine pictures would be too old before they are drawn.
        made = NodeContext("gui", plan, FakeClock(100.0))
        made.control_socket().linger = 0  # nobody is there to take the beats
        with Puller(made.zmq, made.endpoint("bonds")):
            yield made
        made.close()


@pytest.fixture
def node(context: NodeContext, qtbot: QtBot) -> Iterator[GuiNode]:
    made = GuiNode(context, GuiOptions())
    made.window.show()
    yield made
    made.close()
    assert made.receiver.isFinished()
    assert not [t for t in made.window.findChildren(QTimer) if t.isActive()]
    made.window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def view(context: NodeContext) -> Message:
    fields = {"sink": "operator", "passing": True, "reason": "", "passed": 0}
    return context.message(View, t_acquired=0.0, **fields)


def frame(context: NodeContext, picture: np.ndarray) -> Message:
    now = context.clock.now()
    return context.message(
        Frame,
        t_acquired=now,
        arrays={"picture": picture},
        dims={"picture": ("height", "width", "colour")},
        t_due=now,
        t_rendered=now,
        **FACTS,
    )


def test_shows_what_the_gate_sends(context: NodeContext, node: GuiNode, qtbot: QtBot) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with Publisher(context.zmq, context.endpoint("view-operator")) as gate:
        gate.wait_for_subscribers(b"frame", 1, timeout_s=5)
        gate.send(view(context))
        for _ in range(50):
            gate.send(frame(context, picture))
        # Drawn by the signal from the thread alone: no round of the shell runs here.
        qtbot.waitUntil(lambda: node.window.faces.picture.shown is not None, timeout=3000)
        qtbot.waitUntil(lambda: node.counts()["operator_shown"] == 50, timeout=3000)
    assert np.array_equal(node.window.faces.picture.shown, picture)
    assert node.counts()["gaps"] == 0


def test_commands_reach_the_gate_and_its_answer_the_window(
    context: NodeContext, node: GuiNode, qtbot: QtBot
) -> None:
    gate: zmq.Socket[bytes] = context.zmq.socket(zmq.ROUTER)
    gate.linger = 0
    gate.bind(context.endpoint("gate-control"))
    try:
        for action in ("blank", "unblank"):
            node.ask(action)
            assert gate.poll(2000), f"{action} must reach the gate"
            identity, *frames = gate.recv_multipart()
            command = decode(frames).header
            assert isinstance(command, Command)
            assert command.action == action
            node.model.blank()
            answer = context.message(Reply, t_acquired=0.0, id=command.id, ok=True, text="done")
            gate.send_multipart([identity, *encode(answer)])
        qtbot.waitUntil(lambda: not node.model.board(0.0).blank_here, timeout=3000)
    finally:
        gate.close()


def test_wishes_for_the_picture_reach_the_renderer_and_not_the_gate(
    context: NodeContext, node: GuiNode, qtbot: QtBot
) -> None:
    desks = {name: context.zmq.socket(zmq.ROUTER) for name in ("gate-control", "paint-control")}
    try:
        for name, desk in desks.items():
            desk.linger = 0
            desk.bind(context.endpoint(name))
        node.paint({"mode": "c"})
        assert desks["paint-control"].poll(2000)
        identity, *frames = desks["paint-control"].recv_multipart()
        command = decode(frames).header
        assert (command.action, command.arguments) == ("set", {"mode": "c"})
        answer = context.message(Reply, t_acquired=0.0, id=command.id, ok=True, text="set mode=c")
        desks["paint-control"].send_multipart([identity, *encode(answer)])
        qtbot.waitUntil(lambda: node.model.painting.words == "set mode=c", timeout=3000)
        assert not desks["gate-control"].poll(0)
    finally:
        for desk in desks.values():
            desk.close()


def test_a_marker_of_the_gates_is_shown_and_is_no_stimulus(
    context: NodeContext, node: GuiNode, qtbot: QtBot
) -> None:
    stamps = {"run": "r", "seq": 0, "t_acquired": 1.0, "t_sent": 1.0, "producer": "gate"}
    event = Event(**stamps, t_data=4.0, label="door", stream="marker")
    with Publisher(context.zmq, context.endpoint("grants")) as gate:
        gate.wait_for_subscribers(b"event", 1, timeout_s=5)
        gate.send(Message(event))
        log = node.window.status.log
        qtbot.waitUntil(lambda: "marker at 4.0 s: door" in log.toPlainText(), timeout=3000)
    assert node.model.plotted().blocks == []


def test_stop_and_faults_reach_the_shell(context: NodeContext, node: GuiNode) -> None:
    assert node.window.state() == "IDLE"
    context.state = "running"
    work(context, node)
    assert node.window.state() == "BLANKED"
    node.window.stop_run()
    work(context, node)
    assert (context.state, context.note) == ("done", STOP_NOTE)
    assert node.window.state() == "ENDED"
    node.model.fail("the receiving thread failed")
    with pytest.raises(NodeError, match="receiving thread"):
        work(context, node)


def test_a_broken_message_ends_the_node_in_words(
    context: NodeContext, node: GuiNode, qtbot: QtBot
) -> None:
    with Publisher(context.zmq, context.endpoint("grants")) as gate:
        gate.wait_for_subscribers(b"grant", 1, timeout_s=5)
        gate.socket.send_multipart([b"grant", b"rubbish"])
        qtbot.waitUntil(lambda: bool(node.model.fault), timeout=3000)
    assert "MessageError" in node.model.fault
    with pytest.raises(NodeError, match="MessageError"):
        node.step()


def test_commands_of_the_supervisor(context: NodeContext, node: GuiNode) -> None:
    def command(action: str, **arguments: str) -> Command:
        fields = {"run": "r", "seq": 0, "t_acquired": 0.0, "t_sent": 0.0, "producer": "s"}
        return Command(**fields, id="1", action=action, arguments=arguments)

    context.state = "running"
    node.command(command("ended", status="success", reason="all volumes came"))
    node.step()
    assert node.window.state() == "ENDED"
    with pytest.raises(NodeError, match="dance"):
        node.command(command("dance"))
