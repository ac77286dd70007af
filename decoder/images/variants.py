"""More pictures of the same kind: training pictures moved, bent, and drawn thicker or thinner.

What stands for the prior over pictures: no other data than the training pictures enters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates

__all__ = ["Variety", "vary"]

Array = npt.NDArray[Any]
BEND_SMOOTH_PX = 4.0
STROKE_BLUR_PX, STROKE_SLOPE = 0.8, 2.5


@dataclass(frozen=True)
class Variety:
    """How much variants differ; standard deviations.

    Attributes
    ----------
    shift_px : float
    turn_deg : float
    scale : float
        Of the logarithm of each side's scale.
    shear : float
    bend_px : float
        Of a smooth displacement field.
    stroke : float
        Of a change of stroke width, in units of brightness at the outline.
    """

    shift_px: float = 0.4
    turn_deg: float = 4.0
    scale: float = 0.05
    shear: float = 0.08
    bend_px: float = 0.5
    stroke: float = 0.15


def vary(pictures: Array, count: int, variety: Variety, seed: int) -> Array:
    """Draw variants of pictures chosen at random.

    Parameters
    ----------
    pictures : array (n, height, width)
        From 0 to 1.
    count : int
        How many are wanted.
    variety : Variety
    seed : int

    Returns
    -------
    array (count, height, width) float32
        From 0 to 1.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(pictures), count)
    drawn = [_variant(pictures[index], variety, rng) for index in chosen]
    return np.array(drawn, np.float32)


def _variant(picture: Array, variety: Variety, rng: np.random.Generator) -> Array:
    where = _places(picture.shape, variety, rng)
    moved = map_coordinates(picture, where, order=1).reshape(picture.shape)
    change = rng.normal(0.0, variety.stroke)
    blurred = gaussian_filter(moved, STROKE_BLUR_PX)
    redrawn = np.clip((blurred - 0.5 + 0.6 * change) * STROKE_SLOPE + 0.5, 0.0, 1.0)
    # The larger the change, the less of the old stroke is left.
    share = min(1.0, 4.0 * abs(change))
    return np.asarray((1.0 - share) * moved + share * redrawn)


def _places(shape: tuple[int, ...], variety: Variety, rng: np.random.Generator) -> Array:
    """Where in the old picture each new pixel comes from, (2, height * width)."""
    grid = np.indices(shape).reshape(2, -1).astype(np.float64)
    centre = (np.array(shape)[:, None] - 1) / 2
    angle = np.deg2rad(rng.normal(0.0, variety.turn_deg))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1.0, 0.0], [rng.normal(0.0, variety.shear), 1.0]])
    stretch = np.diag(np.exp(rng.normal(0.0, variety.scale, 2)))
    # White noise smoothed by s has a standard deviation of 1 / (2 s sqrt(pi)).
    gain = variety.bend_px * 2.0 * BEND_SMOOTH_PX * np.sqrt(np.pi)
    bend = [gaussian_filter(rng.normal(size=shape), BEND_SMOOTH_PX).ravel() for _ in range(2)]
    shift = rng.normal(0.0, variety.shift_px, (2, 1))
    moved = turn @ shear @ stretch @ (grid - centre) + centre + shift
    return np.asarray(moved + gain * np.array(bend))
