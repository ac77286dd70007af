"""The bounded queue between the bus and the disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from phosphene.messages import Message

__all__ = ["Backlog", "Item"]

MOST_ITEMS = 50_000

Item = tuple[Message, list[Any]]
"""A message and the frames it came in."""


class Backlog:
    """Holds messages until they are written; says no when it is full.

    Parameters
    ----------
    most_bytes : int
        Room in bytes.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False

    def offer(self, message: Message, frames: list[Any]) -> bool:
        """Queue a message; return False, queueing nothing, when there is no room."""
        size = sum(memoryview(f).nbytes for f in frames)
        with self._changed:
            if not self._room(size):
                return False
            self._items.append((message, frames))
            self._bytes += size
            self._changed.notify_all()
        return True

    def wait_for_room(self, timeout_s: float) -> bool:
        """Return whether there is room, after at most `timeout_s` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._room(1), timeout_s)

    def take(self, timeout_s: float) -> list[Item]:
        """Take everything out, waiting at most `timeout_s` seconds for something."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, max(0.0, timeout_s))
            taken = list(self._items)
            self._items.clear()
            self._bytes = 0
            self._changed.notify_all()
        return taken

    def drop(self, unwanted: Callable[[Message], bool]) -> int:
        """Forget the messages that are unwanted; return how many those were."""
        with self._changed:
            kept = [item for item in self._items if not unwanted(item[0])]
            lost = len(self._items) - len(kept)
            self._items = deque(kept)
            self._bytes = sum(memoryview(f).nbytes for item in kept for f in item[1])
            self._changed.notify_all()
        return lost

    def close(self) -> None:
        """Wake whoever waits; what is queued can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def ended(self) -> bool:
        """Return True once the queue is closed and empty."""
        with self._changed:
            return self._closed and not self._items

    def _room(self, size: int) -> bool:
        # One message always fits into an empty queue, however large it is.
        return not self._items or (
            self._bytes + size <= self._most_bytes and len(self._items) < MOST_ITEMS
        )
