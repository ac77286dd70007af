"""The procedural world: scenes, pictures, clips, and the target space "world-64"."""

from __future__ import annotations

from phosphene.stimuli.clip import Block, Clip, Programme, make_programme, sample_clip
from phosphene.stimuli.picture import draw
from phosphene.stimuli.scene import CATEGORIES, Scene, sample_scene
from phosphene.stimuli.space import (
    C_DIM,
    SPACE_ID,
    Z_SHAPE,
    attributes_of,
    category_of,
    embed,
    prototype,
    scene_of,
    typical,
)

__all__ = [
    "CATEGORIES",
    "C_DIM",
    "SPACE_ID",
    "Z_SHAPE",
    "Block",
    "Clip",
    "Programme",
    "Scene",
    "attributes_of",
    "category_of",
    "draw",
    "embed",
    "make_programme",
    "prototype",
    "sample_clip",
    "sample_scene",
    "scene_of",
    "typical",
]
