"""What every metric asks of its arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, problem

__all__ = ["need_items", "need_pictures"]

Array = npt.NDArray[Any]


def need_items(decoded: Array, true: Array, least: int) -> None:
    """Refuse arrays of different shapes, or of too few items.

    Raises
    ------
    InputError
    """
    if decoded.shape != true.shape or len(decoded) < least:
        got = f"{decoded.shape} and {true.shape}"
        raise InputError(problem("decoded, true", got, f"one shape, {least}+ items", "Match them."))


def need_pictures(decoded: Array, true: Array, side: int = 1) -> None:
    """Refuse what are no pictures of one shape (n, height, width, channels), or too small ones.

    Raises
    ------
    InputError
    """
    need_items(decoded, true, 1)
    if decoded.ndim != 4 or min(decoded.shape[1:3]) < side:
        allowed = f"(n, >= {side}, >= {side}, channels)"
        raise InputError(problem("decoded", decoded.shape, allowed, "Resize."))
    if decoded.dtype != np.uint8 or true.dtype != np.uint8:
        got = f"{decoded.dtype} and {true.dtype}"
        raise InputError(problem("decoded, true", got, "uint8", "Scale pictures to 0..255."))
