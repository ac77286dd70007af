"""Whether pictures keep up with the brain, and how long they have not. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gui.curves import Curves
from gui.seen import Timeline
from phosphene.latency import SAMPLES_BUDGET_MS, budget_ms
from phosphene.messages import Percept
from phosphene.sink import Showing

__all__ = ["Pace", "PaceWatch"]


@dataclass(frozen=True)
class Pace:
    """How well pictures follow the data.

    Attributes
    ----------
    latency_ms : float or None
        From brain data to picture, all stages, of the newest percept that is shown.
    budget_ms : float
        Latency that is no reason to worry: one step of volumes, half a second of samples.
    slow_s, unsure_s : float
        For how many seconds latency has been above the budget, and pictures have stayed away for
        want of confidence though there was something to decode.
    """

    latency_ms: float | None = None
    budget_ms: float = SAMPLES_BUDGET_MS
    slow_s: float = 0.0
    unsure_s: float = 0.0


class PaceWatch:
    """Measures how long pictures have been late or unsure.

    Parameters
    ----------
    volumes : bool
        Whether the data are volumes.
    """

    def __init__(self, *, volumes: bool) -> None:
        self._volumes = volumes
        self._since_s: dict[str, float] = {}

    def look(
        self,
        curves: Curves,
        operator: Showing,
        percepts: Mapping[int, Percept],
        truth: Timeline,
        now_s: float,
    ) -> Pace:
        """Return how it is at `now_s` (LSL clock, seconds).

        Parameters
        ----------
        curves : Curves
            Latencies and steps.
        operator : Showing
            The operator's view.
        percepts : mapping of int to Percept
            The percepts that are known, by their numbers.
        truth : Timeline
            What was shown, as far as it is known.
        now_s : float
            Present time.
        """
        latency_ms, step_s = curves.latency_ms(), curves.step_s()
        most_ms = budget_ms(step_s if self._volumes else None)
        slow = operator.passing and latency_ms is not None and latency_ms > most_ms
        frame = operator.frame
        neutral = frame is not None and frame.state == "neutral"
        percept = percepts.get(frame.percept_seq) if frame is not None and neutral else None
        unsure = percept is not None and _expected(percept, truth)
        return Pace(
            latency_ms, most_ms,
            self._held_s("slow", now_s, holds=slow), self._held_s("unsure", now_s, holds=unsure),
        )  # fmt: skip

    def _held_s(self, name: str, now_s: float, *, holds: bool) -> float:
        """Return for how many seconds a condition has held."""
        if not holds:
            self._since_s.pop(name, None)
            return 0.0
        return now_s - self._since_s.setdefault(name, now_s)


def _expected(percept: Percept, truth: Timeline) -> bool:
    """Tell whether a picture could come: not of rest, nor of what was before the recording."""
    return percept.t_seen >= 0.0 and truth.at(percept.t_seen).kind != "rest"
