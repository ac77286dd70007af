"""What a window for other eyes than the operator's shows; pure, with the time handed in.

Both are told by the gate alone: whether anything may be shown, the frame, and in a neurofeedback
run the score. A score never outlives its block, its permission or the flow of data.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from phosphene.feedback.protocol import OUTSIDE, DataClock
from phosphene.gate.policy import BETWEEN_BLOCKS
from phosphene.messages import Feedback, Message, View
from phosphene.sink import FRESH_S, Showing

__all__ = ["CURVE_S", "PROTOCOL_REASONS", "ViewerModel", "ViewerState"]

CURVE_S = 60.0
"""Length of the curve of scores, in seconds of data."""
STALE_S, STALE_STEPS = 4.0, 4.0
"""A score is gone when its data are older than this: in seconds, and in steps of the data."""
ANEW_S = 5.0
"""Data that are older than the newest by more than this have begun anew, in seconds."""
_FIRST_STEP_S = 2.5
_MOST_POINTS = 4096
SCORED = frozenset({"thermometer", "curve", "score"})
PROTOCOL_REASONS = frozenset(
    {
        BETWEEN_BLOCKS,
        OUTSIDE.reason,
        "rest block",
        "task block",
        "feedback is a score",
        "feedback comes after this block",
    }
)
"""Reasons of the gate that withhold pictures as the protocol wants, while the run goes on."""

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ViewerState:
    """What is drawn.

    Attributes
    ----------
    picture : uint8 array (height, width, 3) or None
        The picture; None for none.
    display : str
        How the score is drawn: ``thermometer``, ``curve``, ``score``; else ``none``.
    score : float or None
        The score from 0 to 1.
    curve : tuple of (float, float)
        Scores of the block: seconds before the newest, and score; oldest first.
    instruction : str
        What the person is asked to do.
    fixation : bool
        Whether a cross is drawn to look at.
    recording : bool
        Whether the lamp says that something is recorded.
    passing : bool
        Whether the gate lets anything through.
    caption : str
        A line below the picture; for observers only.
    """

    picture: Picture | None = None
    display: str = "none"
    score: float | None = None
    curve: tuple[tuple[float, float], ...] = ()
    instruction: str = ""
    fixation: bool = False
    recording: bool = False
    passing: bool = False
    caption: str = ""

    def same(self, other: ViewerState) -> bool:
        """Return whether both look alike; pictures count as alike where they are one array."""
        return self.picture is other.picture and self._rest() == other._rest()

    def _rest(self) -> tuple[object, ...]:
        return (self.display, self.score, self.curve, self.instruction, self.fixation,
                self.recording, self.passing, self.caption)  # fmt: skip


class ViewerModel:
    """Turns what the gate says into what a window shows.

    Parameters
    ----------
    protocol : bool
        Whether the run follows a protocol: then a picture is shown only where it is the feedback.
    recording : bool
        Whether the run is recorded.
    pace : float or None
        Seconds of data in a second; None where they come as fast as they can.
    """

    def __init__(self, *, protocol: bool, recording: bool, pace: float | None = 1.0) -> None:
        self.recording = recording
        self._protocol, self._pace = protocol, pace
        self._view: View | None = None
        self._step_s = _FIRST_STEP_S
        self._newest: Feedback | None = None
        self._curve: deque[tuple[float, float]] = deque(maxlen=_MOST_POINTS)
        self._clock = DataClock(pace)

    def take(self, message: Message) -> None:
        """Take in a view or a score from the gate; other messages are not for it."""
        header = message.header
        if isinstance(header, View):
            self._view = header
            if not header.feedback:
                self._forget()
        elif isinstance(header, Feedback):
            self._take_feedback(header)

    def state(self, showing: Showing, now_s: float) -> ViewerState:
        """Return what to show.

        Parameters
        ----------
        showing : Showing
            What the gate lets through to this window's sink.
        now_s : float
            Present time (LSL clock, seconds).
        """
        view = self._view
        fresh = view is not None and now_s - view.t_sent <= FRESH_S
        scored = view is not None and fresh and view.feedback
        waiting = fresh and showing.reason in PROTOCOL_REASONS
        if not (showing.passing or scored or waiting):
            # Nothing of before may come back once this is over.
            self._forget()
            return ViewerState(recording=self.recording)
        if self._protocol:
            return self._of_block(showing, now_s)
        return ViewerState(
            picture=showing.picture, fixation=waiting,
            recording=self.recording, passing=showing.passing,
        )  # fmt: skip

    def _take_feedback(self, header: Feedback) -> None:
        last = self._newest
        if last is not None and header.t_data < last.t_data - ANEW_S:
            # A gate that was started again, a replay that was set back.
            self._forget()
            last = None
        if last is None or header.block != last.block:
            self._curve.clear()
        self._newest = header
        self._clock.saw(header.t_data, header.t_acquired)
        if header.display in SCORED and math.isfinite(header.score):
            self._add(header.t_data, min(1.0, max(0.0, header.score)))

    def _add(self, t_data: float, score: float) -> None:
        curve = self._curve
        if curve and curve[-1][0] >= t_data:
            curve.pop()  # the same moment, told again
        elif curve:
            self._step_s = t_data - curve[-1][0]
        curve.append((t_data, score))
        while curve[0][0] < t_data - CURVE_S:
            curve.popleft()

    def _of_block(self, showing: Showing, now_s: float) -> ViewerState:
        header = self._running(now_s)
        plain = ViewerState(recording=self.recording, passing=True)
        if header is None:
            return replace(plain, fixation=True)
        plain = replace(plain, instruction=header.instruction)
        if header.display == "picture":
            return replace(plain, picture=showing.picture, fixation=showing.picture is None)
        if header.display in SCORED and self._curve and self._curve[-1][0] == header.t_data:
            newest_s, score = self._curve[-1]
            curve = tuple((newest_s - t, value) for t, value in self._curve)
            return replace(plain, display=header.display, score=score, curve=curve)
        return replace(plain, fixation=True)

    def _running(self, now_s: float) -> Feedback | None:
        """Return the newest word about the block that runs now; None where there is none."""
        header, data_s = self._newest, self._clock.now(now_s)
        if header is None or data_s is None or header.block < 0 or data_s >= header.block_end_s:
            return None
        limit_s = max(STALE_S, STALE_STEPS * self._step_s / (self._pace or 1.0))
        return None if now_s - header.t_acquired > limit_s else header

    def _forget(self) -> None:
        self._newest = None
        self._curve.clear()
        self._clock = DataClock(self._pace)
