"""Which percept a recorded picture is nearest to, on the way from one to the next. No Qt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from phosphene.messages import Frame

__all__ = ["Way"]


@dataclass
class Way:
    """Follows the frames of a recording in their order.

    On the path ``smooth`` half of the way to a percept is gone after tau ln 2, on ``slerp`` after
    half of the time between percepts; before that a picture is nearer to the percept before. On
    ``hold``, or where the recording does not tell the path, each frame is its own percept's.

    Attributes
    ----------
    settings : mapping of str to str
        Of the renderer, as it told them last.
    even : bool
        Whether the run went at full speed: there each percept is painted by itself.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    even: bool = False
    _percept_s: float = -1.0
    _before_s: float = -1.0
    _begun_s: float = -math.inf
    _gap_s: float = 0.0

    def take(self, frame: Frame) -> float:
        """Return the percept, by its time of sending, that a frame is nearest to; -1: none."""
        if frame.percept_seq < 0:
            self._percept_s = self._before_s = -1.0
            return -1.0
        if frame.state == "neutral":
            # What comes next begins at its own percept: there is no picture to come from.
            self._percept_s, self._before_s = frame.t_percept, frame.t_percept
            self._begun_s = -math.inf
            return frame.t_percept
        if frame.t_percept != self._percept_s:
            self._gap_s = frame.t_rendered - self._begun_s
            from_neutral = self._percept_s < 0 or self._begun_s == -math.inf
            self._before_s = frame.t_percept if from_neutral else self._percept_s
            self._percept_s, self._begun_s = frame.t_percept, frame.t_rendered
        near = frame.t_rendered - self._begun_s < self._half_s()
        return self._before_s if near else frame.t_percept

    def _half_s(self) -> float:
        path = "" if self.even else self.settings.get("path", "")
        if path == "smooth":
            return float(self.settings.get("smoothing_s", "0")) * math.log(2)
        return self._gap_s / 2 if path == "slerp" and math.isfinite(self._gap_s) else 0.0
