"""The eight things of the world, each painted from a few signed-distance shapes.

Local coordinates: the thing fills about [-1, 1] on both axes, u to the right and v up. A
painter draws far layers first.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from phosphene.stimuli import shapes
from phosphene.stimuli.shapes import Grid

Colour = tuple[float, float, float]
INK: Colour = (0.09, 0.08, 0.11)
WHITE: Colour = (0.97, 0.97, 0.95)
OUTLINE = 0.05


def tone(hue: float, saturation: float, value: float) -> Colour:
    """Return the RGB of a hue in turns."""
    return colorsys.hsv_to_rgb(hue % 1.0, saturation, value)


class Easel:
    """A picture with the local coordinates of the thing that is painted on it.

    Parameters
    ----------
    rgb : float32 array (height, width, 3)
        Background in [0, 1]; painted on in place.
    u, v : float32 arrays (height, width)
        Local coordinates of each pixel centre.
    pixel : float
        Side of a pixel in local units; sets the width of the anti-aliased edge.
    """

    def __init__(self, rgb: npt.NDArray[np.float32], u: Grid, v: Grid, pixel: float) -> None:
        self.rgb, self.u, self.v, self.pixel = rgb, u, v, pixel

    def paint(self, distance: Grid, colour: Colour, opacity: float = 1.0) -> None:
        """Cover the inside of a shape with one colour, blended over one pixel at the edge."""
        cover = np.clip(0.5 - distance / np.float32(self.pixel), 0.0, 1.0)
        if opacity != 1.0:
            cover *= np.float32(opacity)
        self.rgb += cover[..., None] * (np.asarray(colour, np.float32) - self.rgb)

    def paint_outlined(self, distance: Grid, colour: Colour) -> None:
        """Paint a shape with a dark line round it, so that it stands out on any background."""
        self.paint(distance - np.float32(OUTLINE), INK)
        self.paint(distance, colour)


def face(e: Easel, hue: float, variant: int) -> None:
    """Paint a head with hair, eyes, a nose and a mouth; three kinds of hair."""
    u, v = e.u, e.v
    skin, hair = tone(hue, 0.38, 0.97), tone(hue, 0.85, 0.38)
    side = np.abs(u)  # the two halves of a face are painted at once
    if variant == 1:  # long hair behind the head
        e.paint_outlined(shapes.box(u, v, (0.0, 0.1), (0.82, 0.85), 0.5), hair)
    e.paint_outlined(shapes.ellipse(side, v, (0.70, 0.0), (0.14, 0.2)), skin)
    head = shapes.ellipse(u, v, (0.0, -0.03), (0.70, 0.93))
    e.paint_outlined(head, skin)
    fringe = (0.42, 0.36, 0.62)[variant]
    e.paint(np.maximum(head - np.float32(0.03), fringe + 0.25 * u * u - v), hair)
    e.paint(shapes.ellipse(side, v, (0.29, 0.13), (0.18, 0.12)), WHITE)
    e.paint(shapes.circle(side, v, (0.28, 0.13), 0.09), INK)
    e.paint(shapes.capsule(side, v, (0.15, 0.33), (0.43, 0.33), 0.035), hair)
    e.paint(shapes.capsule(u, v, (0.0, 0.08), (0.04, -0.2), 0.045), tone(hue, 0.6, 0.7))
    if variant == 2:
        e.paint(shapes.ellipse(u, v, (0.0, -0.52), (0.2, 0.15)), (0.55, 0.1, 0.12))
    else:
        smile = np.maximum(shapes.ring(u, v, (0.0, -0.2), 0.35, 0.1), v + np.float32(0.4))
        e.paint(smile, (0.62, 0.1, 0.14))


def house(e: Easel, hue: float, variant: int) -> None:
    """Paint a wall, a roof, a door and windows."""
    u, v = e.u, e.v
    wall, roof = tone(hue, 0.5, 0.92), tone(hue + 0.04, 0.85, 0.45)
    glass = (1.0, 0.93, 0.55)
    e.paint_outlined(shapes.box(u, v, (0.45, 0.62), (0.12, 0.3)), roof)
    e.paint_outlined(shapes.box(u, v, (0.0, -0.42), (0.78, 0.5)), wall)
    peak = (0.95, 0.8, 0.95)[variant]
    e.paint_outlined(shapes.convex(u, v, [(-0.98, 0.08), (0.98, 0.08), (0.0, peak)]), roof)
    door_u = (0.0, -0.4, 0.0)[variant]
    e.paint(shapes.box(u, v, (door_u, -0.6), (0.16, 0.32)), INK)
    e.paint(shapes.box(u, v, (door_u, -0.62), (0.11, 0.29)), tone(hue + 0.5, 0.6, 0.5))
    if variant == 1:
        windows = np.minimum(
            shapes.box(u, v, (0.05, -0.35), (0.15, 0.17)),
            shapes.box(u, v, (0.5, -0.35), (0.15, 0.17)),
        )
    else:
        windows = shapes.box(np.abs(u), v, (0.48, -0.35), (0.16, 0.18))
    e.paint_outlined(windows, glass)
    if variant == 2:
        e.paint_outlined(shapes.circle(u, v, (0.0, 0.38), 0.13), glass)


def cat(e: Easel, hue: float, variant: int) -> None:
    """Paint a sitting cat with its tail to one side; three coats."""
    u, v = e.u, e.v
    fur, dark = tone(hue, 0.6, 0.82), tone(hue, 0.75, 0.45)
    side = np.abs(u + np.float32(0.12))
    tail = shapes.ring(u, v, (0.52, -0.35), 0.36, 0.17)
    tail = np.maximum(tail, np.float32(0.52) - u)
    tail = np.minimum(tail, shapes.capsule(u, v, (0.2, -0.72), (0.55, -0.72), 0.085))
    tail = np.minimum(tail, shapes.capsule(u, v, (0.52, 0.01), (0.42, 0.04), 0.085))
    e.paint_outlined(tail, fur)
    e.paint_outlined(shapes.ellipse(u, v, (-0.12, -0.45), (0.47, 0.52)), fur)
    ears = shapes.convex(side, v, [(0.05, 0.45), (0.46, 0.30), (0.44, 0.99)])
    e.paint_outlined(ears, fur)
    e.paint(ears + np.float32(0.09), (0.95, 0.6, 0.62))
    e.paint_outlined(shapes.ellipse(u, v, (-0.12, 0.33), (0.52, 0.42)), fur)
    if variant == 1:  # stripes on the brow
        stripe = shapes.capsule(side, v, (0.13, 0.52), (0.13, 0.7), 0.035)
        e.paint(np.minimum(stripe, shapes.capsule(u, v, (-0.12, 0.5), (-0.12, 0.7), 0.035)), dark)
    e.paint(shapes.ellipse(u, v, (-0.12, -0.5), (0.25, 0.34)), WHITE if variant == 2 else dark, 0.7)
    e.paint(shapes.ellipse(side, v, (0.22, 0.38), (0.12, 0.11)), (0.85, 0.95, 0.35))
    e.paint(shapes.ellipse(side, v, (0.22, 0.38), (0.045, 0.1)), INK)
    e.paint(shapes.circle(u, v, (-0.12, 0.2), 0.07), (0.85, 0.3, 0.4))
    whisker = np.minimum(
        shapes.capsule(side, v, (0.16, 0.18), (0.72, 0.28), 0.018),
        shapes.capsule(side, v, (0.16, 0.13), (0.72, 0.05), 0.018),
    )
    e.paint(whisker, INK)
    e.paint_outlined(shapes.ellipse(side, v, (0.18, -0.92), (0.16, 0.1)), fur)


def bottle(e: Easel, hue: float, variant: int) -> None:
    """Paint a bottle with cap and label; three shapes."""
    u, v = e.u, e.v
    glass, dark = tone(hue, 0.8, 0.72), tone(hue, 0.9, 0.4)
    width = (0.36, 0.44, 0.32)[variant]
    shoulder = (0.2, 0.1, -0.05)[variant]
    top = shoulder + 0.36
    body = shapes.box(u, v, (0.0, (shoulder - 0.98) / 2), (width, (shoulder + 0.98) / 2), 0.08)
    taper = shapes.convex(
        u, v, [(-width, shoulder - 0.1), (width, shoulder - 0.1), (0.13, top), (-0.13, top)]
    )
    neck = shapes.box(u, v, (0.0, (top + 0.82) / 2), (0.13, (0.9 - top) / 2 + 0.05))
    e.paint_outlined(np.minimum(np.minimum(body, taper), neck), glass)
    e.paint_outlined(shapes.box(u, v, (0.0, 0.9), (0.17, 0.1), 0.03), dark)
    middle = (shoulder - 0.95) / 2
    e.paint(shapes.box(u, v, (0.0, middle), (width, 0.27)), WHITE)
    e.paint(shapes.box(u, v, (0.0, middle), (width * 0.6, 0.06)), dark)
    shine = shapes.capsule(u, v, (-width * 0.6, shoulder - 0.08), (-width * 0.6, -0.85), 0.04)
    e.paint(shine, WHITE, 0.55)


def scissors(e: Easel, hue: float, variant: int) -> None:
    """Paint open scissors; three openings."""
    u, v = e.u, e.v
    handle, steel = tone(hue, 0.85, 0.85), (0.80, 0.83, 0.87)
    opening = (0.28, 0.42, 0.55)[variant]
    cos, sin = np.float32(np.cos(opening)), np.float32(np.sin(opening))
    pivot = np.float32(-0.08)
    for side in (-1.0, 1.0):
        # a frame whose second axis runs along this blade, towards its tip
        across = side * (u * cos) + (v - pivot) * -sin
        along = side * (u * sin) + (v - pivot) * cos
        blade = shapes.convex(
            across, along, [(0.13, -0.3), (0.1, 1.0), (-0.14, 0.15), (-0.14, -0.3)]
        )
        e.paint_outlined(blade, steel)
        loop = shapes.ellipse(across, along, (0.06, -0.6), (0.31, 0.36))
        e.paint_outlined(np.abs(loop + np.float32(0.09)) - np.float32(0.095), handle)
    e.paint(shapes.circle(u, v, (0.0, float(pivot)), 0.07), INK)


def shoe(e: Easel, hue: float, variant: int) -> None:
    """Paint a shoe from the side: low shoe, trainer or boot."""
    u, v = e.u, e.v
    leather, dark = tone(hue, 0.75, 0.85), tone(hue, 0.85, 0.42)
    top = (0.22, 0.28, 0.75)[variant]  # low shoe, trainer, boot
    leg = shapes.box(u, v, (-0.5, (top - 0.55) / 2), (0.42, (top + 0.55) / 2), 0.1)
    toe = shapes.ellipse(u, v, (0.42, -0.5), (0.54, 0.34))
    instep = shapes.convex(u, v, [(-0.3, -0.5), (0.5, -0.5), (0.5, -0.18), (-0.1, 0.16)])
    upper = np.minimum(np.minimum(leg, toe), instep)
    upper = np.maximum(upper, np.float32(-0.55) - v)
    e.paint_outlined(upper, leather)
    e.paint(np.maximum(toe, np.float32(0.52) - u), WHITE if variant == 1 else dark)
    e.paint(np.maximum(leg, np.float32(top - 0.14) - v), dark)
    sole = shapes.box(u, v, (0.0, -0.64), (0.97, 0.12), 0.07)
    e.paint_outlined(sole, WHITE if variant == 1 else (0.35, 0.24, 0.18))
    if variant != 1:
        e.paint_outlined(shapes.box(u, v, (-0.68, -0.78), (0.27, 0.1)), (0.35, 0.24, 0.18))
    for step in range(3):
        u0, v0 = -0.1 + 0.17 * step, 0.02 - 0.1 * step
        e.paint(shapes.capsule(u, v, (u0 - 0.1, v0 - 0.08), (u0 + 0.07, v0 + 0.1), 0.04), WHITE)


def chair(e: Easel, hue: float, variant: int) -> None:
    """Paint a chair seen from above its front; three backs."""
    u, v = e.u, e.v
    wood, dark = tone(hue, 0.7, 0.8), tone(hue, 0.8, 0.45)
    rear = np.minimum(
        shapes.capsule(u, v, (-0.42, -0.2), (-0.42, -0.62), 0.06),
        shapes.capsule(u, v, (0.62, -0.2), (0.62, -0.62), 0.06),
    )
    e.paint_outlined(rear, dark)
    posts = np.minimum(
        shapes.capsule(u, v, (-0.42, -0.1), (-0.46, 0.92), 0.07),
        shapes.capsule(u, v, (0.62, -0.1), (0.58, 0.92), 0.07),
    )
    if variant == 0:
        rungs = shapes.box(u, v, (0.08, 0.65), (0.5, 0.24), 0.05)
    elif variant == 1:
        rungs = np.minimum(
            shapes.box(u, v, (0.08, 0.80), (0.5, 0.1)), shapes.box(u, v, (0.08, 0.42), (0.5, 0.09))
        )
    else:
        bars = shapes.box(np.abs(u - np.float32(0.08)), v, (0.18, 0.4), (0.05, 0.45))
        rungs = np.minimum(bars, shapes.box(u, v, (0.08, 0.84), (0.5, 0.1)))
    e.paint_outlined(np.minimum(posts, rungs), wood)
    front = np.minimum(
        shapes.capsule(u, v, (-0.68, -0.3), (-0.7, -0.93), 0.075),
        shapes.capsule(u, v, (0.42, -0.3), (0.42, -0.93), 0.075),
    )
    e.paint_outlined(front, wood)
    seat = [(-0.8, -0.32), (0.5, -0.32), (0.74, 0.0), (-0.5, 0.0)]
    e.paint_outlined(shapes.convex(u, v, seat), tone(hue, 0.6, 0.95))
    rim = [(-0.8, -0.42), (0.5, -0.42), (0.5, -0.3), (-0.8, -0.3)]
    e.paint_outlined(shapes.convex(u, v, rim), dark)


def scrambled(e: Easel, hue: float, texture: int) -> None:
    """Paint a square of tiles with the colours of a picture but none of its order."""
    n = 6
    rng = np.random.default_rng(texture)
    value, saturation = rng.uniform(0.1, 1.0, (n, n)), rng.uniform(0.1, 0.95, (n, n))
    turn = hue + rng.normal(0.0, 0.06, (n, n))
    tiles = np.array(
        [
            tone(float(h), float(s), float(b))
            for h, s, b in zip(turn.flat, saturation.flat, value.flat, strict=True)
        ],
        np.float32,
    ).reshape(n, n, 3)
    first, weight = [], []
    for axis in (e.v, e.u):
        place = np.clip((axis + np.float32(0.85)) * np.float32(n / 1.7), 0.5, n - 0.5) - 0.5
        index = np.minimum(place.astype(np.int64), n - 2)
        # tiles meet in a ramp that is one pixel wide, so that edges stay sharp at any resolution
        ramp = (place - index - 0.5) / np.float32(e.pixel * n / 1.7) + 0.5
        first.append(index)
        weight.append(np.clip(ramp, 0.0, 1.0).astype(np.float32)[..., None])
    (i, j), (a, b) = first, weight
    lower = tiles[i, j] * (1 - b) + tiles[i, j + 1] * b
    upper = tiles[i + 1, j] * (1 - b) + tiles[i + 1, j + 1] * b
    colours = lower * (1 - a) + upper * a
    square = shapes.box(e.u, e.v, (0.0, 0.0), (0.85, 0.85))
    e.paint(square - np.float32(OUTLINE), INK)
    cover = np.clip(0.5 - square / np.float32(e.pixel), 0.0, 1.0)[..., None]
    e.rgb += cover * (colours - e.rgb)


PAINTERS: dict[str, Callable[[Easel, float, int], None]] = {
    "face": face,
    "house": house,
    "cat": cat,
    "bottle": bottle,
    "scissors": scissors,
    "shoe": shoe,
    "chair": chair,
    "scrambled": scrambled,
}
