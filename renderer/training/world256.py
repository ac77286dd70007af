"""The stages of "world-256", the large generator, on a CPU or on one GPU."""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn as start_workers

from phosphene.stimuli.encoder import WorldEncoder
from renderer.training.accelerator import Scale, train_autoencoder_on, train_generator_on
from renderer.training.atlas import Atlas
from renderer.training.autoencoder import to_unit
from renderer.training.autoencoder256 import Autoencoder256
from renderer.training.autoencoder256_stage import train_autoencoder256
from renderer.training.dataset import LARGE_PX, TRAINING_SEED, large_chunks
from renderer.training.drafts_stage import train_atlas, train_low
from renderer.training.export256 import Networks, export_world256
from renderer.training.generator256_stage import Drafts, train_generator256
from renderer.training.low import LowNet
from renderer.training.low_report import N_SCENES, compare_low
from renderer.training.network256 import FlowMapNet256
from renderer.training.notes import Stages, note, told, trained
from renderer.training.progress import Budget
from renderer.training.team import Team

LOG = logging.getLogger(__name__)
MINUTES = {"autoencoder": 15.0, "low": 3.0, "atlas": 4.0, "generator": 90.0}
"""How long a stage takes if nobody says otherwise."""
MAX_PICTURES = 6000
"""The autoencoder sees cuttings of so many scenes: 1.2 GB on the disk."""


def autoencoder_stage(options: argparse.Namespace) -> None:
    """Stage 1: the autoencoder, in one process."""
    budget = Budget(options.steps, options.minutes)
    pictures = _pictures(min(options.scenes, MAX_PICTURES), options)
    folder = options.out / "autoencoder"
    if options.device == "cuda":
        train_autoencoder_on(_scale(options), pictures, budget, folder, options.seed)
    else:
        train_autoencoder256(pictures, budget, folder, options.seed, options.bf16)
    note(options, "autoencoder", budget)


def generator_stage(options: argparse.Namespace) -> None:
    """Stage 4: the flow map; on a CPU by `--threads` workers of one thread each."""
    autoencoder, data = latents(options)
    if options.device == "cuda":
        budget = Budget(options.steps, options.minutes)
        folder = options.out / "generator"
        scale, start = _scale(options), drafts(options)
        train_generator_on(scale, data, autoencoder, start, budget, folder, options.seed)
        note(options, "generator", budget)
    elif options.threads == 1:
        _work(0, options, "")
    else:
        with tempfile.TemporaryDirectory() as folder_name:
            spawn: Callable[..., object] = start_workers
            spawn(_work, (options, f"file://{folder_name}/meeting"), options.threads)


