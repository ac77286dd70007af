"""From what a judge reads off pictures to figures beside chance."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phosphene.stimuli.scene import PLACE_LIMIT, SIZE_RANGE, TILT_LIMIT_RAD
from phosphene.stimuli.space import N_CATEGORIES
from renderer.training.judge import Reading

Pictures = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]
Z_95 = 1.959964
"""Of the normal distribution, two-sided 95 %."""


class Score(NamedTuple):
    """Accuracy, that against other scenes' labels, and median errors.

    Hue in turns, place and size in half picture widths, tilt in degrees.
    """

    accuracy: float
    shuffled: float
    hue: float
    place: float
    size: float
    tilt: float
    n: int


def score(read: Reading, c: Array, seed: int = 0) -> Score:
    """Compare a reading with the embeddings (n, C_DIM) that were asked for."""
    category = c[:, :N_CATEGORIES].argmax(axis=1)
    hue = np.arctan2(c[:, 9], c[:, 8]) / (2 * np.pi) % 1.0
    turn = np.abs(read.hue - hue)
    distance = np.linalg.norm(read.place - c[:, 10:12], axis=1)
    shuffled = np.random.default_rng(seed).permutation(len(category))
    half_range = (SIZE_RANGE[1] - SIZE_RANGE[0]) / 2
    return Score(
        float(np.mean(read.category == category)),
        float(np.mean(read.category == category[shuffled])),
        float(np.median(np.minimum(turn, 1.0 - turn))),
        float(np.median(distance)) * PLACE_LIMIT,
        float(np.median(np.abs(read.size - c[:, 12]))) * half_range,
        math.degrees(float(np.median(np.abs(read.tilt - c[:, 13]))) * TILT_LIMIT_RAD),
        len(category),
    )


def chance(read: Reading, c: Array, seed: int = 1) -> Score:
    """Score the same reading against the embeddings of other scenes."""
    return score(read, c[np.random.default_rng(seed).permutation(len(c))], seed)


def wilson(rate: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """Interval of a rate seen in `n` trials (Wilson 1927), 95 % unless told otherwise.

    Raises
    ------
    ValueError
        If `rate` is not in [0, 1] or `n` is below 1.
    """
    if not 0.0 <= rate <= 1.0 or n < 1:
        raise ValueError(f"rate {rate} of n = {n}: allowed are 0 to 1 and n from 1 on")
    middle = rate + z * z / (2 * n)
    spread = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    below, scale = 1e-12, 1 + z * z / n
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return (0.0 if low < below else low), (1.0 if high > 1 - below else high)


def psnr_db(a: Pictures, b: Pictures) -> float:
    """Peak signal-to-noise ratio over all pictures, in decibels."""
    total = 0.0
    for one, other in zip(a, b, strict=True):  # one by one: float64 of all would be gigabytes
        total += float(np.mean((one.astype(np.float32) - other.astype(np.float32)) ** 2))
    error = total / len(a)
    return 10.0 * math.log10(255.0**2 / error) if error else math.inf


def sharpness(pictures: Pictures) -> float:
    """Mean absolute difference of neighbouring pixels, in grey levels."""
    steps = [np.abs(np.diff(one.astype(np.int16), axis=1)).mean() for one in pictures]
    return float(np.mean(steps))
