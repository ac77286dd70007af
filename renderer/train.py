"""Train the generator on the procedural world: `python -m renderer.train --help`.

Two stages, each resumable by calling the same command again::

    python -m renderer.train autoencoder --minutes 5 --out out/renderer
    python -m renderer.train generator --minutes 45 --out out/renderer
    python -m renderer.train export --out out/renderer

`export` writes the generator and its description to `--weights`, encoder and decoder of the space
to `--encoder-folder` (by default the folders the program loads them from). Needs the `train` extra.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch.multiprocessing.spawn import spawn as start_workers

from renderer.training.autoencoder import Autoencoder
from renderer.training.autoencoder_stage import encode_all, train_autoencoder
from renderer.training.dataset import TRAINING_SEED, render_set
from renderer.training.export import export_autoencoder, export_generator, sha256_of
from renderer.training.generator_stage import train_generator
from renderer.training.network import FlowMapNet
from renderer.training.progress import Budget, load_checkpoint
from renderer.training.team import Team

ROOT = Path(__file__).resolve().parent
LOG = logging.getLogger("renderer.train")
Net = TypeVar("Net", bound=torch.nn.Module)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m renderer.train", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("stage", choices=("autoencoder", "generator", "export"))
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="length of the stage in optimiser steps")
    length.add_argument("--minutes", type=float, help="length of the stage in computing minutes")
    parser.add_argument("--scenes", type=int, default=30_000, help="training pictures")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--bf16", action="store_true", help="compute in bfloat16 where possible")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="checkpoints, samples, cache")
    parser.add_argument("--note", default="", help="export: what model.json should add")
    parser.add_argument("--weights", type=Path, default=ROOT / "weights")
    parser.add_argument("--encoder-folder", type=Path, default=ROOT.parent / "phosphene" / "data")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run one stage."""
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("torch.onnx").setLevel(logging.WARNING)
    torch.set_num_threads(options.threads)
    if options.stage == "export":
        return export(options)
    if options.steps is None and options.minutes is None:
        options.minutes = 5.0 if options.stage == "autoencoder" else 45.0
    if options.stage == "autoencoder":
        train_first(options)
    else:
        train_second(options)
    return 0


def train_first(options: argparse.Namespace) -> None:
    """Stage 1: the autoencoder, in one process with `--threads` threads."""
    budget = Budget(options.steps, options.minutes)
    pictures, _ = render_set(TRAINING_SEED, options.scenes, options.out / "cache")
    train_autoencoder(pictures, budget, options.out / "autoencoder", options.seed, options.bf16)
    _note(options, budget)


def train_second(options: argparse.Namespace) -> None:
    """Stage 2: the generator, by `--threads` workers of one thread each."""
    _latents(options)  # so that the workers find them
    with tempfile.TemporaryDirectory() as folder:
        address = f"file://{folder}/meeting"
        start: Callable[..., object] = start_workers
        start(_work, (options, address), options.threads)


def _work(rank: int, options: argparse.Namespace, address: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    team = Team(rank, options.threads, address)
    autoencoder, z, c = _latents(options)
    budget = Budget(options.steps, options.minutes)
    train_generator(
        z,
        c,
        autoencoder,
        budget,
        options.out / "generator",
        options.seed,
        team,
    )
    if team.leads:
        _note(options, budget)
    team.close()


def _latents(options: argparse.Namespace) -> tuple[Autoencoder, torch.Tensor, torch.Tensor]:
    """Encode the training pictures, once per autoencoder; with their embeddings."""
    autoencoder, made = _trained(options.out / "autoencoder", Autoencoder(), "autoencoder")
    file = options.out / "cache" / f"latents_{options.scenes}_{made.step}.safetensors"
    if not file.exists():
        pictures, c = render_set(TRAINING_SEED, options.scenes, options.out / "cache")
        z = encode_all(autoencoder, pictures).contiguous()
        LOG.info("latents: mean %.3f, standard deviation %.3f", z.mean(), z.std())
        save_file({"z": z, "c": torch.from_numpy(c)}, file)
    stored = load_file(file)
    return autoencoder, stored["z"], stored["c"]


def export(options: argparse.Namespace) -> int:
    """Write the ONNX files of the checkpoints in `--out`, and `model.json`."""
    encoder_file = options.encoder_folder / "world_encoder.onnx"
    decoder_file = options.encoder_folder / "world_decoder.onnx"
    generator_file = options.weights / "generator.onnx"
    autoencoder, first = _trained(options.out / "autoencoder", Autoencoder(), "autoencoder")
    export_autoencoder(autoencoder, encoder_file, decoder_file)
    generator, second = _trained(options.out / "generator", FlowMapNet(), "average")
    export_generator(generator, generator_file)
    description = {
        "space": {"id": "world-64", "sha256": sha256_of(encoder_file)},
        "files": {f.name: sha256_of(f) for f in (encoder_file, decoder_file, generator_file)},
        "parameters": {
            "autoencoder": sum(p.numel() for p in autoencoder.parameters()),
            "generator": sum(p.numel() for p in generator.parameters()),
        },
        "training": {
            "data": f"procedural world of phosphene.stimuli, base seed {TRAINING_SEED}",
            "autoencoder": _told(options.out / "autoencoder", first),
            "generator": _told(options.out / "generator", second),
            "note": options.note,
        },
        "licence": "BSD-3-Clause, as the software; trained on pictures generated by it only",
    }
    target = options.weights / "model.json"
    target.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    LOG.info("wrote %s", target)
    return 0


def _trained(folder: Path, network: Net, name: str) -> tuple[Net, Budget]:
    budget = Budget(1, None)
    if not load_checkpoint(folder, budget, {name: network}, None):
        raise SystemExit(f"{folder} holds no checkpoint: train that stage first")
    network.eval().requires_grad_(False)
    return network, budget


def _note(options: argparse.Namespace, budget: Budget) -> None:
    """Keep beside the checkpoint how this stage was run, for `model.json`."""
    note = {
        "seed": options.seed,
        "scenes": options.scenes,
        "threads": options.threads,
        "bfloat16": options.bf16,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, no GPU used",
        "torch": torch.__version__,
    }
    file = options.out / options.stage / "run.json"
    file.write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    LOG.info("%s: %d steps in %.1f minutes", options.stage, budget.step, budget.elapsed_s / 60)


def _told(folder: Path, budget: Budget) -> dict[str, Any]:
    note = folder / "run.json"
    known: dict[str, Any] = json.loads(note.read_text("utf-8")) if note.exists() else {}
    return {"steps": budget.step, "minutes": round(budget.spent_s / 60, 1), **known}


if __name__ == "__main__":
    raise SystemExit(main())
