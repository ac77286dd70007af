"""How old may silence get? A state machine with the time given from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from phosphene.errors import ConfigError, check_all, problem

__all__ = ["Freshness", "StaleWatch"]

Freshness = Literal["waiting", "fresh", "amber", "red"]


@dataclass(frozen=True, slots=True)
class _Limits:
    amber_s: float
    red_s: float


class StaleWatch:
    """Judge a stream by the age of its newest data.

    Parameters
    ----------
    interval_s : float
        Expected time between chunks or volumes, in seconds.
    red_s : float
        Age at which a stream counts as lost, in seconds; never less than four intervals, so that
        a slow stream is not lost between two volumes.

    Notes
    -----
    Amber comes at three intervals. Before the first data the state is "waiting", and turns red
    like any other silence, counted from the first look.
    """

    def __init__(self, interval_s: float, red_s: float = 1.0) -> None:
        problems = [
            problem(name, value, "above 0", "Correct it.")
            for name, value in (("interval_s", interval_s), ("red_s", red_s))
            if not value > 0
        ]
        check_all(problems, ConfigError, "staleness limits")
        amber_s = 3 * interval_s
        self._limits = _Limits(amber_s, max(red_s, amber_s + interval_s))
        self._since_s: float | None = None
        self._seen = False

    @property
    def seen(self) -> bool:
        """Whether any data came yet."""
        return self._seen

    def data(self, now_s: float) -> None:
        """Note that data came at `now_s` seconds."""
        self._since_s = now_s
        self._seen = True

    def age_s(self, now_s: float) -> float:
        """Return the age of the newest data in seconds; 0 at the first look."""
        if self._since_s is None:
            self._since_s = now_s
        return max(0.0, now_s - self._since_s)

    def state(self, now_s: float) -> Freshness:
        """Return the state at `now_s` seconds."""
        age_s = self.age_s(now_s)
        if age_s >= self._limits.red_s:
            return "red"
        if not self._seen:
            return "waiting"
        return "amber" if age_s >= self._limits.amber_s else "fresh"
