"""Writes into the audit log from a thread of its own, so that no disk delays a decision."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from phosphene.clock import Clock, MonotonicClock
from phosphene.errors import SealError
from phosphene.seal.audit import AuditLog

__all__ = ["Journal"]

CHECKPOINT_S = 60.0
_MOST_WAITING = 10_000


class Journal:
    """A queue of lines for the audit log.

    Parameters
    ----------
    open_log : Callable
        Returns the log; called in the thread.
    checkpoint_s : float
        Seconds between checkpoints while there is anything to sign.
    clock : Clock
        Present time.

    Attributes
    ----------
    failure : str
        Why a line could not be written; empty while all could.
    """

    def __init__(
        self,
        open_log: Callable[[], AuditLog],
        checkpoint_s: float = CHECKPOINT_S,
        clock: Clock | None = None,
    ) -> None:
        self._open_log, self._checkpoint_s = open_log, checkpoint_s
        self._clock = clock or MonotonicClock()
        self._log: AuditLog | None = None
        self._waiting: deque[tuple[str, dict[str, str]]] = deque(maxlen=_MOST_WAITING)
        self._changed = threading.Condition()
        self._closed = False
        self.failure = ""
        self._thread = threading.Thread(target=self._run, name="journal")
        self._thread.start()

    def put(self, what: str, **facts: str) -> None:
        """Queue a line; returns at once."""
        with self._changed:
            self._waiting.append((what, facts))
            self._changed.notify()

    def close(self) -> None:
        """Write what is left and a checkpoint, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        sign_at_s: float | None = None
        closed = False
        while not closed:
            lines, closed = self._take(sign_at_s)
            now_s = self._clock.now()
            try:
                self._log = self._log or self._open_log()
                for what, facts in lines:
                    self._log.add(what, **facts)
                if lines and sign_at_s is None:
                    sign_at_s = now_s + self._checkpoint_s
                if sign_at_s is not None and (closed or now_s >= sign_at_s):
                    self._log.checkpoint()
                    sign_at_s = None
            except (OSError, SealError) as error:
                self.failure = f"the audit log cannot be written: {error}"
                sign_at_s = None

    def _take(self, until_s: float | None) -> tuple[list[tuple[str, dict[str, str]]], bool]:
        """Wait for lines, the end or a time; return the lines and whether it is the end."""
        timeout_s = None if until_s is None else max(0.0, until_s - self._clock.now())
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout_s)
            lines = list(self._waiting)
            self._waiting.clear()
            return lines, self._closed
