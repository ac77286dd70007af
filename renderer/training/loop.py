"""The loop that every training stage is: rate, loss, step, checkpoint, sheet."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from renderer.training.progress import (
    Budget,
    MovingAverage,
    cosine_rate,
    load_checkpoint,
    save_checkpoint,
)
from renderer.training.team import Team

LOG = logging.getLogger(__name__)
CLIP = 1.0
SMOOTH = 0.98


def descend(
    network: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, team: Team
) -> Tensor:
    """Take one step down; return the norm that the gradient had before it was clipped."""
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    team.average_gradients(network)
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
    optimizer.step()
    return norm


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give all weights this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


@dataclass
class Stage:
    """One stage of training.

    Parameters
    ----------
    name : str
        Shown before the progress bar.
    networks : dict
        Everything the checkpoint keeps; the first one is trained.
    optimizer : torch.optim.Optimizer
        Of the first network.
    top_rate : float
        Learning rate at its top (`renderer.training.progress.cosine_rate`).
    loss : callable
        From how much of the training is done (0 to 1) to the loss of a fresh batch.
    after : callable
        Called after each step with the number of steps before it and the gradient's norm.
    sheet : callable
        Called with a file name for a sheet of samples at each checkpoint.
    save_every : int
        Steps from checkpoint to checkpoint.
    team : Team
        Who trains it together; the leader writes what is kept.
    """

    name: str
    networks: dict[str, nn.Module]
    optimizer: torch.optim.Optimizer
    top_rate: float
    loss: Callable[[float], Tensor]
    after: Callable[[int, Tensor], None] = lambda step, norm: None
    sheet: Callable[[Path], None] = lambda file: None
    save_every: int = 500
    team: Team = field(default_factory=Team)

    def resume(self, budget: Budget, folder: Path) -> bool:
        """Go on from the checkpoint in `folder`, if there is one."""
        return load_checkpoint(folder, budget, self.networks, self.optimizer)

    def run(self, budget: Budget, folder: Path) -> None:
        """Train until the budget is spent; the last checkpoint and sheet show the end."""
        network = next(iter(self.networks.values()))
        bar = tqdm(
            initial=budget.step,
            total=budget.steps,
            desc=self.name,
            mininterval=5.0,
            disable=not self.team.leads,
        )
        smooth: float | None = None
        while (fraction := self.team.agree(budget.fraction)) < 1.0:
            set_rate(self.optimizer, cosine_rate(fraction, budget.step, self.top_rate))
            loss = self.loss(fraction)
            norm = descend(network, self.optimizer, loss, self.team)
            self.after(budget.step, norm)
            budget.step += 1
            bar.update()
            if not self.team.leads:
                continue
            if budget.step % 50 == 0:  # reading a loss waits for the device
                now = loss.item()
                smooth = now if smooth is None else SMOOTH * smooth + (1 - SMOOTH) * now
                bar.set_postfix(loss=f"{smooth:.4f}", done=f"{fraction:.0%}")
                LOG.info("%s: step %d loss %.4f", self.name, budget.step, smooth)
            if budget.step % self.save_every == 0:
                self._keep(budget, folder, f"samples_{budget.step:06d}.png")
        bar.close()
        if self.team.leads:
            self._keep(budget, folder, "samples_last.png")

    def _keep(self, budget: Budget, folder: Path, sheet: str) -> None:
        save_checkpoint(folder, budget, self.networks, self.optimizer)
        self.sheet(folder / sheet)


def generator_stage(
    net: nn.Module,
    shadow: nn.Module,
    top_rate: float,
    loss: Callable[[float], Tensor],
    sheet: Callable[[Path], None],
    save_every: int,
    team: Team | None = None,
) -> Stage:
    """Make the stage of a generator, whose moving average `shadow` follows the weights of `net`."""
    average = MovingAverage(net, shadow)
    optimizer = torch.optim.AdamW(net.parameters(), lr=top_rate, weight_decay=1e-3)
    return Stage(
        "generator",
        {"net": net, "average": shadow},
        optimizer,
        top_rate,
        loss,
        lambda step, norm: average.update(step),
        sheet,
        save_every,
        team or Team(),
    )
