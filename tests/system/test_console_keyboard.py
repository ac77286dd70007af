"""A whole pilot session from the console, driven by keys alone; the run is real processes.

The window stands in this process, so that real key events reach it; everything that it starts is a
process of its own, and takes the window as its guest.
"""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit import gui_bench as bench  # first: it chooses the offscreen screens

# isort: split
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLineEdit,
    QMessageBox,
    QWidget,
)

from gui.actions import DEBOUNCE_S
from gui.console_guest import RunGuest
from gui.console_window import ConsoleWindow
from gui.palette import apply
from gui.preferences import Preferences
from phosphene.messages import Event, RunStop
from phosphene.recorder.reader import read_run
from phosphene.seal.audit import Entry
from phosphene.seal.places import LOG, state_folder
from tests.system.conftest import module

Key, Held = Qt.Key, Qt.KeyboardModifier
PATIENCE_S = 60.0
SECONDS = "300"
"""The run is stopped by its operator long before."""


class Operator:
    """Has a keyboard and nothing else.

    Parameters
    ----------
    folder : Path
        For settings and recordings.
    """

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.gone: list[int] = []
        self.window = ConsoleWindow(
            Preferences(folder / "console.ini"), "PROJECTOR", self.gone.append
        )
        self.window.show()
        self.window.activateWindow()
        QApplication.processEvents()

    def wait(self, condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
        """Let the windows live until a condition holds, and return its value."""
        deadline = time.monotonic() + patience_s
        while not (value := condition()):
            if time.monotonic() > deadline:
                # The node's watchdog would end this process while the failure is told.
                faulthandler.cancel_dump_traceback_later()
                pytest.fail(f"{what}: not yet; {self.facts()}")
            QApplication.processEvents()
            time.sleep(0.005)
        return value

    def facts(self) -> str:
        """Return what whoever reads of a failure wants to know."""
        said = self.window.wait_page.words.toPlainText()
        guest = self.window._guest
        log = guest.page.status.log.toPlainText() if isinstance(guest, RunGuest) else ""
        return f"{self.window.state()}; the run said:\n{said}\nthe page's log:\n{log}"

    def press(self, key: Qt.Key, held: Qt.KeyboardModifier = Held.NoModifier) -> None:
        QApplication.processEvents()  # what has closed gives its focus back first
        QTest.keyClick(self.focus(), key, held)
        QApplication.processEvents()

    def act(self, action: str, key: Qt.Key, held: Qt.KeyboardModifier = Held.NoModifier) -> None:
        """Press the key of an action of the run as soon as its button is lit."""
        item = self.guest.page.actions_by_id[action]
        self.wait(item.isEnabled, f"{action} enabled")
        self.press(key, held)

    def type(self, text: str) -> None:
        QTest.keyClicks(self.focus(), text)
        QApplication.processEvents()

    def focus(self) -> QWidget:
        return QApplication.focusWidget() or self.window

    def tab_to(self, name: str) -> None:
        """Press Tab until the field of that name has the focus."""
        for _ in range(60):
            if self.focus().accessibleName() == name:
                return
            self.press(Key.Key_Tab)
        raise AssertionError(f"{name} cannot be reached by Tab")

    def fill(self, name: str, text: str) -> None:
        self.tab_to(name)
        assert isinstance(self.focus(), QLineEdit)
        self.press(Key.Key_A, Held.ControlModifier)
        self.type(text)

    @property
    def guest(self) -> RunGuest:
        guest = self.window._guest
        assert isinstance(guest, RunGuest)
        return guest

    def until(self, *states: str) -> None:
        self.wait(lambda: self.window.state() in states, f"state {states}")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic person's decoder, as an earlier pilot would have left it."""
    folder = tmp_path_factory.mktemp("pilot")
    data = folder / "calibration.npz"
    simulated = ["calibration", "--seed", 0, "--modality", "fmri", "--out", data]
    module("acquisition.simulate", simulated)
    module("decoder.fit", [data, "--out", folder / "bundle"])
    return folder / "bundle"


@pytest.fixture
def operator(qapp: QApplication, tmp_path: Path) -> Iterator[Operator]:
    qapp.setQuitOnLastWindowClosed(False)
    apply(qapp)
    made = Operator(tmp_path)
    yield made
    if (run := made.window._run) is not None:  # of a test that failed
        run.terminate()
        if made.window._guest is not None:
            made.window._guest.leave()
        run.end()
        made.window._run = None
    made.window.shut()
    assert bench.left_running(made.window) == []
    bench.drop(made.window)


def orders_in_the_audit_log() -> list[str]:
    """Return what the operator has ordered, as the audit log of these tests has it."""
    lines = (state_folder() / LOG).read_bytes().splitlines()
    found = [msgspec.json.decode(line, type=Entry) for line in lines]
    return [entry.facts["action"] for entry in found if entry.what == "operator"]


def set_up(operator: Operator, bundle: Path) -> None:
    """Fill the set-up in for a pilot."""
    mode = operator.focus()
    assert isinstance(mode, QComboBox)
    while mode.currentData() != "pilot":
        operator.press(Key.Key_Down)
    operator.fill("seconds", SECONDS)
    operator.fill("bundle", str(bundle))
    operator.fill("out", str(operator.out))
    operator.press(Key.Key_Tab)
    operator.until("CHECKED")


@pytest.mark.timeout(240)
def test_a_whole_pilot_session_by_keys_alone(operator: Operator, bundle: Path) -> None:
    assert operator.window.state() == "IDLE"
    set_up(operator, bundle)
    bench.screenshot(operator.window, "console-set-up-pilot")
    operator.wait(operator.window.actions_by_id["start"].isEnabled, "all checks")
    operator.press(Key.Key_F5)
    assert operator.window._run is not None
    operator.wait(lambda: operator.window._guest is not None, "a place in the run", 90)
    guest, page = operator.guest, operator.guest.page
    folder = guest.plan.folder
    operator.until("RUNNING")
    operator.wait(guest.node.decoded, "a decoded picture", 90)
    bench.screenshot(operator.window, "console-running")
    assert bench.misfits(operator.window) == []

    operator.act("marker", Key.Key_F9)
    operator.type("fixation cross moved")
    operator.press(Key.Key_Return)
    operator.press(Key.Key_Escape)

    operator.press(Key.Key_F6)
    participant = operator.wait(lambda: page.windows.participant, "the participant's window")
    assert participant.screen().name() == "PROJECTOR"
    operator.wait(lambda: participant.shown.picture is not None, "a picture for the participant")

    QTest.keyClick(participant, Key.Key_F8)  # from any window
    operator.until("BLANKED")
    assert participant.shown.picture is None
    operator.act("unblank", Key.Key_F8, Held.ShiftModifier)
    operator.until("RUNNING")

    operator.act("pause", Key.Key_F7)
    operator.until("PAUSED")
    operator.wait(lambda: participant.shown.picture is None, "a blank participant's window")
    time.sleep(DEBOUNCE_S)  # a second press of the same key does not count before
    operator.act("pause", Key.Key_F7)
    operator.until("RUNNING")

    QTest.keyClick(participant, Key.Key_Space)  # the participant's own stop
    operator.until("BLANKED")
    assert participant.shown.picture is None
    operator.wait(page.banner.isVisible, "the banner")
    time.sleep(DEBOUNCE_S)
    operator.press(Key.Key_F8, Held.ShiftModifier)  # unblank: only who pressed stop can go on
    operator.act("confirm", Key.Key_F8, Held.ControlModifier)
    asked = page.banner.person
    operator.wait(asked.hasFocus, "the question who agrees")
    operator.type("pilot-0")
    operator.press(Key.Key_Tab)
    operator.press(Key.Key_Space)
    operator.press(Key.Key_Tab)
    operator.press(Key.Key_Space)
    operator.wait(lambda: not page.banner.isVisible(), "the confirmation")
    assert operator.window.state() == "BLANKED", "to show something again is a second step"
    operator.act("unblank", Key.Key_F8, Held.ShiftModifier)
    operator.until("RUNNING")

    operator.press(Key.Key_F6)
    operator.wait(lambda: page.windows.participant is None, "the end of the participant's window")
    operator.act("stop", Key.Key_F5, Held.ShiftModifier)
    box = page.stop_box
    assert box is not None
    assert box.defaultButton() is box.button(QMessageBox.StandardButton.No)
    QTest.keyClick(box, Key.Key_Escape)
    operator.wait(lambda: page.stop_box is None, "the end of the question")
    operator.window.activateWindow()  # as every desktop does; the offscreen one has no such habit
    assert operator.window.state() == "RUNNING", "no is no"
    time.sleep(DEBOUNCE_S)
    operator.act("stop", Key.Key_F5, Held.ShiftModifier)
    assert page.stop_box is not None
    yes = page.stop_box.button(QMessageBox.StandardButton.Yes)
    page.stop_box.activateWindow()
    for _ in range(3):
        if QApplication.focusWidget() is not yes:
            QTest.keyClick(QApplication.focusWidget() or page.stop_box, Key.Key_Tab)
    assert QApplication.focusWidget() is yes
    QTest.keyClick(yes, Key.Key_Space)
    operator.window.activateWindow()
    run = operator.window._run
    operator.wait(lambda: operator.window._run is None, "the end of the run", 90)
    assert operator.window.state() == "ENDED"
    summary = operator.window._stack.currentWidget()
    assert type(summary).__name__ == "SummaryPage"
    buttons = summary.findChildren(QAbstractButton)
    operator.wait(lambda: any(button.isEnabled() for button in buttons), "the figures of the run")
    bench.screenshot(operator.window, "console-summary")
    assert run is not None

    recorded = [message.header for message in read_run(operator.out)]
    markers = [h for h in recorded if isinstance(h, Event) and h.producer == "gate"]
    assert [m.label for m in markers] == ["fixation cross moved"]
    stops = [h for h in recorded if isinstance(h, RunStop)]
    assert [s.exit_status for s in stops] == ["abort"]
    assert not folder.exists(), "nothing is left in the folder of sockets"
    assert orders_in_the_audit_log() == [
        "marker", "blank", "unblank", "pause", "resume", "confirm", "unblank",
    ]  # fmt: skip

    time.sleep(DEBOUNCE_S)
    operator.press(Key.Key_F5)
    assert operator.window._stack.currentWidget() is operator.window.setup_page
    operator.press(Key.Key_Q, Held.ControlModifier)
    assert operator.gone == [0]
