"""What one sink may show at a given time; pure, with the time handed in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.messages import Frame, View

__all__ = ["FRESH_S", "Showing", "SinkState"]

FRESH_S = 0.75
"""A word of the gate counts for this many seconds (it speaks ten times a second)."""

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Showing:
    """What a sink shows.

    Attributes
    ----------
    picture : uint8 array (height, width, 3) or None
        None means blank.
    frame : Frame or None
        Header of that picture.
    passing : bool
        True while the gate lets frames through to this sink.
    reason : str
        Why the sink is blank; empty while it is not.
    age_s : float or None
        Age of the brain data behind the picture, in seconds.
    """

    picture: Picture | None
    frame: Frame | None
    passing: bool
    reason: str
    age_s: float | None


class SinkState:
    """Newest picture and permission of one sink.

    A frame that comes without permission is counted and forgotten, and losing the permission
    forgets the picture, so nothing old can reappear later.

    Parameters
    ----------
    name : str
        ``self``, ``operator`` or ``observer``.
    fresh_s : float
        Seconds for which a word of the gate counts.

    Attributes
    ----------
    shown, blank : int
        Frames that came with and without permission.
    gaps : int
        Frames missing in the gate's numbering while frames passed.
    blankings : int
        How often a picture had to go.
    passed : int
        Frames that the gate says it has passed on to this sink.
    """

    def __init__(self, name: str, fresh_s: float = FRESH_S) -> None:
        self.name = name
        self.shown = self.blank = self.gaps = self.blankings = self.passed = 0
        self._fresh_s = fresh_s
        self._view: View | None = None
        self._frame: Frame | None = None
        self._picture: Picture | None = None
        self._last_seq: int | None = None

    def on_view(self, view: View) -> None:
        """Take in what the gate says about this sink."""
        self._view = view
        self.passed = view.passed
        if not view.passing:
            # The gate holds frames back from here on: their numbers are not missing.
            self._last_seq = None
            self._forget()

    def on_frame(self, frame: Frame, picture: Picture, now_s: float) -> None:
        """Take in a frame that arrived at `now_s` (LSL clock, seconds)."""
        if self._last_seq is not None and frame.seq > self._last_seq:
            self.gaps += frame.seq - self._last_seq - 1
        self._last_seq = frame.seq
        if self._why_blank(now_s) or frame.level == 0:
            self.blank += 1
            self._forget()
            return
        self.shown += 1
        self._frame, self._picture = frame, picture

    def showing(self, now_s: float) -> Showing:
        """Return what to show at `now_s` (LSL clock, seconds); forgets what may not be shown."""
        reason = self._why_blank(now_s)
        if reason:
            self._forget()
            return Showing(None, None, False, reason, None)
        if self._frame is None:
            return Showing(None, None, True, "no frame has come yet", None)
        age_s = self._frame.age_s + now_s - self._frame.t_rendered
        return Showing(self._picture, self._frame, True, "", age_s)

    def counts(self) -> dict[str, int]:
        """Return the counters, each named after the sink."""
        names = ("shown", "blank", "gaps", "blankings", "passed")
        return {f"{self.name}_{name}": int(getattr(self, name)) for name in names}

    def _why_blank(self, now_s: float) -> str:
        if self._view is None:
            return "the gate has not spoken yet"
        # The gate's own stamp counts, not the arrival: words that waited in a queue are old too.
        if now_s - self._view.t_sent > self._fresh_s:
            return f"the gate has been silent for more than {self._fresh_s:g} s"
        return "" if self._view.passing else self._view.reason or "the gate holds frames back"

    def _forget(self) -> None:
        if self._picture is not None:
            self.blankings += 1
        self._frame = self._picture = None
