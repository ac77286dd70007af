"""When frames are due. Pure: the time is passed in, nothing here sleeps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from phosphene.errors import CausalityError, ConfigError, problem


@dataclass(frozen=True)
class Tick:
    """A frame that is due now.

    `index` counts due times from the start, skipped ones included; `late_s` is how long after
    its due time the frame was asked for; `skipped` is how many due times were passed over.
    """

    index: int
    due_s: float
    late_s: float
    skipped: int


class FrameClock:
    """Due times of an even frame rate, without drift and without backlog.

    Frame k is due at start + k / rate, computed afresh for each k, so that errors never add up.
    Whoever comes late gets the newest due frame only; the ones before it are skipped and counted.

    Parameters
    ----------
    rate_hz : float
        Frames per second, above 0.
    start_s : float
        When frame 0 is due, in seconds of whatever clock the caller uses.
    """

    def __init__(self, rate_hz: float, start_s: float) -> None:
        if not (math.isfinite(rate_hz) and rate_hz > 0.0):
            raise ConfigError(problem("rate_hz", rate_hz, "a number above 0", "Use 30, say."))
        self.rate_hz, self.start_s = rate_hz, start_s
        self.shown = 0
        self.skipped = 0
        self._next = 0
        self._now_s = -math.inf

    def due_s(self, index: int) -> float:
        """When frame `index` is due."""
        return self.start_s + index / self.rate_hz

    @property
    def next_due_s(self) -> float:
        """When the next frame is due."""
        return self.due_s(self._next)

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next frame is due, 0 if it already is."""
        return max(0.0, self.next_due_s - now_s)

    def poll(self, now_s: float) -> Tick | None:
        """Return the newest frame due at `now_s`, or None if none is due yet.

        After a call the next frame is always due later than `now_s`.

        Raises
        ------
        CausalityError
            `now_s` is before the time of an earlier call.
        """
        if now_s < self._now_s:
            raise CausalityError(
                problem("now_s", now_s, f"{self._now_s} or later", "Use a monotonic clock.")
            )
        self._now_s = now_s
        if now_s < self.next_due_s:
            return None
        newest = max(self._next, math.floor((now_s - self.start_s) * self.rate_hz))
        # the product above may round across a due time in either direction
        while self.due_s(newest + 1) <= now_s:
            newest += 1
        while newest > self._next and self.due_s(newest) > now_s:
            newest -= 1
        passed = newest - self._next
        self._next = newest + 1
        self.shown += 1
        self.skipped += passed
        return Tick(newest, self.due_s(newest), now_s - self.due_s(newest), passed)
