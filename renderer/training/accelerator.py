"""The two large stages on one GPU: data on the device, bfloat16, a batch that fills it.

The losses, the networks and the checkpoints are those of the stages for a CPU, so that a training
may begin on one and end on the other. Random numbers are drawn on the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from renderer.training import autoencoder256_stage as first_stage
from renderer.training import generator256_stage as second_stage
from renderer.training.atlas import atlas_loss
from renderer.training.autoencoder import to_unit
from renderer.training.autoencoder256 import Autoencoder256
from renderer.training.loop import Stage, generator_stage
from renderer.training.network256 import FlowMapNet256
from renderer.training.progress import Budget, channels_last


@dataclass(frozen=True)
class Scale:
    """Where and how large a training is.

    Parameters
    ----------
    device : torch.device
        What computes.
    batch : int
        Samples per step of the generator; the autoencoder takes an eighth of it.
    half : bool
        Compute in bfloat16 where possible.
    channels : tuple of int
        Of the generator at 16x16 and at 8x8.
    save_every : int
        Steps from checkpoint to checkpoint.
    """

    device: torch.device
    batch: int = 512
    half: bool = True
    channels: tuple[int, int] = (96, 128)
    save_every: int = 2000


def train_autoencoder_on(
    scale: Scale, pictures: npt.NDArray[np.uint8], budget: Budget, folder: Path, seed: int
) -> Autoencoder256:
    """Stage 1 as `renderer.training.autoencoder256_stage` has it; pictures stay on the disk."""
    torch.manual_seed(seed)
    model = Autoencoder256().to(scale.device)
    channels_last(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=first_stage.TOP_RATE, weight_decay=1e-4)
    n = max(scale.batch // 8, 2)
    rng = np.random.default_rng(seed)

    def loss(fraction: float) -> Tensor:
        cut = torch.from_numpy(first_stage.cuttings(pictures, rng, n)).to(scale.device)
        x = to_unit(cut).contiguous(memory_format=torch.channels_last)
        with torch.autocast(scale.device.type, torch.bfloat16, enabled=scale.half):
            return model.loss(x)

    stage = Stage(
        "autoencoder",
        {"autoencoder": model},
        optimizer,
        first_stage.TOP_RATE,
        loss,
        save_every=scale.save_every,
    )
    stage.resume(budget, folder)
    rng = np.random.default_rng([seed, budget.step])
    model.train()
    stage.run(budget, folder)
    model = model.cpu().eval()
    first_stage.report(model, pictures, folder)
    return model


def train_generator_on(
    scale: Scale,
    data: dict[str, Tensor],
    autoencoder: Autoencoder256,
    drafts: second_stage.Drafts,
    budget: Budget,
    folder: Path,
    seed: int,
) -> FlowMapNet256:
    """Stage 2 as `renderer.training.generator256_stage` has it, returning the moving average."""
    torch.manual_seed(seed)
    net = FlowMapNet256(scale.channels).to(scale.device)
    shadow = FlowMapNet256(scale.channels).to(scale.device)
    net.atlas.load_state_dict(drafts.atlas.state_dict())
    net.low.load_state_dict(drafts.low.state_dict())
    channels_last(net)
    channels_last(shadow)
    held = {name: tensor.to(scale.device) for name, tensor in data.items()}
    rng = torch.Generator(scale.device)
    u = second_stage.as_velocity(net, scale.half)
    teacher = second_stage.as_velocity(shadow, scale.half)

    def loss(fraction: float) -> Tensor:
        with scale.device:  # the losses make their tensors where this says
            chosen = torch.randint(len(held["z"]), (scale.batch,), generator=rng)
            batch = (held["z"][chosen], held["low"][chosen], held["c"][chosen])
            both = fraction >= second_stage.PHASE_A
            painted = second_stage.batch_loss(u, teacher, batch, rng, both)
            with torch.autocast(scale.device.type, torch.bfloat16, enabled=scale.half):
                drawn = atlas_loss(net.atlas, batch[0], batch[2], held["style"][chosen])
            return painted + second_stage.ATLAS_WEIGHT * drawn

    def sheet(file: Path) -> None:
        painter = FlowMapNet256(scale.channels)
        painter.load_state_dict(shadow.state_dict())
        second_stage.sample_sheet(painter.eval(), autoencoder.cpu(), data, file)

    rate = second_stage.TOP_RATE
    stage = generator_stage(net, shadow, rate, loss, sheet, scale.save_every)
    stage.resume(budget, folder)
    rng.manual_seed(seed + 7919 * budget.step)
    stage.run(budget, folder)
    return shadow
