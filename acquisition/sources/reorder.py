"""Puts volumes that arrive in any order back in order, once each, within a bounded wait."""

from __future__ import annotations

from dataclasses import dataclass, field

from acquisition.fmri.volume import Volume
from phosphene.errors import ConfigError, problem

__all__ = ["OrderCounts", "Reorderer"]


@dataclass
class OrderCounts:
    """How many volumes were passed on, repeated, given up on, or came after that."""

    passed: int = 0
    duplicates: int = 0
    gaps: int = 0
    late: int = 0


@dataclass(frozen=True)
class _Held:
    volume: Volume = field(repr=False)
    since_s: float


class Reorderer:
    """Holds volumes back until all before them have come or have been given up.

    Parameters
    ----------
    wait_s : float
        How long a volume may be held because an earlier one is missing, in seconds; infinite for
        replay.
    first_index : int or None
        Index of the first volume; None takes the first arrival's.

    Attributes
    ----------
    wait_s : float
        As given; may be changed when the repetition time becomes known.
    """

    def __init__(self, wait_s: float, first_index: int | None = 0) -> None:
        if not wait_s >= 0:
            raise ConfigError(problem("wait_s", wait_s, "0 or more seconds", "Give the wait."))
        self.counts = OrderCounts()
        self.wait_s = wait_s
        self._next = first_index
        self._held: dict[int, _Held] = {}
        self._seen: set[int] = set()
        self._missing: list[tuple[int, int]] = []

    def push(self, volume: Volume, now_s: float) -> list[Volume]:
        """Take one arrival and return what may go on now, in order.

        Parameters
        ----------
        volume : Volume
            The arrival.
        now_s : float
            Present time in seconds.
        """
        if self._next is None:
            self._next = volume.index
        if volume.index in self._seen:
            self.counts.duplicates += 1
        elif volume.index < self._next:
            self.counts.late += 1
            self._seen.add(volume.index)
        else:
            self._seen.add(volume.index)
            self._held[volume.index] = _Held(volume, now_s)
        return self.release(now_s)

    def release(self, now_s: float) -> list[Volume]:
        """Return what may go on now; give up on volumes that others waited too long for."""
        out = self._run()
        # The same sum as in `due_s`, so that rounding never makes the two disagree.
        while (due_s := self.due_s()) is not None and now_s >= due_s:
            out += self._skip()
        return out

    def flush(self) -> list[Volume]:
        """Return everything still held; what is missing in between is a gap."""
        out = self._run()
        while self._held:
            out += self._skip()
        return out

    def due_s(self) -> float | None:
        """Return when `release` will give up on something; None while nothing is held."""
        if not self._held:
            return None
        return min(held.since_s for held in self._held.values()) + self.wait_s

    def missing(self) -> list[tuple[int, int]]:
        """Return first and last index of each gap since the last call."""
        found, self._missing = self._missing, []
        return found

    def _skip(self) -> list[Volume]:
        first = min(self._held)
        if self._next is not None and first > self._next:
            self.counts.gaps += first - self._next
            self._missing.append((self._next, first - 1))
        self._next = first
        return self._run()

    def _run(self) -> list[Volume]:
        out = []
        while self._next is not None and self._next in self._held:
            out.append(self._held.pop(self._next).volume)
            self._next += 1
        self.counts.passed += len(out)
        return out
