"""A key in the participant's window stops the run: real stop process, real gate, real window."""
# ruff: noqa: E402 (the environment must be set before Qt is imported)

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SCREENS = Path(__file__).parents[1] / "unit" / "gui_screens.json"
os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={SCREENS}"

import numpy as np
import pytest
import zmq
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.run_windows import RunWindows
from gui.viewers.participant import ParticipantWindow
from gui.viewers.state import ViewerModel
from gui.viewers.stop_key import StopKey
from phosphene.bus import Publisher, Pusher, RunFolder, Subscriber
from phosphene.clock import MonotonicClock
from phosphene.consent import Consent, Scope
from phosphene.messages import (
    Beat,
    Command,
    Frame,
    Message,
    Percept,
    Reply,
    View,
    decode,
    describe,
    encode,
)
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.sink import SinkState
from phosphene.sink.node import feed

pytestmark = pytest.mark.timing

FRAME_S = 1 / 30
STEP_S = 0.25
PROTOCOL = {
    "display": "thermometer",
    "blocks": [
        {"kind": "rest", "duration_s": 1.0},
        {"kind": "regulate", "duration_s": 60.0, "target": "face", "instruction": "Make it rise"},
    ],
    "score": {"kind": "category"},
}
STOPPED = "the participant pressed stop"


class Rig:
    """Gate and stop device as processes; this test is supervisor, renderer and window."""

    def __init__(self, folder: Path, *, device: bool, protocol: bool = False) -> None:
        self.folder = folder
        session: dict[str, Any] = {
            "person": "p01",
            "modality": "fmri",
            "source": {"kind": "recording", "path": "x"},
            "gate": {"level_observer": 2, "observer_release": "live"},
        }
        if device:
            session["stop"] = {"demanded": True}
        if protocol:
            session["protocol"] = PROTOCOL
        names = ("gate", "stop") if device else ("gate",)
        consent = Consent(
            person="p01", scopes=frozenset(Scope), expires=datetime.now(UTC) + timedelta(hours=1)
        )
        self.plan = Plan.model_validate(
            {"run": "r", "folder": folder, "mode": "pilot", "session": session, "nodes": names,
             "consent": consent}
        )  # fmt: skip
        plan_file = str(self.plan.save())
        self.context = NodeContext("gui", self.plan, MonotonicClock())
        self.context.control_socket().linger = 0
        end = RunFolder(folder).endpoint
        self.control: zmq.Socket[bytes] = self.context.zmq.socket(zmq.ROUTER)
        self.control.linger = 0
        self.control.bind(end("control"))
        self.renderer = Publisher(self.context.zmq, end("renderer"))
        self.decoder = Publisher(self.context.zmq, end("decoder"))
        self.bond = Pusher(self.context.zmq, end("bonds"))
        self.bond.socket.linger = 0
        self.desk: zmq.Socket[bytes] = self.context.zmq.socket(zmq.DEALER)
        self.desk.linger = 0
        self.desk.connect(end("gate-control"))
        self.view = Subscriber(self.context.zmq, [end("view-self")], [b""])
        self.nodes = [
            subprocess.Popen([sys.executable, "-m", f"phosphene.{name}", "--plan", plan_file])
            for name in names
        ]
        self.sink = SinkState("self")
        self.model = ViewerModel(protocol=protocol, recording=False)
        self.key = StopKey(self.context)
        console = next(s for s in QGuiApplication.screens() if s.name() == "CONSOLE")
        self.window = ParticipantWindow("PROJECTOR", console, stop=self.key.press)
        self.window.showFullScreen()
        self.newest: View | None = None
        self.seq = 0
        self.due_s = 0.0

    def turn(self) -> None:
        """Beat, render, and show what the gate lets through."""
        self.seq += 1
        now = time.monotonic()
        common = {"run": "r", "seq": self.seq, "t_acquired": now, "t_sent": now}
        beat = Beat(**common, producer="supervisor", pid=1, state="running", counts={})
        self.bond.send(Message(beat))
        if now >= self.due_s:
            self.due_s = now + FRAME_S
            arrays = {"picture": np.full((8, 8, 3), 200, np.uint8)}
            specs = describe(arrays, {"picture": ("y", "x", "rgb")}, {})
            frame = Frame(
                **common, producer="renderer", arrays=specs, t_due=now, t_rendered=now, late=False,
                skipped=0, render_ms=1.0, state="picture", percept_seq=0, percept_index=0,
                confidence=0.9, age_s=0.1, t_percept=now, seed=0, model="m",
            )  # fmt: skip
            self.renderer.send(Message(frame, arrays))
        self.view.socket.poll(5)
        for message in self.view.receive():
            feed(self.sink, message, time.monotonic())
            self.model.take(message)
            if isinstance(message.header, View):
                self.newest = message.header
        while self.control.poll(0):
            self.control.recv_multipart()
        now = time.monotonic()
        self.window.show_view(self.model.state(self.sink.showing(now), now))
        QApplication.processEvents()

    def percept(self, index: int, t_data: float, evidence: float) -> None:
        """Decode, just now, data that end at `t_data` seconds."""
        now = time.monotonic()
        header = Percept(
            run="r", seq=index, t_acquired=now, t_sent=now, producer="decoder", index=index,
            t_data=t_data, t_seen=t_data, t_features=now, confidence=0.9, label="face",
            probabilities={"face": evidence, "house": 1 - evidence}, bundle="b",
        )  # fmt: skip
        self.decoder.send(Message(header))

    def until(self, condition: Callable[[], Any], within_s: float = 20.0) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, self.newest
            self.turn()

    def ask(self, action: str) -> bool:
        now = time.monotonic()
        command = Command(
            run="r", seq=0, t_acquired=now, t_sent=now, producer="gui", id="1", action=action
        )
        self.desk.send_multipart(encode(Message(command)))
        self.until(lambda: self.desk.poll(0))
        reply: Reply = decode(self.desk.recv_multipart()).header
        return reply.ok

    def close(self) -> None:
        self.window.close()
        self.window.deleteLater()
        self.key.close()
        for process in self.nodes:
            if process.poll() is None:
                process.terminate()
        for process in self.nodes:
            process.wait(10)
        for socket in (self.renderer, self.decoder, self.bond, self.view):
            socket.close()
        self.desk.close()
        self.control.close()
        self.context.close()


