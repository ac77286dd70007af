"""The observers' window as a process: shows what its one socket tells, until that ends."""

from __future__ import annotations

import signal
import sys
import traceback
from dataclasses import replace
from types import FrameType, TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from gui.language import speak
from gui.palette import apply
from gui.texts import tr
from gui.viewers.inlets import Inlet
from gui.viewers.observer import ObserverWindow, observer_view
from phosphene.coredumps import no_core_dumps
from phosphene.network.watching import Silence, unanswered

__all__ = ["Watch", "open_window", "watch"]

TURN_MS = 15
LOOK_MS = 500


class Watch:
    """Feeds an observers' window.

    Parameters
    ----------
    inlet : Inlet
        Tells what to show.
    window : ObserverWindow
        Shows it.
    recording : bool
        Whether the run is recorded.
    where : str
        Where it comes from: an address or a folder.
    """

    def __init__(
        self, inlet: Inlet, window: ObserverWindow, *, recording: bool, where: str = ""
    ) -> None:
        self.inlet, self.window, self._recording = inlet, window, recording
        self._where, self._silence = where, Silence()

    def turn(self) -> None:
        """Take in what waits, and show the newest of it; say when nobody answers."""
        view = observer_view(self.inlet.look(), recording=self._recording)
        silent_s = self.inlet.silent_s()
        if self._silence.begins(silent_s):
            print(f"observer: {unanswered(self._where)}", file=sys.stderr, flush=True)
        if self._silence.holds(silent_s):
            view = replace(view, caption=tr("Nobody answers: waiting for the run"))
        self.window.show_view(view)

    def close(self) -> None:
        """Close window and socket."""
        self.window.close()
        self.window.deleteLater()
        self.inlet.close()


def _application() -> QApplication:
    there = QApplication.instance()
    return there if isinstance(there, QApplication) else QApplication(["phosphene"])


def open_window(
    screen: str | None,
    operator_screen: str | None,
    keep_off: tuple[str, ...],
    language: str | None = None,
) -> ObserverWindow:
    """Open the window.

    Parameters
    ----------
    screen, operator_screen, keep_off
        As for `ObserverWindow`.
    language : str or None
        Code of the language of its caption; None as the environment says.

    Raises
    ------
    ConfigError
        If the screen may not be used.
    """
    apply(_application())
    if trouble := speak(language):
        print(f"observer: {trouble}", file=sys.stderr)
    window = ObserverWindow(screen, operator_screen, keep_off=keep_off)
    if screen is None:
        window.show()
    else:
        window.showFullScreen()
    return window


def watch(made: Watch) -> int:
    """Show the observers' window until the run or the window ends.

    Returns
    -------
    int
        Exit status: 0; 1 after an error, which ends the process, so that nothing is shown.
    """
    no_core_dumps()
    app = _application()
    errors: list[BaseException] = []

    def excepthook(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        traceback.print_exception(kind, error, trace)
        errors.append(error)
        app.exit()

    def asked(_signal: int, _frame: FrameType | None) -> None:
        app.exit()

    def look() -> None:
        if made.inlet.over() or not made.window.isVisible():
            app.exit()

    before = {n: signal.signal(n, asked) for n in (signal.SIGTERM, signal.SIGINT)}
    previous, sys.excepthook = sys.excepthook, excepthook
    turns, looks = QTimer(), QTimer()
    turns.timeout.connect(made.turn)
    looks.timeout.connect(look)
    try:
        turns.start(TURN_MS)
        looks.start(LOOK_MS)
        app.exec()
    finally:
        turns.stop()
        looks.stop()
        sys.excepthook = previous
        for number, handler in before.items():
            signal.signal(number, handler)
        made.close()
    return 1 if errors else 0
