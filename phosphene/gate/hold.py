"""Frames and feedback that wait for a release, for a delay or for both; pure.

Observers see nothing that has not been waited for: what a participant stops, nobody saw.
"""

from __future__ import annotations

from collections import deque

from phosphene.messages import Message

__all__ = ["HoldQueue"]

MOST_BYTES = 256 * 2**20
LEAST_BYTES = 256
"""What a message without arrays takes."""


class HoldQueue:
    """Holds frames back, in order, and gives them out at the pace in which they came.

    Parameters
    ----------
    delay_s : float
        Least time that a frame is held after it came, or after its release, in seconds.
    manual : bool
        True: a frame leaves only after a release and the delay that follows it, in which it can be
        withdrawn; a release is for what is held by then.
    most_bytes : int
        Room; beyond it the oldest frames are lost, and counted.

    Attributes
    ----------
    dropped : int
        Frames lost for want of room.
    """

    def __init__(self, delay_s: float, *, manual: bool, most_bytes: int = MOST_BYTES) -> None:
        self._delay_s, self._manual, self._most_bytes = delay_s, manual, most_bytes
        self._held: deque[tuple[float, Message, int]] = deque()
        self._free: deque[tuple[float, Message, int]] = deque()
        self._bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._held) + len(self._free)

    def put(self, frame: Message, now_s: float) -> None:
        """Hold a frame that came at `now_s` seconds."""
        size = sum(array.nbytes for array in frame.arrays.values()) or LEAST_BYTES
        queue = self._held if self._manual else self._free
        queue.append((now_s if self._manual else now_s + self._delay_s, frame, size))
        self._bytes += size
        while self._bytes > self._most_bytes:
            _due, _frame, lost = (self._free or self._held).popleft()
            self._bytes -= lost
            self.dropped += 1

    def release(self, now_s: float) -> int:
        """Release what is held at `now_s` seconds; return how many frames that are.

        The first of them leaves after the delay, counted from now.
        """
        if not self._held:
            return 0
        count = len(self._held)
        last_due_s = self._free[-1][0] if self._free else float("-inf")
        shift_s = max(now_s + self._delay_s, last_due_s) - self._held[0][0]
        self._free += [(came_s + shift_s, frame, size) for came_s, frame, size in self._held]
        self._held.clear()
        return count

    def due(self, now_s: float) -> list[Message]:
        """Take out what may go at `now_s` seconds."""
        out = []
        while self._free and self._free[0][0] <= now_s:
            _due, frame, size = self._free.popleft()
            self._bytes -= size
            out.append(frame)
        return out

    def clear(self) -> int:
        """Forget everything; return how many frames that were."""
        count = len(self)
        self._held.clear()
        self._free.clear()
        self._bytes = 0
        return count
