"""One still scene of the procedural world: which thing, where, and in which colours."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from phosphene.errors import ConfigError, check_all, problem

CATEGORIES: tuple[str, ...] = (
    "face",
    "house",
    "cat",
    "bottle",
    "scissors",
    "shoe",
    "chair",
    "scrambled",
)
"""The eight categories of Haxby et al. (2001), in the order every code vector uses."""

PLACE_LIMIT = 0.3
SIZE_RANGE = (0.5, 0.8)
TILT_LIMIT_RAD = 0.5
LIGHTNESS_RANGE = (0.25, 0.85)
N_STYLES = 6


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A single thing on a plain background.

    Parameters
    ----------
    category : str
        One of `CATEGORIES`.
    hue : float
        Hue of the thing, in turns (0 and 1 are both red).
    x, y : float
        Centre in half picture widths, right and up positive, 0 is the middle.
    size : float
        Half extent of the thing in half picture widths.
    tilt_rad : float
        In-plane rotation in radians, counter-clockwise positive.
    background_hue : float
        Hue of the background, in turns.
    background_lightness : float
        Value of the background, 0 (black) to 1.
    style : int
        0 to 5; the lowest bit mirrors the thing, the rest selects one of three variants.
    texture : int
        Seed of the tiles of a scrambled picture; other categories ignore it.
    """

    category: str
    hue: float
    x: float
    y: float
    size: float
    tilt_rad: float
    background_hue: float
    background_lightness: float
    style: int = 0
    texture: int = 0

    def __post_init__(self) -> None:
        problems = []
        if self.category not in CATEGORIES:
            names = ", ".join(CATEGORIES)
            problems.append(problem("category", self.category, names, "Use one of these."))
        if not 0 <= self.style < N_STYLES:
            top = N_STYLES - 1
            problems.append(problem("style", self.style, f"0 to {top}", "Use 0 for the plain one."))
        if self.texture < 0:
            problems.append(problem("texture", self.texture, "0 or more", "Any seed will do."))
        if not self.size > 0.0:
            problems.append(problem("size", self.size, "above 0", f"Stay in {SIZE_RANGE}."))
        for name in ("hue", "x", "y", "tilt_rad", "background_hue", "background_lightness"):
            value = getattr(self, name)
            if not math.isfinite(value):
                problems.append(problem(name, value, "a finite number", "Check the source."))
        check_all(problems, ConfigError, "Scene")


def sample_scene(rng: np.random.Generator, category: str | None = None) -> Scene:
    """Draw a scene at random; the same generator state gives the same scene.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness; it is advanced by the same amount whether or not a category is given.
    category : str or None
        Fixes the category; None draws one of the eight with equal probability.
    """
    drawn = CATEGORIES[int(rng.integers(len(CATEGORIES)))]
    return Scene(
        category=drawn if category is None else category,
        hue=float(rng.random()),
        x=float(rng.uniform(-PLACE_LIMIT, PLACE_LIMIT)),
        y=float(rng.uniform(-PLACE_LIMIT, PLACE_LIMIT)),
        size=float(rng.uniform(*SIZE_RANGE)),
        tilt_rad=float(rng.uniform(-TILT_LIMIT_RAD, TILT_LIMIT_RAD)),
        background_hue=float(rng.random()),
        background_lightness=float(rng.uniform(*LIGHTNESS_RANGE)),
        style=int(rng.integers(N_STYLES)),
        texture=int(rng.integers(1 << 16)),
    )
