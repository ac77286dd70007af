"""A clock for simulated hardware: runs faster on request, and can be stopped from outside."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from phosphene.clock import MonotonicClock

__all__ = ["HardwareClock", "SwitchedOffError", "stop_on_signals"]


class SwitchedOffError(Exception):
    """The hardware was switched off while it waited."""


class HardwareClock:
    """Present time times `speed`.

    Parameters
    ----------
    speed : float or None
        Simulated seconds per second; None never waits.
    """

    def __init__(self, speed: float | None = 1.0) -> None:
        self._speed, self._real = speed, MonotonicClock()
        self._start_s = self._real.now()
        self._reached_s = 0.0
        self._off = threading.Event()

    def now(self) -> float:
        """Return the simulated time in seconds."""
        if self._speed is None:
            return self._reached_s
        return (self._real.now() - self._start_s) * self._speed

    def wait_until(self, due_s: float) -> None:
        """Return once `due_s` simulated seconds are reached.

        Raises
        ------
        SwitchedOffError
            When switched off before or meanwhile.
        """
        self._reached_s = max(self._reached_s, due_s)
        while True:
            left_s = 0.0 if self._speed is None else (due_s - self.now()) / self._speed
            if self._off.wait(max(0.0, left_s)):
                raise SwitchedOffError
            if left_s <= 0:
                return

    def stop(self) -> None:
        """Switch off."""
        self._off.set()


def stop_on_signals(clock: HardwareClock) -> None:
    """Switch the hardware off on SIGTERM and SIGINT."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        clock.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
