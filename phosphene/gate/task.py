"""Blocks of the protocol: only inside of them may anything be decoded; pure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["TaskWindow"]


class TaskWindow:
    """Knows whether a block of the protocol is under way.

    Parameters
    ----------
    begin, end : sequence of str
        Labels that begin and end a block.
    longest_s : float
        Seconds after which a block without a duration ends by itself.
    """

    def __init__(self, begin: Sequence[str], end: Sequence[str], longest_s: float) -> None:
        self._begin, self._end = frozenset(begin), frozenset(end)
        self._longest_s = longest_s
        self._until_s = float("-inf")

    def event(self, label: str, duration_s: float | None, now_s: float) -> None:
        """Take in an event that came at `now_s` seconds; other labels change nothing."""
        if label in self._end:
            self.close()
        elif label in self._begin:
            self.open(duration_s, now_s)

    def open(self, duration_s: float | None, now_s: float) -> None:
        """Begin a block at `now_s` for `duration_s` seconds, or for the longest."""
        lasts_s = self._longest_s if duration_s is None else min(duration_s, self._longest_s)
        self._until_s = now_s + lasts_s

    def close(self) -> None:
        """End the block."""
        self._until_s = float("-inf")

    def inside(self, now_s: float) -> bool:
        """Return whether `now_s` lies in a block."""
        return now_s < self._until_s
