"""Training stage 3 of the large generator: latents of world-64 carried over to its own latents.

Percepts live in the space "world-64". What a decoded latent shows as it stands, and where painting
starts when it does not start from noise, is the mean picture at 256x256 that such a latent stands
for: a small regression, not a generator.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from renderer.training import corruption
from renderer.training.autoencoder import ResidualBlock
from renderer.training.autoencoder256 import Z_CHANNELS
from renderer.training.loop import Stage
from renderer.training.progress import Budget, channels_last

BATCH = 32
TOP_RATE = 2e-3
MILD = 0.3
"""Largest share of a brain decoder's corruption that the input gets, on half of the samples."""


class LowNet(nn.Module):
    """Convolutions at 16x16, then a pixel shuffle."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(Z_CHANNELS, width, 3, padding=1),
            nn.ReLU(),
            ResidualBlock(width),
            ResidualBlock(width),
            nn.Conv2d(width, 4 * Z_CHANNELS, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, z_low: Tensor) -> Tensor:
        """Latents of world-64 (n, 4, 16, 16) to latents of 256x256 pictures (n, 4, 32, 32)."""
        z: Tensor = self.body(z_low)
        return z


def mildly_corrupted(low: Tensor, rng: torch.Generator) -> Tensor:
    """Half of the latents as they are, half moved a little way towards a decoder's errors."""
    share = MILD * torch.rand(len(low), 1, 1, 1, generator=rng)
    share = share * (torch.rand(len(low), 1, 1, 1, generator=rng) < 0.5)
    return torch.lerp(low, corruption.corrupt_z(low, rng), share)


def train_low(data: dict[str, Tensor], budget: Budget, folder: Path, seed: int) -> LowNet:
    """Fit by the squared error of latents; goes on from `folder` if a checkpoint lies there.

    Parameters
    ----------
    data : dict
        ``z`` (n, 4, 32, 32) and ``low`` (n, 4, 16, 16) of the same scenes.
    budget, folder, seed
        As for the other stages.
    """
    torch.manual_seed(seed)
    net = LowNet()
    channels_last(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=TOP_RATE, weight_decay=1e-4)
    rng = torch.Generator()

    def loss(fraction: float) -> Tensor:
        chosen = torch.randint(len(data["z"]), (BATCH,), generator=rng)
        low = mildly_corrupted(data["low"][chosen].float(), rng)
        wrong: Tensor = net(low) - data["z"][chosen].float()
        return wrong.square().mean()

    stage = Stage("low", {"low": net}, optimizer, TOP_RATE, loss)
    stage.resume(budget, folder)
    rng.manual_seed(seed + 7919 * budget.step)
    stage.run(budget, folder)
    return net.eval()