@pytest.fixture
def rig(qapp: QApplication, request: pytest.FixtureRequest) -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="ph-") as folder:
        made = Rig(Path(folder), **request.param)
        try:
            yield made
        finally:
            made.close()


@pytest.mark.parametrize("rig", [{"device": True}, {"device": False}], indirect=True,
                         ids=["device", "no-device"])  # fmt: skip
def test_a_key_in_the_participants_window_blanks_the_gate(rig: Rig, qtbot: QtBot) -> None:
    if rig.plan.session.stop.present:
        rig.until(lambda: rig.newest is not None and "test" in rig.newest.reason)
        qtbot.keyClick(rig.window, Qt.Key.Key_Space)
        rig.until(lambda: rig.newest is not None and "operator's start" in rig.newest.reason)
        assert rig.ask("begin")
    rig.until(lambda: rig.window.shown.picture is not None)
    begun_s = time.monotonic()
    rig.until(lambda: time.monotonic() - begun_s > 0.1)  # what follows at once is a bounce
    pressed_s = time.monotonic()
    qtbot.keyClick(rig.window, Qt.Key.Key_Space)
    assert rig.window.shown.picture is None, "dark before anybody has answered"
    rig.until(lambda: rig.newest is not None and not rig.newest.passing, 5.0)
    blank_s = time.monotonic() - pressed_s
    assert rig.newest is not None
    assert rig.newest.reason == STOPPED
    assert blank_s <= 0.1 + FRAME_S
    for _ in range(30):
        rig.turn()
        assert rig.window.shown.picture is None
    assert not rig.ask("begin"), "only after the participant agrees"


