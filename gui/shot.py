"""A picture of the window, some time after it opened or after the first decoded picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from gui.window import OperatorWindow
from phosphene.errors import NodeError
from phosphene.plan import Plan
from phosphene.seal.places import note

__all__ = ["Shot", "noted"]

LOOK_MS = 50


class Shot(QObject):
    """Saves the window once.

    Parameters
    ----------
    window : OperatorWindow
        What is saved.
    target : Path
        PNG file.
    decoded : Callable
        Says whether a decoded picture is on show in the operator's view.
    allowed : Callable
        Asked just before: writes down that a picture of the window is taken, and says why none may
        be; empty where one may.
    refused : Callable
        Told why none was taken.
    """

    def __init__(
        self,
        window: OperatorWindow,
        target: Path,
        decoded: Callable[[], bool],
        allowed: Callable[[], str],
        refused: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._window, self._target, self._decoded = window, target, decoded
        self._allowed, self._refused = allowed, refused
        self._wait_s = 0.0
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self._look)

    def after(self, seconds: float) -> None:
        """Save it `seconds` from now."""
        QTimer.singleShot(round(seconds * 1000), self._grab)

    def after_picture(self, seconds: float) -> None:
        """Save it `seconds` after the first decoded picture; neutral frames do not count."""
        self._wait_s = seconds
        self._looking.start()

    def _look(self) -> None:
        if self._decoded():
            self._looking.stop()
            self.after(self._wait_s)

    def _grab(self) -> None:
        if why := self._allowed():
            self._refused(f"no picture of the window was taken: {why}")
            return
        self._window.refresh_board()
        # Written aside and renamed, so that whoever waits for the file finds it complete.
        part = self._target.with_suffix(".part.png")
        if not self._window.grab().save(str(part), "PNG"):
            raise NodeError(f"screenshot {self._target}: cannot be written")
        part.rename(self._target)


def noted(plan: Plan) -> str:
    """Write into the audit log that a picture of the window is taken: by whom and when, not it.

    Returns
    -------
    str
        Why none may be taken: in a live run one that is in no log would be a copy of which nobody
        knows. Empty where one may.
    """
    by = "operator" if plan.confirmation is None else plan.confirmation.by
    why = "no audit log is kept"
    if plan.audit is not None:
        why = note("window pictured", folder=plan.audit, run=plan.run, by=by)
    return why if plan.mode == "live" else ""
