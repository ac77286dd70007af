"""Abstraction levels: how much of a picture a sink may receive.

Detail is removed by averaging over areas, never by blurring: blur keeps the number of pixels and is
partly invertible, an average over an area is not there any more.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, problem

__all__ = ["LEVEL_SIDE_PX", "abstract"]

LEVEL_SIDE_PX = {1: 1, 2: 8, 3: 32}
"""Longest height and width in pixels that each reduced level passes."""

Picture = npt.NDArray[np.uint8]


@lru_cache(maxsize=32)
def _area_weights(size: int, target: int) -> npt.NDArray[np.float32]:
    """Weights (target, size) that average a line of `size` pixels over `target` equal areas."""
    edges = np.linspace(0.0, size, target + 1)
    pixel = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights: npt.NDArray[np.float32] = np.clip(overlap, 0.0, None).astype(np.float32)
    return weights * np.float32(target / size)


def abstract(picture: Picture, level: int) -> Picture | None:
    """Reduce a picture to an abstraction level.

    Parameters
    ----------
    picture : uint8 array (height, width, 3)
        sRGB.
    level : int
        4 full, 3 at most 32x32, 2 at most 8x8, 1 one colour, 0 nothing. A dimension that is
        already small enough stays; nothing is ever enlarged.

    Returns
    -------
    uint8 array (height', width', 3) or None
        None at level 0.

    Raises
    ------
    ConfigError
        If the level is none of these.
    """
    if level == 0:
        return None
    if level == 4:
        return picture
    if level not in LEVEL_SIDE_PX:
        raise ConfigError(problem("level", level, "0 to 4", "Set gate.level_* to one of these."))
    height, width = (min(side, LEVEL_SIDE_PX[level]) for side in picture.shape[:2])
    rows = _area_weights(picture.shape[0], height)  # (h', h)
    columns = _area_weights(picture.shape[1], width)  # (w', w)
    mean = np.einsum("ah,hwc,bw->abc", rows, picture.astype(np.float32), columns, optimize=True)
    reduced: Picture = np.clip(mean + 0.5, 0.0, 255.0).astype(np.uint8)
    return reduced
