"""Opens inlets without holding anybody up: looking for a stream can take as long as it likes."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from acquisition.errors import StreamAbsentError
from phosphene.errors import PhospheneError

__all__ = ["Inlet", "Opener"]

_TRY_S = 1.0
_PATIENCE = 5  # tries: a source that is started together with the run is late, not missing
_NOTHING: Mapping[int, str] = MappingProxyType({})


class Inlet(Protocol):
    """What can be opened."""

    def open(self, timeout_s: float = ...) -> object:
        """Find the stream and subscribe."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class Opener:
    """Tries to open inlets, each in a thread of its own, until all are open.

    Parameters
    ----------
    inlets : sequence of Inlet
        Nobody else may use one before `ready`.
    waiting : mapping
        What to say, instead of what keeps it closed, of inlets (by their place) whose stream is
        only there once something else has happened.
    """

    def __init__(self, inlets: Sequence[Inlet], waiting: Mapping[int, str] = _NOTHING) -> None:
        self._inlets, self._waiting = tuple(inlets), waiting
        self._closing = threading.Event()
        numbers = range(len(self._inlets))
        self._troubles = [waiting.get(number, "looking for the stream") for number in numbers]
        self._threads = [
            threading.Thread(target=self._open, args=(number,), name=f"opening-stream-{number}")
            for number in range(len(self._inlets))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def ready(self) -> bool:
        """True once all inlets are open."""
        return not any(self._troubles)

    @property
    def trouble(self) -> str:
        """Why an inlet is not open yet, or an empty text."""
        return next(filter(None, self._troubles), "")

    def close(self) -> None:
        """Give up and close the inlets."""
        self._closing.set()
        for thread in self._threads:
            thread.join()
        for inlet in self._inlets:
            inlet.close()

    def _open(self, number: int) -> None:
        absent = 0
        while not self._closing.is_set():
            try:
                self._inlets[number].open(_TRY_S)
            except StreamAbsentError as error:
                absent += 1
                told = str(error) if absent >= _PATIENCE else self._troubles[number]
                self._troubles[number] = self._waiting.get(number, told)
            except (PhospheneError, RuntimeError) as error:  # RuntimeError: liblsl's timeouts
                self._troubles[number] = str(error)
                # A stream that is there but not as wanted is refused at once: do not spin on it.
                self._closing.wait(0.1)
            else:
                self._troubles[number] = ""
                return
