"""Training pictures of the procedural world, rendered once and kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from phosphene.stimuli import C_DIM, Scene, draw, embed, sample_scene

TRAINING_SEED = 1_000_003
HELD_OUT_SEED = 2_000_003
"""Base seeds. Scene k of a set is drawn from `[base, k]`, so the two sets share no seed."""


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
