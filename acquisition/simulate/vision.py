"""What the visual areas of the synthetic person respond to.

Early areas: brightness, two colour oppositions and edges at a place in the picture, each voxel at
its own place, the left half of the picture in the right half of the brain. Higher areas: a random
mixture of the semantic embedding. Neither uses anything that a decoder or renderer learned.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from phosphene.stimuli import C_DIM, Scene, draw, embed

__all__ = ["GRID", "N_FEATURES", "N_LOW", "early_weights", "higher_weights", "scene_features"]

Array = npt.NDArray[np.float32]

GRID = 8
N_CHANNELS = 4
N_LOW = N_CHANNELS * GRID * GRID
N_FEATURES = 1 + N_LOW + C_DIM
_PICTURE_PX = 64
_REACH = 1.2
"""Largest eccentricity of a receptive field, in half picture widths."""
_EDGE_GAIN = 3.0


@lru_cache(maxsize=512)
def scene_features(scene: Scene | None) -> Array:
    """Put what a person sees in numbers: (1 + 4 x 8 x 8 + C_DIM,); all 0 for a blank screen.

    Order: 1 for any picture; then brightness, red-green, blue-yellow and edge strength, each on the
    8 x 8 grid; then the semantic embedding.
    """
    if scene is None:
        features = np.zeros(N_FEATURES, np.float32)
    else:
        low = picture_features(draw(scene, _PICTURE_PX))
        features = np.concatenate([[1.0], low, embed(scene)]).astype(np.float32)
    features.flags.writeable = False  # shared by all callers
    return features


def picture_features(picture: npt.NDArray[np.uint8]) -> Array:
    """Low-level features of a picture (H, W, 3) on the 8 x 8 grid, (256,), each about -1 to 1."""
    red, green, blue = (picture[..., k].astype(np.float32) / 255.0 for k in range(3))
    light = (red + green + blue) / 3.0
    slope = np.hypot(ndimage.sobel(light, 0), ndimage.sobel(light, 1)) / 4.0
    maps = [2 * light - 1, red - green, blue - (red + green) / 2, _EDGE_GAIN * np.minimum(slope, 1)]
    rows, columns = picture.shape[0] // GRID, picture.shape[1] // GRID
    pooled = [m.reshape(GRID, rows, GRID, columns).mean((1, 3)).ravel() for m in maps]
    return np.concatenate(pooled).astype(np.float32)


def early_weights(at_mm: Array, rng: np.random.Generator) -> Array:
    """Weights (voxels, N_FEATURES) of early visual voxels at given places (voxels, 3).

    Position within the hemisphere sets where the voxel looks: from low to high it goes from the top
    of the picture to the bottom, from back to front from its middle to its border.
    """
    weights = np.zeros((len(at_mm), N_FEATURES), np.float32)
    weights[:, 0] = 0.3
    centre = (np.arange(GRID) + 0.5) / GRID * 2 - 1
    column, row = np.meshgrid(centre, centre)  # row runs down
    for right in (True, False):
        members = np.flatnonzero((at_mm[:, 0] > 0) == right)
        side = -1.0 if right else 1.0
        height = _rank(at_mm[members, 2])
        outward = _REACH * np.sqrt(_rank(at_mm[members, 1]))
        angle = np.radians(85.0 * (2 * height - 1))
        look_x, look_row = side * outward * np.cos(angle), outward * np.sin(angle)
        for k, voxel in enumerate(members):
            width = 0.15 + 0.15 * outward[k]
            field = np.exp(-((column - look_x[k]) ** 2 + (row - look_row[k]) ** 2) / (2 * width**2))
            taste = rng.standard_normal(N_CHANNELS)
            taste[3] = abs(taste[3])
            taste /= np.linalg.norm(taste)
            weights[voxel, 1 : 1 + N_LOW] = np.outer(taste, field / field.sum()).ravel()
    return weights


def higher_weights(n_voxels: int, rng: np.random.Generator) -> Array:
    """Weights (voxels, N_FEATURES) of higher visual voxels: unit mixtures of the embedding."""
    weights = np.zeros((n_voxels, N_FEATURES), np.float32)
    weights[:, 0] = 0.3
    mixture = rng.standard_normal((n_voxels, C_DIM))
    weights[:, 1 + N_LOW :] = mixture / np.linalg.norm(mixture, axis=1, keepdims=True)
    return weights


def _rank(values: Array) -> Array:
    """Rank of each value from 0 to 1, ties in order."""
    ranks: Array = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float32)
    return ranks / np.float32(max(len(values) - 1, 1))
