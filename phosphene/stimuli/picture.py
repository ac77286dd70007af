"""From a scene to pixels, at any resolution."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, problem
from phosphene.stimuli.objects import PAINTERS, Easel, tone
from phosphene.stimuli.scene import Scene

BACKGROUND_SATURATION = 0.4


def draw(scene: Scene, size_px: int = 64) -> npt.NDArray[np.uint8]:
    """Paint a scene.

    Parameters
    ----------
    scene : Scene
        What to paint.
    size_px : int
        Side of the square picture in pixels, at least 8.

    Returns
    -------
    uint8 array (size_px, size_px, 3)
        RGB; the same scene always gives the same bytes.

    Raises
    ------
    ConfigError
        The side is too small.
    """
    if size_px < 8:
        raise ConfigError(problem("size_px", size_px, "8 or more", "Use 64 for world-64."))
    pixel = 2.0 / size_px
    axis = (np.arange(size_px, dtype=np.float32) + 0.5) * np.float32(pixel) - 1.0
    x, y = axis[None, :], -axis[:, None]
    rgb = _background(scene, size_px, -y[:, 0])
    cos, sin = math.cos(scene.tilt_rad), math.sin(scene.tilt_rad)
    du, dv = (x - scene.x) / scene.size, (y - scene.y) / scene.size
    u = (du * cos + dv * sin).astype(np.float32)
    v = (dv * cos - du * sin).astype(np.float32)
    if scene.style % 2:
        u = -u
    easel = Easel(rgb, u, v, pixel / scene.size)
    detail = scene.texture if scene.category == "scrambled" else scene.style // 2
    PAINTERS[scene.category](easel, scene.hue, detail)
    return (rgb * 255.0 + 0.5).clip(0.0, 255.0).astype(np.uint8)


def _background(
    scene: Scene, size_px: int, depth: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Even colour that darkens a little towards the bottom (`depth` runs from -1 to 1)."""
    base = tone(scene.background_hue, BACKGROUND_SATURATION, scene.background_lightness)
    shade = 1.0 - 0.15 * depth
    column = np.asarray(base, np.float32)[None, :] * shade[:, None]
    return np.repeat(np.clip(column, 0.0, 1.0)[:, None, :], size_px, axis=1).astype(np.float32)
