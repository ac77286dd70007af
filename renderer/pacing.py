"""How early a frame has to be begun so that it is out exactly when it is due."""

from __future__ import annotations

from collections import deque

__all__ = ["Lead"]

MARGIN_S = 0.002
WINDOW = 32
RANK = 0.9
MOST_PERIODS = 2.0


class Lead:
    """Follows the time a frame takes: the ninth decile of the newest 32, and a margin.

    Whatever is added here is waited by every percept. One slow frame therefore changes nothing (it
    is late by itself), while four out of 32 do.

    Parameters
    ----------
    rate_hz : float
        Frames per second; no frame is begun more than two periods early. Where a frame takes longer
        than a period, beginning early still aims at the due time that can be met.
    """

    def __init__(self, rate_hz: float) -> None:
        self._costs_s: deque[float] = deque(maxlen=WINDOW)
        self.retime(rate_hz)

    @property
    def seconds(self) -> float:
        """Seconds before the due time at which work has to begin."""
        return min(self._most_s, self._usual_s() + MARGIN_S)

    def learn(self, cost_s: float) -> None:
        """Take in what the newest picture has cost, in seconds."""
        self._costs_s.append(cost_s)

    def retime(self, rate_hz: float) -> None:
        """Go on at another rate, with what was learnt."""
        self._most_s = MOST_PERIODS / rate_hz

    def forget(self) -> None:
        """Begin anew, with another painter."""
        self._costs_s.clear()

    def _usual_s(self) -> float:
        ordered = sorted(self._costs_s)
        return ordered[round(RANK * (len(ordered) - 1))] if ordered else 0.0
