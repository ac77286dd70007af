"""A thread that makes the checks again and again, and ends when it is told to."""

from __future__ import annotations

import threading
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from gui.setup.preflight import rows_of
from gui.setup.subject import Probes, Row, Subject
from gui.texts import tr

__all__ = ["Looks", "Watch"]

ROUND_S = 1.0


class Looks(Protocol):
    """What the thread looks with."""

    def probes(self) -> Probes:
        """Return all looks."""
        ...

    def close(self) -> None:
        """Let everything go."""
        ...


class Watch(QObject):
    """Makes the checks of the newest subject, at once and then every second.

    Parameters
    ----------
    looks : Looks
        Used and closed by the thread alone.
    round_s : float
        Seconds between two rounds.
    """

    looked = Signal(int, object)
    """Number of the subject, and the rows that were found for it."""

    def __init__(self, looks: Looks, round_s: float = ROUND_S) -> None:
        super().__init__()
        self._looks, self._round_s = looks, round_s
        self._news = threading.Condition()
        self._subject: tuple[int, Subject] | None = None
        self._ending = False
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None

    def look_at(self, subject: Subject, number: int) -> None:
        """Look at this from now on; what is found is told with its number."""
        with self._news:
            self._subject = (number, subject)
            self._news.notify()

    def start(self) -> None:
        """Begin; a second time changes nothing."""
        if self._thread is None:
            self._ending = False
            self._thread = threading.Thread(target=self._go_on, name="preflight")
            self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it; devices are free then."""
        if self._thread is None:
            return
        with self._news:
            self._ending = True
            self._news.notify()
        self._thread.join()
        self._thread = None

    def _go_on(self) -> None:
        probes, told = self._looks.probes(), -1
        try:
            while True:
                with self._news:
                    known = self._subject is not None and self._subject[0] == told
                    if not self._ending and (self._subject is None or known):
                        self._news.wait(self._round_s)
                    if self._ending:
                        return
                    subject = self._subject
                if subject is not None:
                    told = subject[0]
                    self.looked.emit(told, _looked(subject[1], probes))
        finally:
            self._looks.close()


def _looked(subject: Subject, probes: Probes) -> tuple[Row, ...]:
    try:
        return rows_of(subject, probes)
    except Exception as error:
        # A check that fails in a way nobody thought of is no check that holds.
        row = Row("checks", tr("Checks"), "error", repr(error), tr("report this fault"))
        return (row,)
