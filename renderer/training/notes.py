"""What is remembered of a stage beside its checkpoint, for model.json."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from renderer.training.progress import Budget, load_checkpoint

LOG = logging.getLogger(__name__)
Stages = dict[str, Callable[[argparse.Namespace], None]]
"""What each stage of a model does with the command line, in the order of the stages."""
Net = TypeVar("Net", bound=torch.nn.Module)


def trained(folder: Path, network: Net, name: str) -> tuple[Net, Budget]:
    """Load the network `name` of the checkpoint in `folder`, ready for use; and its budget."""
    budget = Budget(1, None)
    if not load_checkpoint(folder, budget, {name: network}, None):
        raise SystemExit(f"{folder} holds no checkpoint: train that stage first")
    network.eval().requires_grad_(False)
    return network, budget


def note(options: argparse.Namespace, stage: str, budget: Budget) -> None:
    """Keep beside the checkpoint how this stage was run."""
    on_gpu = options.device == "cuda"
    gpu = torch.cuda.get_device_name() if on_gpu else "no GPU used"
    kept = {
        "seed": options.seed,
        "scenes": options.scenes,
        "threads": options.threads,
        "bfloat16": options.bf16 or on_gpu,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {gpu}",
        "torch": torch.__version__,
    }
    if on_gpu:
        kept["batch"] = options.batch
    file = options.out / stage / "run.json"
    file.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    LOG.info("%s: %d steps in %.1f minutes", stage, budget.step, budget.elapsed_s / 60)


def told(folder: Path, budget: Budget) -> dict[str, Any]:
    """Return what `note` kept, with steps and minutes."""
    file = folder / "run.json"
    known: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return {"steps": budget.step, "minutes": round(budget.spent_s / 60, 1), **known}
