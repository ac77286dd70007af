"""The windows that a run opens on other screens: the participant's, and the observers'.

The participant's is one of this process: its stop key and its pictures take the shortest way. The
observers' is a process of its own that hears nothing but the observers' view.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from PySide6.QtCore import QObject, QProcess
from PySide6.QtGui import QScreen

from gui.screens import choose_screen
from gui.texts import language, told, tr
from gui.viewers.participant import ParticipantWindow
from gui.viewers.state import ViewerState
from gui.viewers.window import screens_now
from phosphene.errors import ConfigError
from phosphene.plan import Plan

__all__ = ["RunWindows"]

LAST_WAIT_MS = 1000
OBSERVER_OPTION = "--observer-screen"


class RunWindows(QObject):
    """Opens and closes them.

    Parameters
    ----------
    plan : Plan
        The run.
    say : Callable
        Writes a line into the log.
    wanted : str or None
        Name or serial number of the participant's screen.
    press : Callable or None
        Tells the stop device of a press of the participant's key.
    observer_screen : str or None
        Name or serial number of the observers' screen; None for an ordinary window.

    Attributes
    ----------
    wanted, observed_on : str or None
        The participant's and the observers' screen.
    """

    def __init__(
        self,
        plan: Plan,
        say: Callable[[str], None],
        wanted: str | None,
        press: Callable[[], None] | None,
        observer_screen: str | None = None,
    ) -> None:
        super().__init__()
        self._plan, self._say, self._press = plan, say, press
        self.wanted, self.observed_on = wanted, observer_screen
        self.participant: ParticipantWindow | None = None
        self.observer: QProcess | None = None

    # ---- the participant's ---------------------------------------------------------------------

    def toggle_participant(self, operator: QScreen) -> None:
        """Open or close the participant's window; what forbids it is told."""
        if self.participant is not None:
            self.close_participant(tr("by the operator"))
            return
        codes = self._plan.session.stop.keys
        try:
            window = ParticipantWindow(self.wanted, operator, stop=self._press, codes=codes)
        except ConfigError as error:
            self._say(tr("participant window not opened: {why}", why=told(str(error))))
            return
        window.closed.connect(self.close_participant)
        self.participant = window
        window.showFullScreen()
        self._say(tr("participant window opened on {screen}", screen=self.wanted))

    def show_view(self, view: ViewerState, operator: QScreen) -> None:
        """Show the participant what the gate lets through to them."""
        window = self.participant
        if window is None:
            return
        if wrong := window.why_wrong(operator):
            self.close_participant(wrong)
            return
        window.show_view(view)

    def close_participant(self, why: str) -> None:
        """Close the participant's window, for a reason that is told."""
        window, self.participant = self.participant, None
        if window is not None:
            window.close()
            window.deleteLater()
            self._say(tr("participant window closed: {why}", why=why))

    # ---- the observers' ------------------------------------------------------------------------

    def why_no_observer(self) -> str:
        """Return why this session has no observers; empty where it may have some."""
        if self._plan.session.gate.level_observer == 0:
            return tr("observers see nothing in this session (gate.level_observer is 0)")
        return ""

    def toggle_observer(self, operator: QScreen) -> None:
        """Start or end the observers' window."""
        if self.observer is not None:
            self._end_observer()
            return
        try:
            place = self._observers_place(operator)
        except ConfigError as error:
            self._say(tr("observer window not opened: {why}", why=told(str(error))))
            return
        if why := self.why_no_observer():
            self._say(why)
            return
        arguments = ["-m", "gui.observer", "--run", str(self._plan.folder)]
        arguments += ["--operator-screen", operator.name(), "--language", language(), *place]
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)
        process.finished.connect(self._observer_gone)
        process.errorOccurred.connect(self._observer_failed)
        self.observer = process
        self._start(process, arguments)
        where = self.observed_on
        self._say(
            tr("observer window started on {screen}", screen=where) if where
            else tr("observer window started")
        )  # fmt: skip

    def _observers_place(self, operator: QScreen) -> list[str]:
        """Return what the observers' window is told of its place; it looks for itself as well."""
        kept_off = [self.wanted] if self.wanted else []
        words = [word for name in kept_off for word in ("--keep-off", name)]
        if self.observed_on is None:
            return words
        facts = screens_now()
        choose_screen(self.observed_on, facts, operator.name(), kept_off, OBSERVER_OPTION)
        return [*words, "--screen", self.observed_on]

    def _start(self, process: QProcess, arguments: list[str]) -> None:
        process.start(sys.executable, arguments)

    def _end_observer(self) -> None:
        if self.observer is not None:
            self.observer.terminate()

    def _observer_failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._observer_gone()

    def _observer_gone(self) -> None:
        process, self.observer = self.observer, None
        if process is not None:
            process.deleteLater()
            self._say(tr("observer window closed"))

    # ---- the end -------------------------------------------------------------------------------

    def shut(self) -> None:
        """Close everything."""
        self.close_participant(tr("the run is over"))
        process = self.observer
        if process is not None:
            process.terminate()
            running = process.state() != QProcess.ProcessState.NotRunning
            if running and not process.waitForFinished(LAST_WAIT_MS):
                process.kill()
                process.waitForFinished(LAST_WAIT_MS)
            self._observer_gone()
