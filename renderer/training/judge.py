"""An independent reader of pictures, to measure generated ones.

A small convolutional network that reads category, hue and place off a picture. It is trained on
pictures of the world that neither the generator nor the evaluation uses, and shares nothing with
the generator.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from phosphene.stimuli.space import N_CATEGORIES
from renderer.training.autoencoder import to_unit
from renderer.training.dataset import render_set

JUDGE_SEED = 3_000_003
N_READ = N_CATEGORIES + 4
"""Category scores, then cos and sin of the hue and the place, as entries 0-11 of c."""


class Reading(NamedTuple):
    """Category numbers (n,), hues in turns (n,), places (n, 2) in units of the place limit."""

    category: npt.NDArray[np.int64]
    hue: npt.NDArray[np.float64]
    place: npt.NDArray[np.float64]


class Judge(nn.Module):
    """Four strided convolutions and a linear reading."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for k in range(4):  # 64 -> 32 -> 16 -> 8 -> 4 pixels
            after = width * 2 ** min(k, 2)
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after)]
            layers += [nn.ReLU()]
            before = after
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * 16, N_READ))

    def forward(self, x: Tensor) -> Tensor:
        """Pixels (n, 3, 64, 64) to readings (n, N_READ)."""
        y: Tensor = self.body(x)
        return y


def train_judge(n: int = 8000, epochs: int = 8, seed: int = 0) -> Judge:
    """Train a judge on `n` scenes of its own."""
    pictures, c = render_set(JUDGE_SEED, n)
    torch.manual_seed(seed)
    judge = Judge()
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=1e-2)
    wanted = torch.from_numpy(c[:, :N_READ])
    category = wanted[:, :N_CATEGORIES].argmax(dim=1)
    x = torch.from_numpy(pictures)
    batch, total = 64, epochs * (n // 64)
    for step in range(total):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * 0.5 * (1.0 + math.cos(math.pi * step / total))
        chosen = torch.randint(n, (batch,))
        read = judge(_roughen(to_unit(x[chosen])))
        loss = functional.cross_entropy(read[:, :N_CATEGORIES], category[chosen])
        loss = loss + functional.mse_loss(read[:, N_CATEGORIES:], wanted[chosen, N_CATEGORIES:])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
    return judge.eval()


@torch.no_grad()
def judged(judge: Judge, pictures: npt.NDArray[np.uint8]) -> Reading:
    """Return what the judge reads off pictures, uint8 (n, 64, 64, 3)."""
    read = judge(to_unit(torch.from_numpy(pictures))).double().numpy()
    cos, sin = read[:, N_CATEGORIES], read[:, N_CATEGORIES + 1]
    return Reading(
        read[:, :N_CATEGORIES].argmax(axis=1),
        np.arctan2(sin, cos) / (2 * np.pi) % 1.0,
        read[:, N_CATEGORIES + 2 :],
    )


def _roughen(x: Tensor) -> Tensor:
    """Blur some pictures and add noise, so that the judge does not insist on crisp edges."""
    soft = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    weight = torch.rand(len(x), 1, 1, 1)
    return torch.lerp(x, soft, weight) + 0.1 * torch.rand(len(x), 1, 1, 1) * torch.randn_like(x)
