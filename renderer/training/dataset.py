"""Training pictures of the procedural world, rendered once and kept on disk."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from phosphene.stimuli import C_DIM, Scene, draw, embed, sample_scene

TRAINING_SEED = 1_000_003
HELD_OUT_SEED = 2_000_003
"""Base seeds. Scene k of a set is drawn from `[base, k]`, so the two sets share no seed."""
LARGE_PX = 256
CHUNK = 50
"""Scenes that one worker draws at a time."""


def scene_number(base_seed: int, k: int) -> Scene:
    """Scene `k` of the set with this base seed."""
    return sample_scene(np.random.default_rng([base_seed, k]))


def render_set(
    base_seed: int, n: int, cache: Path | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Pictures uint8 (n, 64, 64, 3) and embeddings float32 (n, C_DIM) of `n` scenes.

    Parameters
    ----------
    base_seed : int
        Which set.
    n : int
        How many scenes.
    cache : pathlib.Path or None
        Folder in which the set is kept, so that a resumed training does not render again.
    """
    file = None if cache is None else cache / f"world_{base_seed}_{n}.npz"
    if file is not None and file.exists():
        with np.load(file, allow_pickle=False) as stored:
            return stored["pictures"], stored["c"]
    pictures = np.empty((n, 64, 64, 3), np.uint8)
    c = np.empty((n, C_DIM), np.float32)
    for k in tqdm(range(n), desc="rendering scenes", unit="scene", mininterval=2.0):
        scene = scene_number(base_seed, k)
        pictures[k], c[k] = draw(scene), embed(scene)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, pictures=pictures, c=c)
    return pictures, c


class Large(NamedTuple):
    """Scenes for the large generator.

    Pictures uint8 (n, 256, 256, 3) and (n, 64, 64, 3), c (n, C_DIM), style int64 (n,).
    """

    pictures: npt.NDArray[np.uint8]
    small: npt.NDArray[np.uint8]
    c: npt.NDArray[np.float32]
    style: npt.NDArray[np.int64]


def draw_large(span: tuple[int, int, int]) -> Large:
    """Draw the scenes (base seed, first, end) at both sizes, with their embeddings."""
    base_seed, first, end = span
    scenes = [scene_number(base_seed, k) for k in range(first, end)]
    return Large(
        np.stack([draw(scene, LARGE_PX) for scene in scenes]),
        np.stack([draw(scene) for scene in scenes]),
        np.stack([embed(scene) for scene in scenes]).astype(np.float32),
        np.array([scene.style for scene in scenes], np.int64),
    )


def large_chunks(base_seed: int, n: int, workers: int = 1) -> Iterator[Large]:
    """Draw the first `n` scenes in their order, a chunk at a time, in `workers` processes."""
    spans = [(base_seed, k, min(k + CHUNK, n)) for k in range(0, n, CHUNK)]
    with tqdm(total=n, desc="rendering scenes", unit="scene", mininterval=2.0) as bar:
        for chunk in _drawn(spans, workers):
            bar.update(len(chunk.c))
            yield chunk


def _drawn(spans: list[tuple[int, int, int]], workers: int) -> Iterator[Large]:
    if workers < 2 or len(spans) < 2:
        yield from map(draw_large, spans)
        return
    fresh = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    with ProcessPoolExecutor(workers, mp_context=fresh) as pool:
        for first in range(0, len(spans), 4 * workers):  # so that no more than these wait
            yield from pool.map(draw_large, spans[first : first + 4 * workers])
