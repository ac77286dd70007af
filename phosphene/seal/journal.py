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
RETRY_S = 5.0
_CLOSE_S = 4.0
_MOST_WAITING = 10_000


class Journal:
    """A queue of lines for the audit log.

    What cannot be written is kept and tried again, with the next line or after five seconds. Lines
    that find the queue full are counted, and their number is written as soon as anything can be.

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
        Why lines wait or are missing; empty while all are written.
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
        self._waiting: deque[tuple[str, dict[str, str]]] = deque()
        self._missed = 0
        self._changed = threading.Condition()
        self._news = self._closed = False
        self._sign_at_s: float | None = None
        self.failure = ""
        # A disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def put(self, what: str, **facts: str) -> None:
        """Queue a line; returns at once."""
        with self._changed:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append((what, facts))
            else:
                self._missed += 1
            self._news = True
            self._changed.notify()

    def close(self) -> None:
        """Write what is left and a checkpoint, and end the thread, unless the disk hangs."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            self.failure = f"the audit log did not take its last lines within {_CLOSE_S:g} s"

    def _run(self) -> None:
        wait_s: float | None = None
        closed = False
        while not closed:
            closed = self._wait(wait_s)
            try:
                self._log = self._log or self._open_log()
                self._write(self._log)
                self._sign(self._log, at_once=closed)
                wait_s = self._until_signed_s()
            except (OSError, SealError, ValueError) as error:
                self.failure = f"the audit log cannot be written: {error}"
                wait_s = RETRY_S

    def _wait(self, timeout_s: float | None) -> bool:
        """Wait for a line, the end or a time; return whether it is the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._news or self._closed, timeout_s)
            self._news = False
            return self._closed

    def _write(self, log: AuditLog) -> None:
        """Write what waits; a line leaves the queue once it is in the log."""
        while self._waiting:
            what, facts = self._waiting[0]
            now_s = self._clock.now()
            log.add(what, **facts)
            self._waiting.popleft()
            if self._sign_at_s is None:
                self._sign_at_s = now_s + self._checkpoint_s
        with self._changed:
            missed, self._missed = self._missed, 0
        if missed:
            log.add("lines missed", count=str(missed))
        self.failure = ""

    def _sign(self, log: AuditLog, *, at_once: bool) -> None:
        if self._sign_at_s is not None and (at_once or self._clock.now() >= self._sign_at_s):
            log.checkpoint()
            self._sign_at_s = None
            self.failure = log.trouble

    def _until_signed_s(self) -> float | None:
        at_s = self._sign_at_s
        return None if at_s is None else max(0.0, at_s - self._clock.now())
