"""What has been pushed and what has been consumed: flow control from the pushing end."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Ledger"]


class Ledger:
    """Counts items pushed and items credited, for each stream.

    All counts are absolute ("everything below this number"), so a repeated or late credit does no
    harm. When the consumer is another process than before (its epoch changes), what was pushed but
    not yet credited never reached it, and is pushed again or written off.

    Parameters
    ----------
    limits : mapping of str to int
        How many items of each stream may be outstanding.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = dict(limits)
        self._pushed = dict.fromkeys(limits, 0)
        self._credited = dict.fromkeys(limits, 0)
        self._epoch: str | None = None
        self._changed = False

    @property
    def known(self) -> bool:
        """True once a consumer has made itself known."""
        return self._epoch is not None

    def start(self, stream: str, count: int) -> None:
        """Begin at `count` instead of 0, after a restart of the pushing end."""
        self._pushed[stream] = self._credited[stream] = count

    def push(self, stream: str, count: int) -> None:
        """Note that everything of `stream` below `count` has been pushed."""
        self._pushed[stream] = max(self._pushed[stream], count)

    def credit(self, stream: str, count: int, epoch: str) -> None:
        """Note that everything of `stream` below `count` has been consumed by process `epoch`."""
        self._changed |= self._epoch is not None and epoch != self._epoch
        self._epoch = epoch
        if stream in self._credited:
            below = min(count, self._pushed[stream])
            self._credited[stream] = max(self._credited[stream], below)

    def changed(self) -> bool:
        """Tell, once, that the consumer is a new process."""
        changed, self._changed = self._changed, False
        return changed

    def write_off(self) -> int:
        """Wait no longer for what is outstanding; return how much that is."""
        count = sum(self.outstanding(s) for s in self._limits)
        self._credited = dict(self._pushed)
        return count

    def credited(self, stream: str) -> int:
        """Return the number below which everything of `stream` has been consumed."""
        return self._credited[stream]

    def outstanding(self, stream: str) -> int:
        """Return how many items have been pushed and not credited."""
        return self._pushed[stream] - self._credited[stream]

    def room(self, stream: str) -> bool:
        """Tell whether one more item of `stream` may be pushed."""
        return self.outstanding(stream) < self._limits[stream]

    def settled(self, stream: str | None = None) -> bool:
        """Tell whether everything (of one stream) that was pushed has been credited."""
        streams = self._limits if stream is None else (stream,)
        return all(self.outstanding(s) == 0 for s in streams)