@pytest.mark.parametrize("rig", [{"device": False, "protocol": True}], indirect=True)
def test_the_gates_scores_fill_the_thermometer_until_the_key_is_pressed(
    rig: Rig, qtbot: QtBot
) -> None:
    rig.until(lambda: rig.newest is not None and rig.newest.feedback)
    rig.decoder.wait_for_subscribers(b"percept", 1, 5.0)
    begun_s, index, shown = time.monotonic(), 0, []
    while not shown or shown[-1].score is None:
        t_data = time.monotonic() - begun_s
        assert t_data < 10, shown[-3:]
        if t_data >= index * STEP_S:
            rig.percept(index, t_data, 0.7)
            index += 1
        rig.turn()
        shown.append(rig.window.shown)
    assert not any(view.picture is not None for view in shown), "a score is fed back, no picture"
    resting = [view for view in shown if view.fixation and not view.instruction]
    assert len(resting) > 20, "a cross during rest"
    last = shown[-1]
    assert (last.display, last.instruction) == ("thermometer", "Make it rise")
    assert last.score == pytest.approx(0.7)
    qtbot.keyClick(rig.window, Qt.Key.Key_Space)
    rig.until(lambda: rig.newest is not None and rig.newest.reason == STOPPED, 5.0)
    for _ in range(20):
        rig.percept(index, time.monotonic() - begun_s, 0.7)
        rig.turn()
        black = rig.window.shown
        assert (black.score, black.instruction, black.fixation) == (None, "", False)


@contextmanager
def observed() -> Iterator[tuple[Plan, dict[str, Publisher]]]:
    """Give the plan of a run that this process owns, and every socket that has pictures."""
    names = ("view-observer", "view-self", "view-operator", "renderer", "decoder", "grants")
    with tempfile.TemporaryDirectory(prefix="ph-") as base, zmq.Context() as context:
        folder = RunFolder.create("r", Path(base))
        session = {"person": "p01", "modality": "fmri", "gate": {"level_observer": 2},
                   "source": {"kind": "recording", "path": "x"}}  # fmt: skip
        plan = Plan.model_validate(
            {"run": "r", "folder": folder.path, "mode": "pilot", "session": session}
        )
        plan.save()
        doors = {name: Publisher(context, folder.endpoint(name)) for name in names}
        try:
            yield plan, doors
        finally:
            for door in doors.values():
                door.close()


def test_the_observers_process_hears_one_socket_and_goes_with_the_run() -> None:
    with observed() as (plan, doors):
        process = subprocess.Popen(
            [sys.executable, "-m", "gui.observer", "--run", str(plan.folder),
             "--screen", "PROJECTOR", "--operator-screen", "CONSOLE"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            doors["view-observer"].wait_for_subscribers(b"frame", 1, 20.0)
            heard = {n: d.subscribers(b"frame") + d.subscribers(b"percept")
                     for n, d in doors.items()}  # fmt: skip
            assert heard == {name: int(name == "view-observer") for name in doors}
            (plan.folder / "owner.lock").unlink()
            assert process.wait(20) == 0
        finally:
            process.send_signal(signal.SIGKILL)
            words = process.communicate()[1]
    assert "Traceback" not in words


def test_the_operators_window_starts_the_observers_and_leaves_none_behind(qtbot: QtBot) -> None:
    console = next(s for s in QGuiApplication.screens() if s.name() == "CONSOLE")
    said: list[str] = []
    with observed() as (plan, doors):
        door = doors["view-observer"]
        windows = RunWindows(plan, said.append, "PROJECTOR", None)
        try:
            windows.toggle_observer(console)
            door.wait_for_subscribers(b"frame", 1, 20.0)
            windows.toggle_observer(console)
            qtbot.waitUntil(lambda: windows.observer is None, timeout=10_000)
            windows.toggle_observer(console)
            assert windows.observer is not None
        finally:
            windows.shut()
        assert windows.observer is None
        deadline = time.monotonic() + 5
        while door.subscribers(b"frame"):
            assert time.monotonic() < deadline, "somebody still listens"
            door.socket.poll(50)
    assert said.count("observer window started") == 2