def _work(rank: int, options: argparse.Namespace, address: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    team = Team(rank, options.threads, address)
    autoencoder, data = latents(options)
    budget = Budget(options.steps, options.minutes)
    folder = options.out / "generator"
    start = drafts(options)
    train_generator256(data, autoencoder, start, budget, folder, options.seed, team, options.bf16)
    if team.leads:
        note(options, "generator", budget)
    team.close()


def low_stage(options: argparse.Namespace) -> None:
    """Stage 2: from latents of world-64 to those of this model; with its report."""
    autoencoder, data = latents(options)
    budget = Budget(options.steps, options.minutes)
    low = train_low(data, budget, options.out / "low", options.seed, options.bf16)
    note(options, "low", budget)
    for line in compare_low(low, autoencoder, options.out / "low", min(options.scenes, N_SCENES)):
        LOG.info(line)


def atlas_stage(options: argparse.Namespace) -> None:
    """Stage 3: what each style looks like, from c."""
    _, data = latents(options)
    budget = Budget(options.steps, options.minutes)
    train_atlas(data, budget, options.out / "atlas", options.seed, options.bf16)
    note(options, "atlas", budget)


def drafts(options: argparse.Namespace) -> Drafts:
    """Return what stages 2 and 3 made."""
    atlas, _ = trained(options.out / "atlas", Atlas(), "atlas")
    low, _ = trained(options.out / "low", LowNet(), "low")
    return Drafts(atlas, low)


def export_stage(options: argparse.Namespace) -> None:
    """Write what the checkpoints in `--out` hold as the files that are shipped."""
    autoencoder, first = trained(options.out / "autoencoder", Autoencoder256(), "autoencoder")
    flow, second = trained(options.out / "generator", FlowMapNet256(), "average")
    low, third = trained(options.out / "low", LowNet(), "low")
    _, fourth = trained(options.out / "atlas", Atlas(), "atlas")
    training = {
        "autoencoder": told(options.out / "autoencoder", first),
        "generator": told(options.out / "generator", second),
        "low": told(options.out / "low", third),
        "atlas": told(options.out / "atlas", fourth),
        "note": options.note,
    }
    export_world256(Networks(autoencoder, flow, low), options.weights, training)


def latents(options: argparse.Namespace) -> tuple[Autoencoder256, dict[str, Tensor]]:
    """Encode the training scenes, once per autoencoder.

    Returns
    -------
    autoencoder : Autoencoder256
    data : dict
        ``z`` (n, 4, 32, 32), ``low`` (n, 4, 16, 16) of world-64, ``c`` (n, C_DIM) and
        ``style`` (n,) int64.
    """
    autoencoder, made = trained(options.out / "autoencoder", Autoencoder256(), "autoencoder")
    file = options.out / "cache" / f"latents256_{options.scenes}_{made.step}.safetensors"
    if not file.exists():
        data = encode_scenes(autoencoder, TRAINING_SEED, options)
        spread = data["z"].std(dim=(0, 2, 3))
        LOG.info("latents: mean %.3f, standard deviations %s", data["z"].mean(), spread.tolist())
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".part")
        save_file(data, fresh)
        fresh.replace(file)
    return autoencoder, load_file(file)


@torch.no_grad()
def encode_scenes(
    autoencoder: Autoencoder256, base_seed: int, options: argparse.Namespace
) -> dict[str, Tensor]:
    """Draw `--scenes` scenes at both sizes and encode them; pictures are not kept."""
    parts: dict[str, list[Tensor]] = {"z": [], "low": [], "c": [], "style": []}
    encoder = WorldEncoder(options.threads)
    device = torch.device(options.device)
    large = autoencoder.encoder.to(device)
    for chunk in large_chunks(base_seed, options.scenes, _workers(options)):
        z = large(to_unit(torch.from_numpy(chunk.pictures).to(device)))
        parts["z"].append(z.cpu().contiguous())
        parts["low"].append(torch.from_numpy(encoder.encode(chunk.small)))
        parts["c"].append(torch.from_numpy(chunk.c))
        parts["style"].append(torch.from_numpy(chunk.style))
    large.cpu()
    return {name: torch.cat(several) for name, several in parts.items()}


def _pictures(n: int, options: argparse.Namespace) -> npt.NDArray[np.uint8]:
    """Pictures uint8 (n, 256, 256, 3) of the first `n` scenes, drawn once, mapped from the disk."""
    cache: Path = options.out / "cache"
    file = cache / f"large_{n}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".part")
        shape = (n, LARGE_PX, LARGE_PX, 3)
        kept = np.lib.format.open_memmap(fresh, mode="w+", dtype=np.uint8, shape=shape)
        at = 0
        for chunk in large_chunks(TRAINING_SEED, n, _workers(options)):
            kept[at : at + len(chunk.c)] = chunk.pictures
            at += len(chunk.c)
        kept.flush()
        fresh.replace(file)
    pictures: npt.NDArray[np.uint8] = np.load(file, mmap_mode="c")  # torch wants it writable
    return pictures


def _workers(options: argparse.Namespace) -> int:
    """How many processes draw; few scenes are not worth starting any."""
    cores: int = max(options.threads, (os.cpu_count() or 1) if options.device == "cuda" else 1)
    return cores if options.scenes > 2000 else 1


def _scale(options: argparse.Namespace) -> Scale:
    torch.backends.cudnn.benchmark = True
    return Scale(torch.device(options.device), options.batch)


STAGES: Stages = {
    "autoencoder": autoencoder_stage,
    "low": low_stage,
    "atlas": atlas_stage,
    "generator": generator_stage,
    "export": export_stage,
}
