"""Latents of world-64 carried over to latents of the large generator.

Percepts live in the space "world-64". What a decoded latent shows as it stands, and where painting
starts when it does not start from noise, is the mean picture at 256x256 that such a latent stands
for: a small regression, not a generator.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from renderer.training import corruption
from renderer.training.autoencoder import ResidualBlock
from renderer.training.autoencoder256 import Z_CHANNELS

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
