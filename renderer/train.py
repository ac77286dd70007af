"""Train a renderer on the procedural world: `python -m renderer.train --help`.

Stages, each resumable by calling the same command again (`all` runs one after the other)::

    python -m renderer.train all --minutes 120 --threads 2 --bf16 --out train

    python -m renderer.train autoencoder --minutes 15 --out train
    python -m renderer.train low --minutes 3 --out train
    python -m renderer.train atlas --minutes 4 --out train
    python -m renderer.train generator --minutes 90 --out train
    python -m renderer.train export --out train

The large run, on one GPU in less than half an hour::

    python -m renderer.train all --device cuda --minutes 25 --scenes 60000 --batch 512 --out train

`export` writes the networks and their description to `--weights`; for world-64 also encoder and
decoder of the space to `--encoder-folder` (by default the folders the program loads them from).
Needs the `train` extra.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

import torch

from renderer.training.notes import Stages

ROOT = Path(__file__).resolve().parent
MODELS = ("world-256", "world-64")
SHARES = {"autoencoder": 0.15, "low": 0.03, "atlas": 0.04, "generator": 0.78}
"""How `all` divides the minutes."""
NOISY = ("torch.onnx", "onnxscript", "onnx_ir")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m renderer.train", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("stage", choices=(*SHARES, "export", "all"))
    parser.add_argument("--model", choices=MODELS, default=MODELS[0])
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="length of each stage in optimiser steps")
    length.add_argument("--minutes", type=float, help="length in computing minutes; of all for all")
    parser.add_argument("--scenes", type=int, default=30_000, help="training pictures")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch", type=int, default=512, help="samples per step on a GPU")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--bf16", action="store_true", help="compute in bfloat16 (a GPU always)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="checkpoints, samples, cache")
    parser.add_argument("--note", default="", help="export: what model.json should add")
    parser.add_argument("--weights", type=Path, help="export: where to")
    parser.add_argument("--encoder-folder", type=Path, default=ROOT.parent / "phosphene" / "data")
    options = parser.parse_args(arguments)
    small = options.model == "world-64"
    if small and (options.stage in ("low", "atlas") or options.device != "cpu"):
        parser.error("world-64 has no stages low and atlas, and trains on the CPU only")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no GPU here; leave it out to train on the CPU")
    if options.weights is None:
        options.weights = ROOT / "weights" if small else ROOT / "weights" / "world-256"
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run one stage, or all."""
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(options.threads)
    stages, usual = _of(options.model)
    chosen = tuple(stages) if options.stage == "all" else (options.stage,)
    steps, minutes = options.steps, options.minutes
    for stage in chosen:
        options.steps, options.minutes = steps, minutes
        if steps is None and minutes is None:
            options.minutes = usual.get(stage)
        elif steps is None and options.stage == "all":
            options.minutes = minutes * SHARES.get(stage, 1.0)
        stages[stage](options)
    return 0


def _of(model: str) -> tuple[Stages, dict[str, float]]:
    """Stages of a model in their order, and the minutes they take if nobody says otherwise."""
    if model == "world-64":
        from renderer.training import world64

        return world64.STAGES, world64.MINUTES
    from renderer.training import world256

    return world256.STAGES, world256.MINUTES


if __name__ == "__main__":
    raise SystemExit(main())
