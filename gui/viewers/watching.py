"""The observers' window as a process: hears the gate's socket for observers, and nothing else."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import zmq
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from gui.palette import apply
from gui.viewers.observer import ObserverWindow, observer_view
from phosphene.bus import RunFolder, Subscriber, running_folders
from phosphene.clock import Clock, MonotonicClock
from phosphene.coredumps import no_core_dumps
from phosphene.sink import SinkState
from phosphene.sink.node import feed

__all__ = ["OBSERVED", "ObserverOptions", "Watch", "watch"]

OBSERVED = "view-observer"
TURN_MS = 15
LOOK_MS = 500


@dataclass(frozen=True)
class ObserverOptions:
    """Options of the command line.

    Attributes
    ----------
    folder : Path
        The run's private folder.
    recording : bool
        Whether the run is recorded.
    screen : str or None
        Name or serial number of the screen to fill; None makes an ordinary window.
    operator_screen : str or None
        Name of the operator's screen.
    keep_off : collection of str
        Names of further screens that may not be used.
    """

    folder: Path
    recording: bool
    screen: str | None = None
    operator_screen: str | None = None
    keep_off: Collection[str] = ()


class Watch:
    """Feeds an observer's window.

    Parameters
    ----------
    options : ObserverOptions
        Options of the command line.
    clock : Clock
        Present time.

    Raises
    ------
    ConfigError
        If the folder is not a private one, or the screen may not be used.
    """

    def __init__(self, options: ObserverOptions, clock: Clock) -> None:
        self._options, self._clock = options, clock
        folder = RunFolder(options.folder)
        self.window = ObserverWindow(
            options.screen, options.operator_screen, keep_off=options.keep_off
        )
        self.state = SinkState("observer")
        self._zmq: zmq.Context[Any] = zmq.Context()
        self._subscriber = Subscriber(self._zmq, [folder.endpoint(OBSERVED)], [b"frame", b"view"])

    def turn(self) -> None:
        """Take in what waits, and show the newest of it."""
        for message in self._subscriber.receive():
            feed(self.state, message, self._clock.now())
        showing = self.state.showing(self._clock.now())
        self.window.show_view(observer_view(showing, recording=self._options.recording))

    def over(self) -> bool:
        """Return whether the run has ended: the process that it belonged to is gone."""
        return self._options.folder not in running_folders(self._options.folder.parent)

    def close(self) -> None:
        """Close window and socket."""
        self.window.close()
        self.window.deleteLater()
        self._subscriber.close()
        self._zmq.term()


def watch(options: ObserverOptions) -> int:
    """Show the observers' window until the run or the window ends.

    Parameters
    ----------
    options : ObserverOptions
        Options of the command line.

    Returns
    -------
    int
        Exit status: 0; 1 after an error, which ends the process, so that nothing is shown.
    """
    no_core_dumps()
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(["phosphene"])
    apply(app)
    app.setQuitOnLastWindowClosed(True)
    made = Watch(options, MonotonicClock())
    errors: list[BaseException] = []

    def excepthook(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        traceback.print_exception(kind, error, trace)
        errors.append(error)
        app.exit()

    def terminated(_signal: int, _frame: FrameType | None) -> None:
        app.exit()

    previous, sys.excepthook = sys.excepthook, excepthook
    # Python sees a signal at the next turn.
    signal.signal(signal.SIGTERM, terminated)
    turns, looks = QTimer(), QTimer()
    turns.timeout.connect(made.turn)
    looks.timeout.connect(lambda: app.exit() if made.over() else None)
    try:
        if options.screen is None:
            made.window.show()
        else:
            made.window.showFullScreen()
        turns.start(TURN_MS)
        looks.start(LOOK_MS)
        app.exec()
    finally:
        turns.stop()
        looks.stop()
        sys.excepthook = previous
        made.close()
    return 1 if errors else 0
