"""Where the world ends: ``python -m renderer.training.bounds`` writes it down, with a table.

Bounds are quantiles over scenes of the training world, corrupted as in training; false alarms are
counted on held-out scenes, hits on numbers that mean nothing (`renderer.inworld`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phosphene.stimuli.encoder import WorldEncoder, space_hash
from phosphene.stimuli.space import C_DIM, N_CATEGORIES, Z_SHAPE
from renderer.inworld import BOUNDS, Bounds, certainty, distance, latent_features, open_bounds
from renderer.training.corruption import corrupt_c, corrupt_z
from renderer.training.dataset import HELD_OUT_SEED, TRAINING_SEED, render_set

__all__ = ["bounds_table", "choose_bounds", "main", "share_refused"]

Array = npt.NDArray[np.float32]
FALSE_C, FALSE_FAR, FALSE_Z = 0.003, 0.003, 0.0005
"""Shares of the corrupted training world beyond each bound; the last for each feature of z."""
COPIES = 4


def decoded_like(values: Array, corrupt: Callable[[Tensor, torch.Generator], Tensor],
                 seed: int, copies: int = COPIES) -> Array:  # fmt: skip
    """Return several corrupted copies of latents or embeddings."""
    rng = torch.Generator().manual_seed(seed)
    made = [corrupt(torch.from_numpy(values), rng).numpy() for _ in range(copies)]
    return np.concatenate(made).astype(np.float32)


def choose_bounds(z: Array, c: Array, seed: int = 11) -> Bounds:
    """Choose bounds.

    Parameters
    ----------
    z, c : float32 arrays (n, 4, 16, 16), (n, 17)
        Of training scenes, clean.
    seed : int
        Of the corruptions.
    """
    rough_z, rough_c = decoded_like(z, corrupt_z, seed), decoded_like(c, corrupt_c, seed)
    centre = rough_c.astype(np.float64).mean(axis=0)
    precision = np.asarray(np.linalg.inv(np.cov(rough_c.T.astype(np.float64))), np.float64)
    features = latent_features(rough_z)
    return Bounds(
        space=space_hash(),
        certainty=float(np.quantile(certainty(rough_c), FALSE_C)),
        centre=centre.tolist(),
        precision=precision.tolist(),
        distance=float(np.quantile(distance(rough_c, centre, precision), 1 - FALSE_FAR)),
        most=tuple(np.quantile(features, 1 - FALSE_Z, axis=0).tolist()),
        least_ratio=float(np.quantile(features[:, -1], FALSE_Z)),
    )


def share_refused(bounds: Bounds, z: Array | None, c: Array | None) -> float:
    """Share of percepts, z (n, 4, 16, 16), c (n, 17) or both, that the bounds refuse."""
    n = len(z) if z is not None else len(c) if c is not None else 0
    verdicts = (
        bounds.judge(None if z is None else z[k], None if c is None else c[k]) for k in range(n)
    )
    return float(np.mean([bool(verdict.reason("zc")) for verdict in verdicts])) if n else 0.0


def nonsense(n: int = 400, seed: int = 3) -> Mapping[str, tuple[Array | None, Array | None]]:
    """Return percepts that mean nothing, by kind."""
    rng = np.random.default_rng(seed)

    def c(scale: float) -> Array:
        return (scale * rng.standard_normal((n, C_DIM))).astype(np.float32)

    def z(scale: float) -> Array:
        return (scale * rng.standard_normal((n, *Z_SHAPE))).astype(np.float32)

    level = c(0.5)
    level[:, :N_CATEGORIES] = rng.uniform(-1, 1, (n, 1))
    return {
        "c: normal, standard deviation 0.05": (None, c(0.05)),
        "c: normal, 0.5 (as strong as percepts are)": (None, c(0.5)),
        "c: normal, 1": (None, c(1.0)),
        "c: normal, 2": (None, c(2.0)),
        "c: all categories alike": (None, level),
        "z: normal, 0.5": (z(0.5), None),
        "z: normal, 1": (z(1.0), None),
        "z: normal, 3": (z(3.0), None),
        "z: constant": (np.ones((n, *Z_SHAPE), np.float32) * level[:, :1, None, None], None),
        "z: nothing": (z(0.0), None),
    }


def bounds_table(bounds: Bounds | None = None, scenes: int = 200) -> list[str]:
    """Markdown lines: false alarms on held-out percepts of the world, hits on nonsense.

    Parameters
    ----------
    bounds : Bounds, optional
        The shipped ones where none are given.
    scenes : int
        Held-out scenes.
    """
    used = bounds or open_bounds()
    if used is None:
        return []
    z, c = _scenes(HELD_OUT_SEED, scenes)
    rough_z, rough_c = decoded_like(z, corrupt_z, 12), decoded_like(c, corrupt_c, 12)
    kinds: dict[str, tuple[Array | None, Array | None]] = {
        "held-out scenes": (z, c),
        "held-out scenes, z as decoded": (rough_z, None),
        "held-out scenes, c as decoded": (None, rough_c),
        "held-out scenes, z at a third of its strength": ((z / 3).astype(np.float32), None),
    }
    lines = ["| percepts | meant to be painted | not painted |", "|---|---|---|"]
    for wanted, group in (("yes", kinds), ("no", nonsense())):
        for name, (one_z, one_c) in group.items():
            lines.append(f"| {name} | {wanted} | {share_refused(used, one_z, one_c):.3f} |")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Choose, write and measure the bounds."""
    parser = argparse.ArgumentParser(prog="python -m renderer.training.bounds", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--scenes", type=int, default=800, help="training scenes")
    parser.add_argument("--out", type=Path, default=BOUNDS)
    parser.add_argument("--measure", action="store_true", help="only measure the shipped bounds")
    options = parser.parse_args(arguments)
    if options.measure:
        print("\n".join(bounds_table()))
        return 0
    bounds = choose_bounds(*_scenes(TRAINING_SEED, options.scenes))
    z, c = _scenes(HELD_OUT_SEED, 300)
    alarms = {
        "z": share_refused(bounds, decoded_like(z, corrupt_z, 12), None),
        "c": share_refused(bounds, None, decoded_like(c, corrupt_c, 12)),
    }
    bounds = msgspec.structs.replace(bounds, false_alarms=alarms)
    text = msgspec.json.format(msgspec.json.encode(bounds), indent=1)
    options.out.write_bytes(text + b"\n")
    print("\n".join(bounds_table(bounds)))
    return 0


def _scenes(base_seed: int, n: int) -> tuple[Array, Array]:
    pictures, c = render_set(base_seed, n)
    return WorldEncoder().encode(pictures), c


if __name__ == "__main__":
    raise SystemExit(main())
