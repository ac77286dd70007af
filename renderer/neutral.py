"""What is shown when there is nothing to show: mid grey with a fixation cross."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GREY = 128
CROSS = 32


def neutral_frame(size_px: int = 64) -> npt.NDArray[np.uint8]:
    """Paint the neutral frame, uint8 (size_px, size_px, 3).

    The cross has arms of an eighth of the side and lies exactly in the middle; its lines are two
    pixels wide per 64, so that it is symmetric for every even side.
    """
    frame = np.full((size_px, size_px, 3), GREY, np.uint8)
    arm, half = max(1, size_px // 8), max(1, size_px // 64)
    middle = size_px // 2
    far, near = slice(middle - arm, middle + arm), slice(middle - half, middle + half)
    frame[near, far] = CROSS
    frame[far, near] = CROSS
    return frame
