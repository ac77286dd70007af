"""What is shown when there is nothing to show: mid grey with a fixation cross.

The renderer paints it, and the gate knows it: under this name nothing else passes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["neutral_picture"]

GREY = 128
CROSS = 32


def neutral_picture(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Paint the neutral frame, uint8 (height, width, 3).

    The cross has arms of an eighth of the shorter side and lies exactly in the middle; its lines
    are two pixels wide per 64, so that it is symmetric for every even side.
    """
    frame = np.full((height, width, 3), GREY, np.uint8)
    side = min(height, width)
    arm, half = max(1, side // 8), max(1, side // 64)

    def around(middle: int, reach: int) -> slice:
        return slice(max(0, middle - reach), middle + reach)

    y, x = height // 2, width // 2
    frame[around(y, half), around(x, arm)] = CROSS
    frame[around(y, arm), around(x, half)] = CROSS
    return frame
