"""Paint the percepts of a file: `python -m renderer.paint PERCEPTS.npz --out PICTURES.npz`.

PERCEPTS.npz has the arrays `z` (n, channels, rows, columns), `c` (n, C) or both, float32, and may
name a `bundle`. PICTURES.npz gets one uint8 array (n, side, side, 3) for each kind of picture, by
its name (z, c, zc, plain), and `facts`, a JSON text that says how they were made. The same input
gives the same pictures, whichever kinds are asked for together.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from tqdm import tqdm

from phosphene.bundle import Bundle
from phosphene.errors import ConfigError, InputError, PhospheneError, problem
from phosphene.session import RendererSettings, explain
from renderer.asked import MAX_GUIDANCE, MAX_STEPS
from renderer.painter import open_painter
from renderer.painting import HOW, How, Percepts, Wanted, paint, paintable
from renderer.protocol import Painter

__all__ = ["main", "parse", "read_percepts"]

MODEL = "world-64"
ALL: tuple[Wanted, ...] = ("z", "c", "zc")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    defaults = How()
    parser = argparse.ArgumentParser(prog="python -m renderer.paint", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("percepts", type=Path, help="decoded percepts (.npz)")
    parser.add_argument("--out", type=Path, required=True, help="file of the pictures (.npz)")
    parser.add_argument(
        "--mode", choices=(*HOW, "all"), default="all",
        help="z, c, zc, plain (z decoded as it stands); all: of z, c, zc what can be painted",
    )  # fmt: skip
    parser.add_argument("--strength", type=float, default=defaults.strength,
                        help="zc: how far z is noised before c denoises it, 0 to 1")  # fmt: skip
    parser.add_argument("--guides", choices=("c", "zc"), default=defaults.guides,
                        help="zc: what guides the denoising; c alone is Takagi's own")  # fmt: skip
    parser.add_argument("--guidance", type=float, default=defaults.guidance,
                        help="c: how far beyond its own pull c leads, 1 to 5")  # fmt: skip
    parser.add_argument("--steps", type=int, default=defaults.steps, help="steps, 1 to 64")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="seed of the noise")
    parser.add_argument("--bundle", type=Path, help="bundle whose space the percepts are in")
    parser.add_argument(
        "--model",
        default=MODEL,
        help="world-64 (the default, which the published "
        "evaluations were made with), world-256, diffusers:FOLDER_OR_HUB_ID",
    )
    parser.add_argument(
        "--engine",
        choices=("cpu", "auto", "openvino", "torch", "cuda"),
        default="cpu",
        help="what computes; cpu gives the same bits everywhere",
    )
    parser.add_argument("--size", type=int, help="side of the pictures; else the model's own")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Paint; returns the exit status."""
    given = parse(arguments)
    try:
        _paint(given)
    except PhospheneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def read_percepts(path: Path) -> tuple[Percepts, Path | None]:
    """Read percepts and, if named, the bundle they are from.

    Raises
    ------
    InputError
        If the file cannot be read or its arrays do not fit.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            named = str(stored["bundle"]) if "bundle" in stored else ""
            z, c = (stored.get(name) for name in ("z", "c"))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            problem(str(path), str(error), ".npz with z, c or both", "Write it with numpy.savez.")
        ) from error
    return Percepts(z, c), Path(named) if named else None


def _paint(given: argparse.Namespace) -> None:
    how = How(given.steps, given.strength, given.guides, given.guidance, given.seed)
    fine = 1 <= how.steps <= MAX_STEPS and 1 <= how.guidance <= MAX_GUIDANCE
    if not (fine and 0 <= how.strength <= 1 and how.seed >= 0):
        allowed = f"steps 1 to {MAX_STEPS}, strength 0 to 1, guidance 1 to 5, seed 0 or more"
        raise ConfigError(problem("paint", how, allowed, "Mend these."))
    percepts, named = read_percepts(given.percepts)
    path: Path | None = given.bundle or named
    bundle = None if path is None else Bundle.load(path)
    painter = open_painter(bundle, _settings(given), lambda line: print(line, file=sys.stderr))
    wanted: tuple[Wanted, ...] = ALL if given.mode == "all" else (given.mode,)
    left_out: dict[str, str] = {}
    if given.mode == "all":
        reasons = paintable(percepts, painter, wanted)
        left_out = {kind: why for kind, why in reasons.items() if why}
        wanted = tuple(kind for kind in wanted if not reasons[kind])
        for kind, why in left_out.items():
            print(f"not painted: {kind}; {why}", file=sys.stderr)
    total = len(percepts) * len(wanted)
    with tqdm(total=total, desc="painting", unit="picture", mininterval=0.5) as bar:
        made = paint(painter, percepts, wanted, how, bar.update)
    _write(given.out, {**made, "facts": np.array(_facts(painter, how, left_out))})


def _settings(given: argparse.Namespace) -> RendererSettings:
    values = {
        "model": given.model,
        "engine": given.engine,
        "size_px": given.size,
        "threads": given.threads,
    }
    try:
        return RendererSettings.model_validate(values)
    except ValidationError as error:
        raise ConfigError("paint: " + "; ".join(explain(error))) from error


def _facts(painter: Painter, how: How, left_out: dict[str, str]) -> str:
    facts = {
        "steps": how.steps,
        "strength": how.strength,
        "guides": how.guides,
        "guidance": how.guidance,
        "seed": how.seed,
        "model": painter.model,
        "not_painted": left_out,
    }
    return json.dumps(facts)


def _write(path: Path, arrays: dict[str, Any]) -> None:
    """Write all or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    raise SystemExit(main())
