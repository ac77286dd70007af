"""Training stages 2 and 3 of the large generator: the two networks that draft its pictures.

Both are regressions that take minutes: the low net from latents of world-64, the atlas from c. The
flow map starts with them. Here in one process on the CPU; a GPU would gain nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from renderer.training.atlas import Atlas, atlas_loss
from renderer.training.loop import Stage
from renderer.training.low import LowNet, mildly_corrupted
from renderer.training.progress import Budget, channels_last

BATCH = 16
TOP_RATE = 2e-3
Net = TypeVar("Net", bound=nn.Module)


def train_low(
    data: dict[str, Tensor], budget: Budget, folder: Path, seed: int, half: bool = False
) -> LowNet:
    """Fit by the squared error of latents; goes on from `folder` if a checkpoint lies there.

    Parameters
    ----------
    data : dict
        ``z`` (n, 4, 32, 32) and ``low`` (n, 4, 16, 16) of the same scenes.
    budget, folder, seed, half
        As for the other stages.
    """
    torch.manual_seed(seed)
    net = LowNet()

    def loss(chosen: Tensor, rng: torch.Generator) -> Tensor:
        low = mildly_corrupted(data["low"][chosen], rng)
        wrong: Tensor = net(low).float() - data["z"][chosen]
        return wrong.square().mean()

    return _regress("low", net, loss, len(data["z"]), budget, folder, seed, half)


def train_atlas(
    data: dict[str, Tensor], budget: Budget, folder: Path, seed: int, half: bool = False
) -> Atlas:
    """Fit by the squared error of latents; goes on from `folder` if a checkpoint lies there.

    Parameters
    ----------
    data : dict
        ``z`` (n, 4, 32, 32), ``c`` (n, C_DIM) and ``style`` (n,) int64 of the same scenes.
    budget, folder, seed, half
        As for the other stages.
    """
    torch.manual_seed(seed)
    net = Atlas()

    def loss(chosen: Tensor, rng: torch.Generator) -> Tensor:
        return atlas_loss(net, data["z"][chosen], data["c"][chosen], data["style"][chosen])

    return _regress("atlas", net, loss, len(data["z"]), budget, folder, seed, half)


def _regress(
    name: str,
    net: Net,
    loss_of: Callable[[Tensor, torch.Generator], Tensor],
    n: int,
    budget: Budget,
    folder: Path,
    seed: int,
    half: bool,
) -> Net:
    channels_last(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=TOP_RATE, weight_decay=1e-4)
    rng = torch.Generator()

    def loss(fraction: float) -> Tensor:
        chosen = torch.randint(n, (BATCH,), generator=rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            return loss_of(chosen, rng)

    stage = Stage(name, {name: net}, optimizer, TOP_RATE, loss)
    stage.resume(budget, folder)
    rng.manual_seed(seed + 7919 * budget.step)
    stage.run(budget, folder)
    return net.eval()
