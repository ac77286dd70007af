"""Tell whether one condition gives one picture, or as many as the world has.

The embedding c leaves open what it does not say (style, mirroring, texture). Pictures painted from
one c and several seeds should differ as much as scenes of the world with that c do.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phosphene.stimuli.scene import N_STYLES
from renderer.training.judge import SCRAMBLED

Pictures = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


class Diversity(NamedTuple):
    """Over sets of pictures, each set from one condition.

    Attributes
    ----------
    features : float
        Mean distance of two pictures of a set in the feature net, in units of what two real
        pictures of other scenes have.
    pixels : float
        Mean root-mean-square difference of two pictures of a set, in grey levels.
    styles : float
        Different styles read in a set, mean over sets in which style can be seen.
    """

    features: float
    pixels: float
    styles: float


def pair_distance(features: Floats | npt.NDArray[np.float32]) -> float:
    """Mean Euclidean distance of two different rows of (n, d); 0 if there is only one."""
    pairs = [np.linalg.norm(a - b) for a, b in combinations(features, 2)]
    return float(np.mean(pairs)) if pairs else 0.0


def pixel_distance(pictures: Pictures) -> float:
    """Mean root-mean-square difference of two different pictures, in grey levels."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float32)
    return pair_distance(flat) / float(np.sqrt(flat.shape[1]))


def nearest(pictures: Pictures, drawn: Pictures) -> Numbers:
    """Which of the drawn pictures (k, side, side, 3) each picture (n, ...) comes closest to.

    Closest by squared difference, at the side of the drawn ones; larger pictures are averaged.
    """
    n, side = len(pictures), drawn.shape[1]
    step = pictures.shape[1] // side
    small = pictures.reshape(n, side, step, side, step, 3).mean(axis=(2, 4), dtype=np.float32)
    return np.array([((drawn - one) ** 2).sum(axis=(1, 2, 3)).argmin() for one in small])


def distinct(styles: Numbers) -> int:
    """How many different styles were read."""
    return len(np.unique(styles))


def expected_distinct(n: int, kinds: int = N_STYLES) -> float:
    """Different kinds to expect in `n` even draws from `kinds`."""
    return kinds * (1.0 - (1.0 - 1.0 / kinds) ** n)


def diversity(
    sets: list[Pictures],
    features: list[Floats],
    styles: list[Numbers],
    categories: Numbers,
    scale: float,
) -> Diversity:
    """Mean over sets of pictures.

    Parameters
    ----------
    sets : list of uint8 arrays (n, side, side, 3)
        Pictures of one condition each.
    features, styles : lists of arrays (n, d) and (n,)
        Of these pictures, as the nets read them.
    categories : int array (sets,)
        Of the conditions; scrambled ones have no style.
    scale : float
        Mean distance of the features of two real pictures of different scenes.
    """
    shown = [distinct(s) for s, k in zip(styles, categories, strict=True) if k != SCRAMBLED]
    return Diversity(
        float(np.mean([pair_distance(f) for f in features])) / scale,
        float(np.mean([pixel_distance(p) for p in sets])),
        float(np.mean(shown)) if shown else float("nan"),
    )
