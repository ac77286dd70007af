"""How early a frame has to be begun so that it is out exactly when it is due."""

from __future__ import annotations

__all__ = ["Lead"]

MARGIN_S = 0.002
RISE, FALL = 0.5, 0.02


class Lead:
    """Follows the time a frame takes: quickly up, slowly down.

    Parameters
    ----------
    most_s : float
        Never begin earlier than this before the due time, in seconds.
    """

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._cost_s = 0.0

    @property
    def seconds(self) -> float:
        """Seconds before the due time at which work has to begin."""
        return min(self._most_s, self._cost_s + MARGIN_S)

    def learn(self, cost_s: float) -> None:
        """Take in what the newest frame has cost, in seconds."""
        rate = RISE if cost_s > self._cost_s else FALL
        self._cost_s += rate * (cost_s - self._cost_s)
