"""One clock for the whole chain: the LSL clock, in seconds.

liblsl's local clock is the machine's monotonic clock on Linux, so processes that do not speak LSL
(gate, recorder, gui) read the same time without loading it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "FakeClock", "MonotonicClock", "utc_now", "wall_time_s"]


class Clock(Protocol):
    """Source of the present time and of waiting."""

    def now(self) -> float:
        """Return the time on the LSL clock, in seconds."""
        ...

    def wait_until(self, due_s: float) -> None:
        """Return once `due_s` on the LSL clock, in seconds, is reached."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Return the time in seconds since an arbitrary start."""
        return time.monotonic()

    def wait_until(self, due_s: float) -> None:
        """Sleep until `due_s` seconds; return at once when it is past."""
        while (left_s := due_s - time.monotonic()) > 0:
            time.sleep(left_s)


class FakeClock:
    """A clock for tests: time passes only when told to.

    Parameters
    ----------
    start_s : float
        Time at the start, in seconds.
    """

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now(self) -> float:
        """Return the present time in seconds."""
        return self._now_s

    def wait_until(self, due_s: float) -> None:
        """Jump to `due_s` seconds when it lies ahead."""
        self._now_s = max(self._now_s, due_s)

    def advance(self, by_s: float) -> None:
        """Let `by_s` seconds pass."""
        self._now_s += by_s


def wall_time_s() -> float:
    """Return the time of day as UNIX seconds; only for dates in files, never for latency."""
    return time.time()


def utc_now() -> datetime:
    """Return date and time of day, with zone; for consents and diaries, never for latency."""
    return datetime.fromtimestamp(wall_time_s(), UTC)
