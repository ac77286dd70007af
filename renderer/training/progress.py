"""How far a training is, and checkpoints that let it go on after a stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


class Budget:
    """End of a training, by steps or by minutes of computing, whichever was given.

    Minutes count over all resumed runs; time in between does not count. They are those of `clock`
    (in seconds): of the wall, or of the processor where machines are shared.
    """

    def __init__(
        self,
        steps: int | None,
        minutes: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if (steps is None) == (minutes is None):
            raise ValueError("give either --steps or --minutes")
        self.steps, self.minutes = steps, minutes
        self.step, self.spent_s = 0, 0.0
        self._clock = clock
        self._started = clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds of computing so far, earlier runs included."""
        return self.spent_s + self._clock() - self._started

    @property
    def fraction(self) -> float:
        """How much of the training is done, 0 to 1."""
        if self.steps is not None:
            return min(1.0, self.step / self.steps)
        return min(1.0, self.elapsed_s / (60.0 * (self.minutes or 0.0)))


def cosine_rate(fraction: float, step: int, top: float, warm_up: int = 100) -> float:
    """Learning rate: linear warm-up over the first steps, then a cosine down to 2 % of the top."""
    ramp = min(1.0, (step + 1) / warm_up)
    return top * ramp * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * fraction)))


def channels_last(network: nn.Module) -> None:
    """Lay convolution weights out with channels last, in place; a fifth faster on CPUs."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


class MovingAverage:
    """Exponential moving average of a network's weights, slower as training goes on."""

    def __init__(self, model: nn.Module, shadow: nn.Module, decay: float = 0.998) -> None:
        self.model, self.shadow, self.decay = model, shadow, decay
        shadow.load_state_dict(model.state_dict())
        shadow.eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the model's weights in; early steps forget faster."""
        keep = min(self.decay, (1 + step) / (10 + step))
        for old, new in zip(self.shadow.parameters(), self.model.parameters(), strict=True):
            old.lerp_(new, 1.0 - keep)


def save_checkpoint(
    folder: Path,
    budget: Budget,
    networks: dict[str, nn.Module],
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write weights, optimiser moments and the place in the budget; the old file is replaced."""
    tensors: dict[str, Tensor] = {}
    for name, network in networks.items():
        for key, value in network.state_dict().items():
            tensors[f"{name}/{key}"] = value.detach().clone().contiguous()
    for index, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            tensors[f"optimizer/{index}/{key}"] = torch.as_tensor(value).clone().contiguous()
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "checkpoint.part"
    place = {"step": str(budget.step), "elapsed_s": str(budget.elapsed_s)}
    save_file(tensors, fresh, metadata=place)
    fresh.replace(folder / "checkpoint.safetensors")


def load_checkpoint(
    folder: Path,
    budget: Budget,
    networks: dict[str, nn.Module],
    optimizer: torch.optim.Optimizer | None,
) -> bool:
    """Restore what `save_checkpoint` wrote; False if there is nothing to restore."""
    from safetensors import safe_open

    file = folder / "checkpoint.safetensors"
    if not file.exists():
        return False
    tensors = load_file(file)
    for name, network in networks.items():
        own = {k.split("/", 1)[1]: v for k, v in tensors.items() if k.startswith(f"{name}/")}
        network.load_state_dict(own)
    if optimizer is not None:
        state: dict[int, dict[str, Any]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer/"):
                _, index, field = key.split("/")
                state.setdefault(int(index), {})[field] = value
        whole = optimizer.state_dict()
        whole["state"] = state
        optimizer.load_state_dict(whole)
    with safe_open(file, framework="pt") as opened:
        place = opened.metadata()
    budget.step, budget.spent_s = int(place["step"]), float(place["elapsed_s"])
    return True
