"""Bounded outstanding messages towards a peer that acknowledges; survives the peer's death."""

from __future__ import annotations

__all__ = ["AckWindow"]

SILENCE_S = 2.0


class AckWindow:
    """Counts what was sent and not yet acknowledged.

    Parameters
    ----------
    most : int
        Messages that may be outstanding.
    silence_s : float
        A peer that acknowledges nothing for this many seconds while the window is full is taken
        for dead: what is outstanding is written off and counted.
    """

    def __init__(self, most: int, silence_s: float = SILENCE_S) -> None:
        self._most, self._silence_s = most, silence_s
        self._sent = 0
        self._acknowledged = 0
        self._epoch = ""
        self._heard_s = 0.0
        self.written_off = 0

    def sent(self, count: int, now_s: float) -> None:
        """Note that `count` messages have been sent in all."""
        if self._sent == self._acknowledged:
            self._heard_s = now_s
        self._sent = count

    def acknowledge(self, count: int, epoch: str, now_s: float) -> None:
        """Take in that the peer `epoch` has consumed everything below `count`."""
        if epoch != self._epoch:
            self._epoch = epoch
        self._acknowledged = max(self._acknowledged, min(count, self._sent))
        self._heard_s = now_s

    def room(self, now_s: float) -> bool:
        """Return True when another message may be sent."""
        outstanding = self._sent - self._acknowledged
        if outstanding < self._most:
            return True
        if now_s - self._heard_s < self._silence_s:
            return False
        self.written_off += outstanding
        self._acknowledged = self._sent
        return True
