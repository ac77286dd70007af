"""The card that is shown in place of a picture that should not be: plainly no picture.

And the neutral frame as the gate itself paints it: what the renderer calls neutral is not trusted.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
import numpy as np
import numpy.typing as npt

from phosphene.messages import Frame, Message, describe
from phosphene.neutral import neutral_picture

__all__ = ["FILTERED", "LATE", "UNSURE", "carded", "neutralised", "no_decode_card"]

GREY, MARK = 96, 160
UNSURE = "too little confidence"
LATE = "pictures come too late"
FILTERED = "not allowed by the content filter"
"""Why the card stands in place of a picture."""


@lru_cache(maxsize=8)
def no_decode_card(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Paint a ring with a bar across it on grey, uint8 (height, width, 3), read-only."""
    side = min(height, width)
    y, x = np.ogrid[:height, :width]
    dy, dx = (y - (height - 1) / 2) / side, (x - (width - 1) / 2) / side
    radius = np.hypot(dy, dx)
    ring = abs(radius - 0.3) < 0.04
    bar = (abs(dy + dx) < 0.05) & (radius < 0.3)
    card: npt.NDArray[np.uint8] = np.full((height, width, 3), GREY, np.uint8)
    card[ring | bar] = MARK
    card.setflags(write=False)
    return card


def carded(frame: Message, why: str) -> Message:
    """Return a frame whose picture is the card; nothing of the picture is left in it.

    Parameters
    ----------
    frame : Message
        A `Frame` with array ``picture`` (height, width, 3).
    why : str
        Why, in words.

    Returns
    -------
    Message
        The same frame, ``neutral``.
    """
    height, width = frame.arrays["picture"].shape[:2]
    return _with(frame, no_decode_card(height, width), why)


def neutralised(frame: Message) -> tuple[Message, bool]:
    """Return a frame that claims to be neutral as the gate's own neutral frame.

    Parameters
    ----------
    frame : Message
        A `Frame` with array ``picture`` (height, width, 3).

    Returns
    -------
    frame : Message
        The same frame; its picture is the gate's.
    honest : bool
        Whether it was that picture already.
    """
    picture = frame.arrays["picture"]
    own = _neutral(*picture.shape[:2])
    return _with(frame, own, ""), np.array_equal(picture, own)


@lru_cache(maxsize=8)
def _neutral(height: int, width: int) -> npt.NDArray[np.uint8]:
    own = neutral_picture(height, width)
    own.setflags(write=False)
    return own


def _with(frame: Message, picture: npt.NDArray[np.uint8], why: str) -> Message:
    header: Frame = frame.header
    arrays = {"picture": picture}
    dims = {spec.name: spec.dims for spec in header.arrays}
    specs = describe(arrays, dims, {})
    header = msgspec.structs.replace(header, state="neutral", card=why, arrays=specs)
    return Message(header, arrays)
