"""The semantic embedding c of the target space "world-64": what a scene says in 17 numbers.

Layout of c: 0-7 category code (1 at the category, -1/7 elsewhere, so that each code has mean 0),
8-9 cos and sin of the hue, 10-11 place (x, y), 12 size, 13 tilt, 14-15 cos and sin of the
background's hue, 16 background lightness. Every entry lies in about [-1, 1]. Style and texture
are left out on purpose: they are detail that only the low-level latent z carries.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, problem
from phosphene.stimuli.scene import (
    CATEGORIES,
    LIGHTNESS_RANGE,
    PLACE_LIMIT,
    SIZE_RANGE,
    TILT_LIMIT_RAD,
    Scene,
)

Embedding = npt.NDArray[np.float32]

SPACE_ID = "world-64"
N_CATEGORIES = len(CATEGORIES)
C_DIM = N_CATEGORIES + 9
Z_SHAPE = (4, 16, 16)
CODE_SHARPNESS = 5.0
"""Slope of the softmax in `category_of`: a clean code gets a probability of 0.98."""

_OFF = -1.0 / (N_CATEGORIES - 1)
_SIZE_MID, _SIZE_HALF = sum(SIZE_RANGE) / 2, (SIZE_RANGE[1] - SIZE_RANGE[0]) / 2
_LIGHT_MID, _LIGHT_HALF = sum(LIGHTNESS_RANGE) / 2, (LIGHTNESS_RANGE[1] - LIGHTNESS_RANGE[0]) / 2

# Skin, brick, ginger, glass, red handles, blue leather, wood, anything.
_TYPICAL_HUE = (0.07, 0.02, 0.09, 0.35, 0.98, 0.6, 0.08, 0.5)


class Attributes(msgspec.Struct, frozen=True):
    """Attributes read back from an embedding, in the units of `Scene`."""

    hue: float
    x: float
    y: float
    size: float
    tilt_rad: float
    background_hue: float
    background_lightness: float


def category_code(category: str) -> Embedding:
    """Code of one category, float32 (8,)."""
    if category not in CATEGORIES:
        names = ", ".join(CATEGORIES)
        raise ConfigError(problem("category", category, names, "Use one of these."))
    code = np.full(N_CATEGORIES, _OFF, np.float32)
    code[CATEGORIES.index(category)] = 1.0
    return code


def embed(scene: Scene) -> Embedding:
    """Embedding of a scene, float32 (C_DIM,)."""
    hue, ground = 2 * math.pi * scene.hue, 2 * math.pi * scene.background_hue
    attributes = (
        math.cos(hue),
        math.sin(hue),
        scene.x / PLACE_LIMIT,
        scene.y / PLACE_LIMIT,
        (scene.size - _SIZE_MID) / _SIZE_HALF,
        scene.tilt_rad / TILT_LIMIT_RAD,
        math.cos(ground),
        math.sin(ground),
        (scene.background_lightness - _LIGHT_MID) / _LIGHT_HALF,
    )
    return np.concatenate([category_code(scene.category), np.asarray(attributes, np.float32)])


def prototype(category: str) -> Embedding:
    """Embedding of a category with every attribute at its mean over scenes, float32 (C_DIM,).

    The mean of cos and sin over all hues is 0, so a prototype has no hue at all.
    """
    return np.concatenate([category_code(category), np.zeros(C_DIM - N_CATEGORIES, np.float32)])


def typical(category: str) -> Embedding:
    """Embedding of a plain, typical picture of a category, float32 (C_DIM,).

    Where only the category is decoded, a generator needs some colour, place and size to draw it
    with; `prototype` has none, and a picture of no hue at all is in no training set.
    """
    category_code(category)  # refuses an unknown name
    return embed(
        Scene(
            category=category,
            hue=_TYPICAL_HUE[CATEGORIES.index(category)],
            x=0.0,
            y=0.0,
            size=0.7,
            tilt_rad=0.0,
            background_hue=0.58,
            background_lightness=0.6,
        )
    )


def category_of(c: Embedding) -> tuple[str, Embedding]:
    """Most probable category and the probabilities of all eight, float32 (8,), sum 1."""
    code = CODE_SHARPNESS * _checked(c)[:N_CATEGORIES].astype(np.float64)
    weights = np.exp(code - code.max())
    probabilities = (weights / weights.sum()).astype(np.float32)
    return CATEGORIES[int(probabilities.argmax())], probabilities


def attributes_of(c: Embedding) -> Attributes:
    """Attributes that an embedding stands for; noisy values are held to the world's limits."""
    cos_h, sin_h, x, y, size, tilt, cos_b, sin_b, light = (
        float(value) for value in _checked(c)[N_CATEGORIES:]
    )
    return Attributes(
        hue=math.atan2(sin_h, cos_h) / (2 * math.pi) % 1.0,
        x=_held(x) * PLACE_LIMIT,
        y=_held(y) * PLACE_LIMIT,
        size=_SIZE_MID + _held(size) * _SIZE_HALF,
        tilt_rad=_held(tilt) * TILT_LIMIT_RAD,
        background_hue=math.atan2(sin_b, cos_b) / (2 * math.pi) % 1.0,
        background_lightness=_LIGHT_MID + _held(light) * _LIGHT_HALF,
    )


def scene_of(c: Embedding) -> Scene:
    """Return the scene that an embedding describes, with the plain style 0."""
    found = attributes_of(c)
    return Scene(category=category_of(c)[0], **msgspec.structs.asdict(found))


def _held(value: float) -> float:
    return min(max(value, -1.0), 1.0)


def _checked(c: Embedding) -> Embedding:
    if c.shape != (C_DIM,):
        cure = f"Use embeddings of the space {SPACE_ID}."
        raise ConfigError(problem("shape of c", c.shape, f"({C_DIM},)", cure))
    if not np.isfinite(c).all():
        raise ConfigError(problem("c", c, "finite numbers only", "Drop this percept."))
    return c
