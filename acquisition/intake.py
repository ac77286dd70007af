"""Opens inlets without holding anybody up: looking for a stream can take as long as it likes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from phosphene.errors import PhospheneError

__all__ = ["Inlet", "Opener"]

_TRY_S = 1.0


class Inlet(Protocol):
    """What can be opened."""

    def open(self, timeout_s: float = ...) -> object:
        """Find the stream and subscribe."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class Opener:
    """Tries to open inlets, in a thread, until all are open.

    Parameters
    ----------
    inlets : sequence of Inlet
        In the order in which they are opened; nobody may use one before `ready`.
    wake : Callable, optional
        Called, in the thread, when all are open.
    """

    def __init__(self, inlets: list[Inlet], wake: Callable[[], None] | None = None) -> None:
        self._inlets, self._wake = inlets, wake
        self._closing = threading.Event()
        self._opened = threading.Event()
        self.trouble = "looking for the streams"
        self._thread = threading.Thread(target=self._run, name="opening-streams")
        self._thread.start()

    @property
    def ready(self) -> bool:
        """True once all inlets are open."""
        return self._opened.is_set()

    def close(self) -> None:
        """Give up and close the inlets."""
        self._closing.set()
        self._thread.join()
        for inlet in self._inlets:
            inlet.close()

    def _run(self) -> None:
        for inlet in self._inlets:
            if not self._open(inlet):
                return
        self.trouble = ""
        self._opened.set()
        if self._wake is not None:
            self._wake()

    def _open(self, inlet: Inlet) -> bool:
        while not self._closing.is_set():
            try:
                inlet.open(_TRY_S)
            except (PhospheneError, RuntimeError) as error:  # RuntimeError: liblsl's timeouts
                self.trouble = str(error)
                # A stream that is there but not as wanted is refused at once: do not spin on it.
                self._closing.wait(0.1)
            else:
                return True
        return False
