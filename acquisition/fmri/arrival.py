"""When volumes come: the repetition time as it really is, and which volumes are late."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from phosphene.quality import LATE_FROM_TR

__all__ = ["Arrival", "Arrivals"]

_N_RECENT = 60
_LEAST = 4


@dataclass(frozen=True)
class Arrival:
    """What the arrival of one volume says; NaN while too few have come.

    Attributes
    ----------
    tr_measured_s : float
        Median interval between arrivals, per volume, in seconds.
    lag_ms : float
        How far behind the most punctual of the recent volumes it came, in milliseconds.
    """

    tr_measured_s: float
    lag_ms: float


class Arrivals:
    """Follows a run by the local clock; the scanner's own drifts.

    Parameters
    ----------
    speed : float
        How many times faster than measured the volumes are replayed.

    Attributes
    ----------
    late : int
        Volumes so far that came half a repetition time or more behind the others.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._recent: deque[tuple[int, float]] = deque(maxlen=_N_RECENT)
        self.late = 0

    def step(self, index: int, stamp_s: float) -> Arrival:
        """Note one volume.

        Parameters
        ----------
        index : int
            Its number, above the last one's.
        stamp_s : float
            When it was complete here (LSL clock, seconds).
        """
        self._recent.append((index, stamp_s * self._speed))
        if len(self._recent) < _LEAST:
            return Arrival(float("nan"), float("nan"))
        indices, stamps_s = np.array(self._recent).T
        tr_s = float(np.median(np.diff(stamps_s) / np.diff(indices)))
        behind_s = stamps_s - indices * tr_s
        lag_s = float(behind_s[-1] - behind_s.min())
        self.late += int(lag_s > LATE_FROM_TR * tr_s)
        return Arrival(tr_s, 1e3 * lag_s)
