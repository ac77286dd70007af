"""What the gate sends to the recorder: decisions at once, frames after the withholding time.

A frame that is still withheld when the participant stops is never recorded.
"""

from __future__ import annotations

from collections import deque

from phosphene.bus import Pusher
from phosphene.messages import Message

__all__ = ["Keeper"]

MOST_WAITING = 1000
MOST_WITHHELD_BYTES = 256 * 2**20


class Keeper:
    """The gate's queues on the way to the recorder.

    Parameters
    ----------
    records : Pusher or None
        Socket to the recorder; None: nothing is kept.
    withhold_s : float
        Seconds for which frames are withheld.
    """

    def __init__(self, records: Pusher | None, withhold_s: float) -> None:
        self.records = records
        self._withhold_s = withhold_s
        self._waiting: deque[Message] = deque()
        self._withheld: deque[tuple[float, Message, int]] = deque()
        self._bytes = 0
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Messages lost, because the recorder stood still."""
        return self._dropped + (self.records.dropped if self.records else 0)

    def keep(self, message: Message) -> None:
        """Queue a message; while the recorder stands still, only so many."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(message)
        else:
            self._dropped += 1

    def withhold(self, frame: Message, now_s: float) -> None:
        """Queue a frame that came at `now_s` seconds, to be kept later."""
        size = sum(array.nbytes for array in frame.arrays.values())
        self._withheld.append((now_s + self._withhold_s, frame, size))
        self._bytes += size
        while self._bytes > MOST_WITHHELD_BYTES:
            self._bytes -= self._withheld.popleft()[2]
            self._dropped += 1

    def drop(self) -> int:
        """Forget every frame that has not gone to the recorder; return how many that were."""
        before = len(self._withheld)
        self._withheld.clear()
        self._bytes = 0
        frames = [m for m in self._waiting if m.arrays]
        self._waiting = deque(m for m in self._waiting if not m.arrays)
        return before + len(frames)

    def send(self, now_s: float, *, all_of_them: bool = False) -> None:
        """Send what may go at `now_s` seconds, at the end all of it."""
        while self._withheld and (all_of_them or self._withheld[0][0] <= now_s):
            _due, frame, size = self._withheld.popleft()
            self._bytes -= size
            self.keep(frame)
        while self._waiting:
            message = self._waiting.popleft()
            if self.records is not None:
                self.records.send(message)

    def close(self) -> None:
        """Close the socket."""
        if self.records is not None:
            self.records.close()
