"""Pages, guests and runs of a console without any of the real ones."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.unit import gui_bench  # noqa: F401  (first: it chooses the offscreen screens)

# isort: split
from PySide6.QtCore import Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget

from gui.console_pages import Pages
from gui.console_parts import Left
from gui.console_run import RunProcess
from gui.console_window import ConsoleWindow
from gui.controls import make_actions
from gui.preferences import Preferences
from gui.words import State
from phosphene.plan import Plan
from phosphene.session import Session

F5, SHIFT, CTRL = (
    Qt.Key.Key_F5,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)

ENDED_BY_TERM = (143, -signal.SIGTERM)
RUN = """
import json, os, signal, sys, time
print("calibrating", flush=True)
if "fail" in sys.argv:
    sys.exit("session s.toml: no such file")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
if "slow" in sys.argv:
    time.sleep(60)
with os.fdopen(int(sys.argv[-1]), "w") as pipe:
    pipe.write(json.dumps({"plan": "/run/x/plan.json"}) + "\\n")
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""


class SetupPage(QWidget):
    begin = Signal(list)
    state_changed = Signal(str)

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self.preferences = preferences
        self.field = QLineEdit()
        self.field.setAccessibleName("person")
        QVBoxLayout(self).addWidget(self.field)
        self.holds = False
        self.arguments: list[str] = []
        self.told: list[str] = []

    def widget(self) -> SetupPage:
        return self

    def checked(self) -> bool:
        return self.holds

    def focus_first(self) -> None:
        self.field.setFocus()

    def shut(self) -> None:
        self.close()

    def choose_screen(self, name: str) -> None:
        self.told.append(name)

    def open_path(self, path: Path) -> None:
        self.told.append(str(path))

    def say(self, text: str) -> None:
        self.told.append(text)

    def start(self) -> None:
        self.begin.emit(self.arguments)

    def open_file(self) -> None:
        self.told.append("open")

    def save_file(self) -> None:
        self.told.append("save")


class Page(QWidget):
    """Both the page of recordings and the page after a run."""

    replay_asked = Signal(Path)
    deleted = Signal(Path)

    def __init__(self) -> None:
        super().__init__()
        self.folders: list[Path] = []
        self.recordings: list[Path] = []
        self.opened = 0

    def widget(self) -> Page:
        return self

    def focus_first(self) -> None:
        self.setFocus()

    def shut(self) -> None:
        self.close()

    def open(self, path: Path) -> None:
        self.recordings.append(path)

    def close_recording(self) -> None:
        self.recordings.clear()

    def show_run(self, out_folder: Path) -> None:
        self.folders.append(out_folder)

    def open_file(self) -> None:
        self.opened += 1


class RunPage(QWidget):
    """Takes every handler of a run."""

    def __init__(self) -> None:
        super().__init__()
        self.pressed: list[str] = []
        self.actions_by_id = make_actions(self, self)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        return lambda: self.pressed.append(name)


class Guest:
    def __init__(self, plan: Plan, left: Left) -> None:
        self.plan, self.page, self._left = plan, RunPage(), left
        self.now: State = "RUNNING"
        self.stops = self.blanks = 0

    def state(self) -> State:
        return self.now

    def blank(self) -> None:
        self.blanks += 1
        self.now = "BLANKED"

    def stop(self) -> None:
        self.stops += 1

    def leave(self) -> None:
        self._left(None)

    def fail(self, error: Exception) -> None:
        self._left(error)


class Bench:
    def __init__(self, tmp_path: Path) -> None:
        self.end_file = tmp_path / "end"
        self.out = tmp_path / "out"
        self.out.mkdir()
        self.preferences = Preferences(tmp_path / "console.ini")
        self.guests: list[Guest] = []
        self.screens: list[str | None] = []
        self.started: list[list[str]] = []
        self.gone: list[int] = []
        self.runs: list[RunProcess] = []
        self.record: Path | None = self.out
        self.pages = Pages(SetupPage, Page, Page, self._guest)
        self.window = ConsoleWindow(
            self.preferences, "PROJECTOR", self.gone.append, self.pages, self._start
        )

    @property
    def setup(self) -> SetupPage:
        page = self.window.setup_page
        assert isinstance(page, SetupPage)
        return page

    def _start(self, arguments: Sequence[str]) -> RunProcess:
        self.started.append(list(arguments))
        run = RunProcess([str(self.end_file), *arguments], ("-c", RUN))
        run.mode = "pilot"
        self.runs.append(run)
        return run

    def _guest(self, plan_file: Path, screen: str | None, left: Left) -> Guest:
        assert plan_file == Path("/run/x/plan.json")
        self.screens.append(screen)
        source = {"kind": "recording", "path": "x"}
        session = Session.model_validate({"person": "p", "modality": "fmri", "source": source})
        plan = Plan(run="r", folder=Path("/"), mode="pilot", session=session, out=self.record)
        self.guests.append(Guest(plan, left))
        return self.guests[-1]

    def shown(self) -> QWidget:
        return self.window._stack.currentWidget()

    def begin(self, *arguments: str) -> None:
        self.setup.holds, self.setup.arguments = True, ["demo", *arguments]
        self.window._turn()
        self.press(F5)

    def press(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        held = Qt.KeyboardModifier.NoModifier
        for modifier in modifiers:
            held |= modifier
        QTest.keyClick(self.window, key, held)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            QApplication.processEvents()
            time.sleep(0.005)

    def adopted(self) -> Guest:
        self.begin()
        self.until(lambda: self.guests)
        return self.guests[-1]

    def end(self) -> None:
        self.end_file.touch()
        self.until(lambda: self.window._run is None)
