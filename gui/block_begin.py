"""What a block has not decoded yet: the picture of the block before is not its own. No Qt."""

from __future__ import annotations

import math
from dataclasses import replace

from gui.texts import mark
from gui.viewers.state import PROTOCOL_REASONS
from phosphene.messages import Frame, View
from phosphene.sink import Showing

__all__ = ["NOT_YET", "BlockBegin"]

NOT_YET = mark("no picture of this block yet")


class BlockBegin:
    """Tells pictures of a block from those of the one before.

    Between blocks the gate shows nothing, and the renderer goes on with what it had: until the
    first percept of the next block that is its last picture from before the rest.

    Parameters
    ----------
    paced : bool
        False: at full speed each picture comes with its data, and nothing is left from before.
    """

    def __init__(self, *, paced: bool) -> None:
        self._paced = paced
        self._between = False
        self._begun_s = -math.inf

    def on_view(self, view: View) -> None:
        """Take in what the gate says of the operator's view."""
        if view.passing and self._between:
            self._begun_s = view.t_sent
        self._between = not view.passing and view.reason in PROTOCOL_REASONS

    def is_before(self, frame: Frame) -> bool:
        """Return whether a frame is of a percept from before the block."""
        return self._paced and frame.percept_seq >= 0 and frame.t_percept < self._begun_s

    def own(self, showing: Showing) -> Showing:
        """Return what is shown of this block: words in place of a picture from before it."""
        if showing.frame is None or not self.is_before(showing.frame):
            return showing
        return replace(showing, picture=None, frame=None, age_s=None, reason=NOT_YET)
