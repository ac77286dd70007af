"""Pictures as shapes: the distance of each pixel to the outline of the figure.

The mean of pictures is a blur; the mean of their signed distances is again a shape, with an
outline (shape-based interpolation, Raya & Udupa 1990; shape spaces for segmentation, Leventon et
al. 2000). A soft step turns distances back into grey values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, zoom
from scipy.special import expit

__all__ = ["FAR_PX", "ink", "shape_code", "signed_distances"]

Array = npt.NDArray[Any]
FAR_PX = 8.0
"""Distances are held within this: farther off, the outline says nothing about a pixel."""
CODE_PX = 4.0
"""The same in the code that responses are related to."""


def signed_distances(pictures: Array, finer: int = 4) -> Array:
    """Distance to the outline in pixels, positive inside the figure.

    The outline is where a picture that is made `finer` times as large crosses half of full
    brightness. A picture without figure is -`FAR_PX` all over, one without ground the opposite.

    Parameters
    ----------
    pictures : array (n, height, width)
        From 0 (ground) to 1.
    finer : int
        1 or more.

    Returns
    -------
    array (n, height, width)
    """
    return np.array([_signed(picture, finer) for picture in pictures])


def _signed(picture: Array, finer: int) -> Array:
    height, width = picture.shape
    inside = zoom(picture, finer, order=1) > 0.5
    if inside.all() or not inside.any():
        return np.full(picture.shape, FAR_PX if inside.all() else -FAR_PX)
    distance = (distance_transform_edt(inside) - distance_transform_edt(~inside)) / finer
    mean = distance.reshape(height, finer, width, finer).mean(axis=(1, 3))
    return np.asarray(np.clip(mean, -FAR_PX, FAR_PX))


def ink(distances: Array, softness_px: float, cut: float) -> Array:
    """Grey values from distances.

    Parameters
    ----------
    distances : array
        In pixels.
    softness_px : float
        Width of the step: twice the standard error of where the outline is, roughly.
    cut : float
        Grey below this becomes 0 and above 1 - `cut` 1, with what is between stretched. Below 0.5.

    Returns
    -------
    array
        From 0 to 1, same shape.
    """
    step = expit(2.0 / softness_px * distances)
    return np.asarray(np.clip((step - cut) / (1.0 - 2.0 * cut), 0.0, 1.0))


def shape_code(pictures: Array, distances: Array, scales: tuple[float, float]) -> Array:
    """Pixels and near distances side by side, (n, 2 * height * width), each times its scale."""
    near = np.clip(distances, -CODE_PX, CODE_PX)
    flat = [part.reshape(len(part), -1) for part in (pictures, near)]
    return np.hstack([flat[0] * scales[0], flat[1] * scales[1]])


def code_scales(pictures: Array, distances: Array) -> tuple[float, float]:
    """Scales that give pixels and near distances the same total variance over these pictures."""
    near = np.clip(distances, -CODE_PX, CODE_PX)
    return _scale(pictures), _scale(near)


def _scale(part: Array) -> float:
    total = float(part.reshape(len(part), -1).var(axis=0).sum())
    return 1.0 / np.sqrt(total) if total > 0 else 1.0
