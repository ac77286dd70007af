"""What the generator makes of pictures: ``python -m renderer.features SEEN.npz --out OUT.npz``.

SEEN.npz has the arrays `z` (n, 4, 16, 16) and `c` (n, C) of pictures or percepts, float32.
OUT.npz gets ``zc LEVEL``: z noised to that level and denoised with c, for each level (Takagi &
Nishimoto 2023), and ``layer LAYER STEP``: the activations of each block at each denoising step,
brought to a bounded size by a random projection whose seed is fixed; and `facts`, a JSON text.
Every row stands for itself: the same row gives the same numbers whatever is around it.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from phosphene.errors import ConfigError, InputError, PhospheneError, check_all, problem
from renderer.generator import MAX_STEPS, seeded_noise
from renderer.tapped import TappedFlow, check_rows, tapped_flow

__all__ = ["Wish", "features", "main", "projection"]

Array = npt.NDArray[np.float32]
_BATCH = 16


@dataclass(frozen=True)
class Wish:
    """What is wanted.

    Attributes
    ----------
    levels : tuple of float
        Noise levels of zc, 0 to 1.
    strength : float
        Noise level at which activations are taken.
    steps : int
        Denoising steps.
    size : int
        Numbers that are kept of each block and step, at the most.
    seed : int
        Of the noise and of the projection.
    """

    levels: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    strength: float = 0.8
    steps: int = 4
    size: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        found = []
        if any(not 0 <= level <= 1 for level in (*self.levels, self.strength)):
            found.append(problem("levels", self.levels, "0 to 1 each", "Use 0,0.5,1."))
        if not 1 <= self.steps <= MAX_STEPS or self.size < 1 or self.seed < 0:
            got = (self.steps, self.size, self.seed)
            allowed = f"1 to {MAX_STEPS}, 1 or more, 0 or more"
            found.append(problem("steps, size, seed", got, allowed, "Use 4, 256, 0."))
        check_all(found, ConfigError, "features")


@lru_cache(maxsize=64)
def projection(layer: str, length: int, size: int, seed: int) -> Array:
    """Draw the projection (length, size) of a block: normal, so that distances are kept.

    It depends on the name of the block, its length, size and seed alone (Johnson & Lindenstrauss
    1984).
    """
    rng = np.random.default_rng([seed, zlib.crc32(layer.encode()), length, size])
    return rng.standard_normal((length, size), dtype=np.float32) / np.float32(np.sqrt(size))


def features(flow: TappedFlow, z: Array, c: Array, wish: Wish) -> dict[str, Array]:
    """Compute zc at each level and the activations at each step of rows.

    Parameters
    ----------
    flow : TappedFlow
        The generator.
    z : float32 array (n, 4, 16, 16)
    c : float32 array (n, C)
    wish : Wish

    Returns
    -------
    dict of str to float32 array (n, ...)
        ``zc LEVEL`` and ``layer LAYER STEP``, steps counted from 1.
    """
    noise = seeded_noise(wish.seed)
    found: dict[str, Array] = {}
    for level in wish.levels:
        found[f"zc {level:g}"] = flow.follow(z, c, noise, level, wish.steps)[0]
    for step, passed in enumerate(flow.follow(z, c, noise, wish.strength, wish.steps)[1], 1):
        for layer, values in passed.items():
            flat = values.reshape(len(values), -1)
            if flat.shape[1] > wish.size:
                flat = flat @ projection(layer, flat.shape[1], wish.size, wish.seed)
            found[f"layer {layer} {step}"] = flat
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute and write; returns the exit status."""
    usual = Wish()
    parser = argparse.ArgumentParser(prog="python -m renderer.features", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("seen", type=Path, help="pictures or percepts: z and c (.npz)")
    parser.add_argument("--out", type=Path, required=True, help="file of the features (.npz)")
    parser.add_argument("--levels", type=_numbers, default=usual.levels, metavar="T,T,...",
                        help="noise levels of zc, 0 to 1")  # fmt: skip
    parser.add_argument("--layers", metavar="NAME,NAME", help="blocks of the generator; default: "
                        "all of them")  # fmt: skip
    parser.add_argument("--strength", type=float, default=usual.strength,
                        help="noise level at which activations are taken")  # fmt: skip
    parser.add_argument("--steps", type=int, default=usual.steps, help="denoising steps")
    parser.add_argument("--size", type=int, default=usual.size, help="numbers kept of each block")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of noise and projection")
    given = parser.parse_args(arguments)
    try:
        wish = Wish(given.levels, given.strength, given.steps, given.size, given.seed)
        flow = tapped_flow(given.layers.split(",") if given.layers else None)
        z, c = read_seen(given.seen)
        _write(given.out, _in_batches(flow, z, c, wish), wish, flow)
    except PhospheneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def read_seen(path: Path) -> tuple[Array, Array]:
    """Read z and c.

    Raises
    ------
    InputError
        If the file cannot be read or its arrays do not fit.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            z, c = (np.asarray(stored[name], np.float32) for name in ("z", "c"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            problem(str(path), str(error), ".npz with z and c", "Write it with numpy.savez.")
        ) from error
    check_rows(z, c)
    return z, c


def _in_batches(flow: TappedFlow, z: Array, c: Array, wish: Wish) -> dict[str, Array]:
    found: dict[str, Array] = {}
    with tqdm(total=len(z), desc="generator", unit="row", mininterval=0.5) as bar:
        for start in range(0, len(z), _BATCH):
            rows = slice(start, start + _BATCH)
            for name, values in features(flow, z[rows], c[rows], wish).items():
                kept = found.setdefault(name, np.empty((len(z), *values.shape[1:]), np.float32))
                kept[rows] = values
            bar.update(len(z[rows]))
    return found


def _write(path: Path, made: dict[str, Array], wish: Wish, flow: TappedFlow) -> None:
    facts = {**asdict(wish), "layers": flow.layers, "guidance": "c alone, the same noise for all"}
    temporary = path.with_suffix(".tmp.npz")
    arrays: dict[str, Any] = {**made, "facts": np.array(json.dumps(facts))}
    np.savez(temporary, **arrays)
    temporary.replace(path)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


if __name__ == "__main__":
    raise SystemExit(main())
