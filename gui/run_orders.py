"""What the operator can do in a run: each action of the table, as the run's page carries it out.

The page asks and the gate decides. Only a blank takes effect here at once, whatever the gate says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from gui.controls import help_box, stop_question
from gui.texts import mark, tr

if TYPE_CHECKING:
    from gui.window import OperatorWindow

__all__ = ["Ask", "RunOrders"]


class Ask(Protocol):
    """Sends an order to the gate without waiting."""

    def __call__(self, action: str, arguments: Mapping[str, str] = ..., /) -> object:
        """Send it, with what belongs to it."""


_SAID = {
    "blank": mark("operator: blank"), "unblank": mark("operator: unblank"),
    "pause": mark("operator: pause"), "resume": mark("operator: go on"),
    "begin": mark("operator: begin"), "release": mark("operator: release to observers"),
    "withdraw": mark("operator: withdraw from observers"),
}  # fmt: skip


class RunOrders:
    """Carries the actions of a run out (`gui.actions.RunHandlers`).

    Parameters
    ----------
    window : OperatorWindow
        Whose panels the actions use.
    ask : Ask
        Sends an order to the gate.
    end_run : Callable
        Asks the supervisor to end the run.
    """

    def __init__(self, window: OperatorWindow, ask: Ask, end_run: Callable[[], None]) -> None:
        self._window, self._ask, self._end_run = window, ask, end_run
        self.stop_box: QMessageBox | None = None
        self.help_box: QMessageBox | None = None
        self.locked = False

    # ---- what people see -----------------------------------------------------------------------

    def blank(self) -> None:
        """Take every picture away at once, here and at the gate."""
        self._window.model.blank()
        self._order("blank")
        self._window.refresh_board()

    def unblank(self) -> None:
        """Ask the gate to let pictures pass again; here they return on its confirmation."""
        self._order("unblank")

    def toggle_pause(self) -> None:
        """Ask the gate to pause, or to go on."""
        self._order("resume" if self._window.state() == "PAUSED" else "pause")

    def begin_run(self) -> None:
        """Ask the gate to let an armed run begin."""
        self._order("begin")

    def release_held(self) -> None:
        """Let observers have what is held back for them."""
        self._order("release")

    def withdraw_held(self) -> None:
        """Forget what is held back for observers."""
        self._order("withdraw")

    def blank_for(self, reason: str) -> None:
        """Ask the gate to blank every view, for a reason that nobody has given by hand."""
        self._ask("blank", {"reason": reason})

    def _order(self, action: str) -> None:
        self._ask(action)
        self._window.model.say(tr(_SAID[action]))

    # ---- words ---------------------------------------------------------------------------------

    def marker(self) -> None:
        """Put the cursor into the marker box; from there Enter sends."""
        self._top().activateWindow()
        self._window.marker_box.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def send_marker(self, text: str) -> None:
        """Ask the gate to write a marker into the recording."""
        self._ask("marker", {"text": text})

    def confirm_stop(self) -> None:
        """Go to the question who agrees to go on after the participant's stop."""
        self._top().activateWindow()  # the keys may have been the participant's window's
        self._window.banner.ask()

    def send_confirmation(self, person: str) -> None:
        """Tell the gate that the participant agrees to go on."""
        self._ask("confirm", {"person": person, "agreed": "yes"})
        self._window.model.say(tr("operator: the participant agrees to go on"))

    def acknowledge(self) -> None:
        """Take alarms away that are over."""
        self._window.seen_alarms()

    # ---- windows -------------------------------------------------------------------------------

    def toggle_participant(self) -> None:
        """Open or close the participant's window."""
        self._window.windows.toggle_participant(self._window.screen())

    def toggle_observer(self) -> None:
        """Open or close the observers' window."""
        self._window.windows.toggle_observer(self._window.screen())

    def toggle_fullscreen(self) -> None:
        """Fill the screen with the window around this page, or no longer."""
        top = self._top()
        top.setWindowState(top.windowState() ^ Qt.WindowState.WindowFullScreen)

    def toggle_lock(self) -> None:
        """Lock all keys but a few, or unlock them."""
        self.locked = not self.locked
        words = tr("keys locked; Ctrl+L unlocks them") if self.locked else tr("keys unlocked")
        self._window.model.say(words)
        self._window.refresh_board()

    def show_help(self) -> None:
        """Show what the keys do."""
        if self.help_box is None:
            self.help_box = help_box(self._window)
        self.help_box.show()

    def _top(self) -> QWidget:
        return self._window.window()

    # ---- the end -------------------------------------------------------------------------------

    def stop_run(self) -> None:
        """End the run; while a recording is being written, ask first."""
        if not self._window.recording:
            self._stop_now()
            return
        if self.stop_box is not None:
            self.stop_box.raise_()
            return
        self.stop_box = stop_question(self._window)
        self.stop_box.finished.connect(self._stop_answered)
        self.stop_box.show()

    def _stop_answered(self, answer: int) -> None:
        self.stop_box = None
        if answer == QMessageBox.StandardButton.Yes:
            self._stop_now()

    def _stop_now(self) -> None:
        self._window.model.say(tr("operator: stop the run"))
        self._end_run()
