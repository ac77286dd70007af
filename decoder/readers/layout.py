"""Pictures as people store them, to uint8 RGB (n, H, W, 3).

Flat (n, N), grey (n, H, W), colour (n, H, W, 3) or (n, 3, H, W), clips (n, frames, H, W, 3), and
each of these with the trials last, as MATLAB likes them; 8 bits, 0 to 1 or 0 to 255.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.readers.options import Order
from phosphene.errors import InputError, problem

__all__ = ["Pictures", "as_bytes", "frames_of", "pictures_of"]

Pictures = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]


def pictures_of(
    values: Array, trials: int, order: Order = "row", shape: tuple[int, ...] | None = None
) -> Pictures:
    """Bring pictures into one layout.

    Parameters
    ----------
    values : array
        In one of the layouts above.
    trials : int
        How many pictures there are.
    order : str
        ``row``: pixels of a row follow each other; ``column``: those of a column do, which turns
        flat pictures, and arrays of pictures that are stored transposed.
    shape : tuple of int, optional
        (H, W) or (H, W, 3) of flat pictures; None takes a square.

    Returns
    -------
    array (trials, H, W, 3) uint8, or (trials, frames, H, W, 3) for clips

    Raises
    ------
    InputError
        If the layout or the values cannot be understood; says how pictures may be stored.
    """
    own = np.asarray(values)
    if own.ndim and own.shape[0] != trials and own.shape[-1] == trials:
        own = np.moveaxis(own, -1, 0)
    if own.ndim == 0 or own.shape[0] != trials:
        raise InputError(
            problem("stimuli", values.shape, f"{trials} pictures, first or last axis",
                    "Name the array that has one picture for each response.")
        )  # fmt: skip
    if own.ndim == 2:
        return as_bytes(_unflattened(own, order, shape))
    if own.ndim == 4 and own.shape[-1] != 3 and own.shape[1] == 3:
        own = np.moveaxis(own, 1, -1)
    grey = own.ndim == 3
    if not grey and (own.ndim not in (4, 5) or own.shape[-1] != 3):
        raise _strange(values.shape)
    full = as_bytes(np.repeat(own[..., None], 3, axis=-1) if grey else own)
    return np.ascontiguousarray(full.swapaxes(-3, -2)) if order == "column" else full


def frames_of(found: Pictures) -> Pictures:
    """Return still pictures: of clips, the frame in the middle."""
    return found if found.ndim == 4 else found[:, found.shape[1] // 2]


def _unflattened(values: Array, order: Order, shape: tuple[int, ...] | None) -> Array:
    n, count = values.shape
    if shape is None:
        side = math.isqrt(count)
        shape = (side, side)
        if count % 3 == 0 and side * side != count:
            side = math.isqrt(count // 3)
            shape = (side, side, 3)
    if math.prod(shape) != count or len(shape) not in (2, 3) or shape[2:] not in ((), (3,)):
        raise InputError(
            problem("pictures", f"{count} pixels", "a square, or --picture-shape H,W or H,W,3",
                    f"Give the shape of {count} pixels, or --stimuli-are vectors.")
        )  # fmt: skip
    if order == "row":
        grid = values.reshape(n, *shape)
    else:
        grid = values.reshape(n, *reversed(shape)).transpose(0, *range(len(shape), 0, -1))
    return grid if grid.ndim == 4 else np.repeat(grid[..., None], 3, axis=-1)


def as_bytes(values: Array) -> Pictures:
    """Bring values to 0 ... 255; what they were is told by their type and range.

    Whole numbers of 0 and 1 alone are black and white; fractions of 0 to 1 are shares of 255.
    """
    if values.dtype == np.bool_ or not values.size:
        return np.ascontiguousarray(values.astype(np.uint8) * 255)
    if values.dtype.kind not in "uif":
        raise InputError(problem("stimuli", values.dtype.name, "numbers", "Name another array."))
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)) or low < 0 or high > 255:
        raise InputError(
            problem("values of pictures", f"{low:g} to {high:g}", "0 to 255, or 0 to 1",
                    "Scale them, or say --stimuli-are vectors.")
        )  # fmt: skip
    if high <= 1:
        return np.ascontiguousarray(np.rint(values.astype(np.float64) * 255).astype(np.uint8))
    return np.ascontiguousarray(np.rint(values).astype(np.uint8))


def _strange(shape: tuple[int, ...]) -> InputError:
    allowed = "(n, N), (n, H, W), (n, H, W, 3), (n, 3, H, W) or (n, frames, H, W, 3)"
    return InputError(
        problem("stimuli", shape, f"{allowed}, or with n last", "Store them like that.")
    )
