"""What is shown when there is nothing to show, in the size of the pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phosphene.neutral import neutral_picture


def neutral_frame(size_px: int = 64) -> npt.NDArray[np.uint8]:
    """Paint the neutral frame, uint8 (size_px, size_px, 3)."""
    return neutral_picture(size_px, size_px)
