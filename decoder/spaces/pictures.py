"""Pictures of any size to the square that a space works on: one rule for all spaces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from phosphene.errors import InputError, problem

__all__ = ["Pictures", "as_pictures", "resize"]

Pictures = npt.NDArray[np.uint8]


def as_pictures(pictures: npt.NDArray[np.uint8]) -> Pictures:
    """Return pictures as uint8 (n, H, W, 3); grey ones, (n, H, W), get three equal channels.

    Raises
    ------
    InputError
        If they are anything else.
    """
    grey = pictures.ndim == 3 and pictures.shape[-1] != 3
    full = np.repeat(pictures[..., None], 3, axis=-1) if grey else pictures
    if full.dtype != np.uint8 or full.ndim != 4 or full.shape[-1] != 3 or 0 in full.shape[1:]:
        raise InputError(
            problem(
                "pictures",
                f"{pictures.dtype} {pictures.shape}",
                "uint8 (n, H, W, 3) or grey (n, H, W)",
                "Give RGB pictures with values of 0 to 255.",
            )
        )
    return full


def resize(pictures: npt.NDArray[np.uint8], size_px: int) -> Pictures:
    """Bring pictures to a square.

    The rule: the largest centred square is cut out, then brought to `size_px` by bicubic
    interpolation, which averages over the source pixels when it shrinks; pictures that have the
    size already are not touched.

    Parameters
    ----------
    pictures : uint8 array (n, H, W, 3), or (n, H, W) for grey
        Pictures.
    size_px : int
        Wanted side in pixels, 1 or more.

    Returns
    -------
    uint8 array (n, size_px, size_px, 3)
    """
    full = as_pictures(pictures)
    height, width = full.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = full[:, top : top + side, left : left + side]
    if side == size_px:
        return np.ascontiguousarray(square)
    made = np.empty((len(square), size_px, size_px, 3), np.uint8)
    for k, picture in enumerate(square):
        image = Image.fromarray(np.ascontiguousarray(picture))
        made[k] = np.asarray(image.resize((size_px, size_px), Image.Resampling.BICUBIC))
    return made
