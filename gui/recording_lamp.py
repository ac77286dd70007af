"""What the recording lamp says: since when, how much, and for how long the disk lasts. No Qt.

The rate is the recording's own, over the last minute: free space that another program takes for a
moment neither frightens nor calms.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from gui.peers import Peers
from gui.texts import tr

__all__ = ["DiskWatch", "Recorded", "lamp_words", "size_words", "time_words"]

WINDOW_S = 60.0
LEAST_S = 10.0
"""A rate over less than this says nothing: a recorder writes in bursts."""
LOW_MIN, GRAVE_MIN = 10.0, 2.0
LOW_FOR_S = 30.0
FLOOR_BYTES = 256 * 10**6
"""Below this it is grave at any rate."""
MOST_MIN = 600.0


@dataclass(frozen=True)
class Recorded:
    """The recording so far; None where nobody has told.

    Attributes
    ----------
    elapsed_s : float or None
        How long it lasts, in seconds.
    written : int or None
        Bytes.
    left_min : float or None
        Minutes until the disk is full at the rate of the last minute.
    low_s : float
        For how many seconds that has been less than ten minutes.
    full : bool
        Whether hardly any room is left, whatever the rate.
    """

    elapsed_s: float | None = None
    written: int | None = None
    left_min: float | None = None
    low_s: float = 0.0
    full: bool = False

    @property
    def grave(self) -> bool:
        """Whether the disk is full within two minutes, for sure."""
        return self.full or (self.low and self.left_min is not None and self.left_min < GRAVE_MIN)

    @property
    def low(self) -> bool:
        """Whether the disk is full within ten minutes, and has been for half a minute."""
        return self.low_s >= LOW_FOR_S


class DiskWatch:
    """Follows how fast a recording grows."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()
        self._low_since_s: float | None = None

    def of(self, peers: Peers, now_s: float) -> Recorded:
        """Return what the recorder's beats tell; after a fall it goes on in another file."""
        if peers.newest("recorder", "bytes") is None:
            return Recorded()
        written, elapsed_s = (peers.count("recorder", k) for k in ("bytes", "recording_s"))
        return self.look(written, peers.newest("recorder", "disk_free"), float(elapsed_s), now_s)

    def look(
        self, written: int | None, free: int | None, elapsed_s: float | None, now_s: float
    ) -> Recorded:
        """Return what is to be told.

        Parameters
        ----------
        written, free : int or None
            Bytes of the recording, and free bytes of its disk.
        elapsed_s : float or None
            Length of the recording in seconds.
        now_s : float
            Present time in seconds.
        """
        if written is None:
            return Recorded(elapsed_s)
        self._note(written, now_s)
        left_min = None if free is None else self._left_min(free)
        if left_min is None or left_min >= LOW_MIN:
            self._low_since_s = None
        elif self._low_since_s is None:
            self._low_since_s = now_s
        low_s = 0.0 if self._low_since_s is None else now_s - self._low_since_s
        full = free is not None and free < FLOOR_BYTES
        return Recorded(elapsed_s, written, left_min, low_s, full)

    def _note(self, written: int, now_s: float) -> None:
        points = self._points
        if points and written < points[-1][1]:
            points.clear()  # another recording
        if not points or now_s - points[-1][0] >= 1.0:
            points.append((now_s, written))
        while len(points) > 2 and points[1][0] <= now_s - WINDOW_S:
            points.popleft()

    def _left_min(self, free: int) -> float | None:
        (first_s, first), (last_s, last) = self._points[0], self._points[-1]
        if last_s - first_s < LEAST_S or last <= first:
            return None
        return free / ((last - first) / (last_s - first_s)) / 60


def size_words(n: int) -> str:
    """Word a number of bytes in the units that disks are sold in."""
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if n >= size:
            return f"{n / size:.1f} {unit}" if n < 100 * size else f"{n / size:.0f} {unit}"
    return f"{n / 1000:.0f} kB"


def time_words(seconds: float) -> str:
    """Word a length of time as hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def lamp_words(kept: str, facts: Recorded) -> str:
    """Word the lamp of a run that is recorded.

    Parameters
    ----------
    kept : str
        What is recorded (``REC brain data``).
    facts : Recorded
        The recording so far.
    """
    words = [kept]
    if facts.elapsed_s is not None:
        words.append(time_words(facts.elapsed_s))
    if facts.written is not None:
        words.append(size_words(facts.written))
    if facts.full:
        words.append(tr("disk full"))
    elif facts.left_min is not None:
        words.append(
            tr("disk: over {hours} h", hours=round(MOST_MIN / 60))
            if facts.left_min > MOST_MIN
            else tr("disk: {minutes} min", minutes=int(facts.left_min))
        )
    return " · ".join(words)
