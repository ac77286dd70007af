"""Which frame is worth painting: none that is old when the next one is about to come. Pure."""

from __future__ import annotations

from phosphene.messages import Frame

__all__ = ["Freshness"]

OLD_S = 0.015
"""From this age on a frame is left out where the next one is due within an interval."""
FAST_S = 0.06
"""Only streams whose frames are closer than this: of slower ones each frame counts."""


class Freshness:
    """Tells whether the newest frame can be left out in favour of the one that comes next.

    After the window has stood still, the newest frame may have waited for most of an interval.
    Painting it would show it for a few milliseconds, as old as it is, and keep the window busy when
    its successor comes. No two frames in a row are left out, and each only until its successor is
    an interval overdue, so that a window which is always late still shows pictures.
    """

    def __init__(self) -> None:
        self._last: Frame | None = None
        self._interval_s = float("inf")
        self._left_out = -1

    def leave_out(self, frame: Frame | None, now_s: float) -> bool:
        """Return whether to wait for the next frame instead of painting this one.

        Parameters
        ----------
        frame : Frame or None
            Header of the newest frame; None where nothing may be shown, which is never left out.
        now_s : float
            Present time in seconds, on the clock of `Frame.t_sent`.
        """
        last, self._last = self._last, frame
        if frame is None or last is None:
            return False
        if frame.seq == last.seq:
            # Asked again about the same frame: its successor has not come in time.
            return self._left_out == frame.seq and now_s < frame.t_sent + 2 * self._interval_s
        ran_on = frame.seq > last.seq
        self._interval_s = (
            (frame.t_sent - last.t_sent) / (frame.seq - last.seq) if ran_on else float("inf")
        )
        age_s = now_s - frame.t_sent
        late = self._interval_s <= FAST_S and OLD_S <= age_s < 2 * self._interval_s
        if not late or self._left_out == last.seq:
            return False
        self._left_out = frame.seq
        return True
