from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit import gui_bench as bench  # first: it chooses the offscreen screens

# isort: split
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from gui.console_guest import RunGuest
from gui.console_pages import pages_for
from phosphene.bus import Puller, RunFolder
from phosphene.clock import MonotonicClock
from phosphene.messages import Beat
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.session import Session


class Room:
    """Plays the run around a guest: its folder, its gate's ear, its supervisor."""

    def __init__(self, tmp_path: Path) -> None:
        source = {"kind": "recording", "path": "x"}
        session = Session.model_validate({"person": "p", "modality": "fmri", "source": source})
        folder = RunFolder.create("r", tmp_path)
        self.plan = Plan(run="r", mode="pilot", folder=folder.path, session=session, nodes=("gui",))
        self.file = self.plan.save()
        self._context = NodeContext("gate", self.plan, MonotonicClock())
        self._context.control_socket().linger = 0
        self._bonds = Puller(self._context.zmq, self._context.endpoint("bonds"))
        self.beats: list[Beat] = []
        self.left: list[Exception | None] = []

    def heard(self, state: str) -> bool:
        self._bonds.socket.poll(10)
        headers = [message.header for message in self._bonds.receive()]
        self.beats += [header for header in headers if isinstance(header, Beat)]
        return any(beat.state == state for beat in self.beats)

    def close(self) -> None:
        self._bonds.close()
        self._context.close()


class Shown(QObject):
    """Notes every window that comes up."""

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        shows = event.type() == QEvent.Type.Show
        if shows and isinstance(watched, QWidget) and watched.isWindow():
            self.windows.append(repr(watched))
        return False


@pytest.fixture
def room(tmp_path: Path, qapp: QApplication) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.close()


def test_it_beats_as_the_runs_window_and_says_when_it_leaves(room: Room, qtbot: QtBot) -> None:
    guest = pages_for("WALL").guest(room.file, "PROJECTOR", room.left.append)
    assert isinstance(guest, RunGuest)
    qtbot.waitUntil(lambda: room.heard("ready"), timeout=10_000)
    assert {beat.producer for beat in room.beats} == {"gui"}
    windows = guest.page.windows
    assert (windows.wanted, windows.observed_on) == ("PROJECTOR", "WALL")
    assert guest.state() == "IDLE"
    guest.leave()
    guest.leave()
    qtbot.waitUntil(lambda: room.heard("stopped"), timeout=10_000)
    assert room.left == [None]
    assert bench.left_running(guest.page) == []
    bench.drop(guest.page)


def test_an_error_is_told_with_its_goodbye(room: Room, qtbot: QtBot) -> None:
    guest = RunGuest(room.file, None, room.left.append)
    guest.fail(ValueError("a view broke"))
    qtbot.waitUntil(lambda: room.heard("stopped"), timeout=10_000)
    assert [beat.note for beat in room.beats if beat.state == "stopped"] == ["a view broke"]
    assert [str(error) for error in room.left] == ["a view broke"]
    bench.drop(guest.page)


def test_it_outlives_whoever_has_started_the_console(
    room: Room, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = RunGuest(room.file, None, room.left.append)
    monkeypatch.setattr("os.getppid", lambda: 1)
    room.beats.clear()
    qtbot.waitUntil(lambda: room.heard("ready") and len(room.beats) > 2, timeout=10_000)
    assert room.left == []
    guest.leave()
    bench.drop(guest.page)


def test_nothing_comes_up_beside_the_console_while_it_sits_down(
    room: Room, qapp: QApplication
) -> None:
    """A part that is shown before it is laid in would be a window, and take the keys away."""
    around = QMainWindow()
    around.show()
    shown = Shown()
    qapp.installEventFilter(shown)
    try:
        guest = RunGuest(room.file, None, room.left.append)
        around.setCentralWidget(guest.page)
    finally:
        qapp.removeEventFilter(shown)
    assert shown.windows == []
    guest.leave()
    bench.drop(around)
