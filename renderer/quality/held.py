"""Held-out pictures and their conditions, clean or as a brain decoder would hand them over."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from phosphene.stimuli import C_DIM, CATEGORIES, Z_SHAPE, draw, embed
from phosphene.stimuli.encoder import WorldEncoder
from phosphene.stimuli.scene import N_STYLES
from renderer.training.corruption import corrupt_c, corrupt_z
from renderer.training.dataset import HELD_OUT_SEED, scene_number

Pictures = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]
SPACE_PX = 64
"""Side of the pictures that the encoder of "world-64" reads, whatever is painted from its z."""


class Held(NamedTuple):
    """Held-out pictures with latents and embeddings of "world-64"."""

    pictures: Pictures
    z: Array
    c: Array

    def part(self, n: int) -> Held:
        """Return the first `n`."""
        return Held(self.pictures[:n], self.z[:n], self.c[:n])


def held_out(n: int, size_px: int, threads: int = 1) -> Held:
    """Draw the first `n` held-out scenes at `size_px`; z comes from them drawn at 64 pixels."""
    small = pictures_of(0, n, SPACE_PX)
    pictures = small if size_px == SPACE_PX else pictures_of(0, n, size_px)
    c = np.empty((n, C_DIM), np.float32)
    for k in range(n):
        c[k] = embed(scene_number(HELD_OUT_SEED, k))
    return Held(pictures, WorldEncoder(threads).encode(small), c)


def pictures_of(first: int, n: int, size_px: int) -> Pictures:
    """Draw the held-out scenes from `first` on, uint8 (n, size_px, size_px, 3)."""
    out = np.empty((n, size_px, size_px, 3), np.uint8)
    label = f"held-out scenes at {size_px} pixels"
    for k in tqdm(range(n), desc=label, unit="scene", mininterval=2.0):
        out[k] = draw(scene_number(HELD_OUT_SEED, first + k), size_px)
    return out


def corrupted(held: Held, seed: int = 5) -> Held:
    """Corrupt the conditions as a brain decoder does, with strengths drawn at random."""
    rng = torch.Generator().manual_seed(seed)
    z = corrupt_z(torch.from_numpy(held.z), rng).numpy()
    c = corrupt_c(torch.from_numpy(held.c), rng).numpy()
    return Held(held.pictures, z.astype(np.float32), c.astype(np.float32))


def siblings(number: int, n: int, size_px: int) -> Pictures:
    """Draw `n` pictures with the c of one held-out scene, but other styles and textures."""
    scene = scene_number(HELD_OUT_SEED, number)
    rng = np.random.default_rng([HELD_OUT_SEED, number, 1])
    others = [
        msgspec.structs.replace(
            scene, style=int(rng.integers(N_STYLES)), texture=int(rng.integers(1 << 16))
        )
        for _ in range(n)
    ]
    return np.stack([draw(other, size_px) for other in others])


def in_every_style(number: int) -> Pictures:
    """Draw a held-out scene in each of the world's styles, uint8 (N_STYLES, 64, 64, 3)."""
    scene = scene_number(HELD_OUT_SEED, number)
    styled = [msgspec.structs.replace(scene, style=style) for style in range(N_STYLES)]
    return np.stack([draw(one, SPACE_PX) for one in styled])


def told_c(numbers: list[int], times: int) -> Held:
    """Clean c of these held-out scenes, each `times` over, with zeros for z and no pictures."""
    c = np.stack([embed(scene_number(HELD_OUT_SEED, k)) for k in numbers]).repeat(times, axis=0)
    return Held(np.empty((0, 0, 0, 3), np.uint8), np.zeros((len(c), *Z_SHAPE), np.float32), c)


def one_of_each(n: int) -> list[int]:
    """Numbers of the first held-out scenes that show the categories in turn, `n` of them."""
    found: list[int] = []
    number = 0
    while len(found) < n:
        wanted = CATEGORIES[len(found) % len(CATEGORIES)]
        if scene_number(HELD_OUT_SEED, number).category == wanted:
            found.append(number)
        number += 1
    return found
