"""What the blocks of a protocol allow: what is decoded, and who sees a picture of it."""

from __future__ import annotations

from phosphene.feedback.desk import FeedbackDesk
from phosphene.feedback.protocol import OUTSIDE, BlockState
from phosphene.gate.policy import RECORDER_SINK, STREAM_SINK

__all__ = ["BlockRule"]

BLIND = "double-blind run: only the participant sees the feedback"
QUIET = frozenset({"rest", "task"})
"""Blocks of which nobody sees a picture."""


class BlockRule:
    """Asks a protocol.

    Parameters
    ----------
    desk : FeedbackDesk
        The run's feedback, which knows the present time on the recording's axis.
    lossless : bool
        True: at full speed there is no present. What is shown follows the data that each frame is
        of, and the decoder keeps to the blocks by itself.
    """

    def __init__(self, desk: FeedbackDesk, *, lossless: bool) -> None:
        self._desk, self._lossless = desk, lossless
        self._frame_s: float | None = None

    def state(self, now_s: float) -> BlockState:
        """Return what holds at `now_s` seconds of the shared clock."""
        if self._lossless:
            return self._desk.protocol.state_at(self._frame_s)
        return self._desk.state(now_s)

    def turn_to(self, t_data: float | None) -> None:
        """At full speed: go to the time of the data that the next frame is of."""
        self._frame_s = t_data

    def decodes(self, now_s: float) -> bool:
        """Return whether anything is to be decoded."""
        return self._lossless or self.state(now_s).decode

    def no_picture(self, sink: str, now_s: float) -> str:
        """Return in words why a sink gets no picture, or a program no score; empty where it may."""
        return self._why(sink, self.state(now_s))

    def no_picture_of(self, t_seen: float | None) -> str:
        """Return why nobody gets a picture of what was in the brain at `t_seen` seconds."""
        state = OUTSIDE if t_seen is None else self._desk.protocol.state_at(t_seen)
        if state.block is None or state.block.kind in QUIET:
            return state.reason
        return ""

    def _why(self, sink: str, state: BlockState) -> str:
        if state.block is None:
            return state.reason
        if sink == RECORDER_SINK:
            # A recording can be replayed: it gets what a view may get, be it the operator's alone.
            return state.reason if state.block.kind in QUIET else ""
        if sink == STREAM_SINK:
            return "" if state.score or state.picture else state.reason
        if sink == "self":
            return state.reason
        if self._desk.blind:
            return BLIND
        return state.reason if state.block.kind in QUIET else ""
