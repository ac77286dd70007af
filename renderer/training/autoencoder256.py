"""Picture <-> latent of the large generator: 256x256x3 <-> 4x32x32, eight times smaller a side.

The decoder, not the network, is what a frame costs on a CPU. Like the small one
(`renderer.training.autoencoder`) this has convolutions and ReLU only, halves its channels at each
enlargement and ends in a pixel shuffle, so that nothing ever runs at full resolution: about
1 GFLOP per picture, a ninth of a tiny autoencoder of half width at the same size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from renderer.training.autoencoder import ResidualBlock

Z_CHANNELS = 4
DOWN = 8
"""Pixels per latent pixel, along each side."""


class Encoder256(nn.Module):
    """Pixels in [-1, 1] to latents of zero mean and unit variance per channel."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.PixelUnshuffle(4),  # (n, 48, 64, 64)
            nn.Conv2d(48, width // 2, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1),  # (n, width, 32, 32)
            nn.ReLU(),
            ResidualBlock(width),
            ResidualBlock(width),
            nn.Conv2d(width, Z_CHANNELS, 3, padding=1),  # (n, 4, 32, 32)
        )
        # without scale and offset this is the standardisation itself, kept as running statistics
        self.standard = nn.BatchNorm2d(Z_CHANNELS, affine=False, momentum=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Pixels (n, 3, 8 k, 8 k) to latents (n, 4, k, k)."""
        z: Tensor = self.standard(self.body(x))
        return z


class Decoder256(nn.Module):
    """Latents to pixels in about [-1, 1]."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(Z_CHANNELS, width, 3, padding=1),  # (n, width, 32, 32)
            nn.ReLU(),
            ResidualBlock(width),
            ResidualBlock(width),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.PixelShuffle(2),  # (n, width / 2, 64, 64)
            nn.ReLU(),
            ResidualBlock(width // 2),
            nn.Conv2d(width // 2, width, 3, padding=1),
            nn.PixelShuffle(2),  # (n, width / 4, 128, 128)
            nn.ReLU(),
            ResidualBlock(width // 4),
            nn.Conv2d(width // 4, 12, 3, padding=1),
            nn.PixelShuffle(2),  # (n, 3, 256, 256)
        )

    def forward(self, z: Tensor) -> Tensor:
        """Latents (n, 4, k, k) to pixels (n, 3, 8 k, 8 k)."""
        x: Tensor = self.body(z)
        return x


class Autoencoder256(nn.Module):
    """Encoder and decoder together."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.encoder = Encoder256(width)
        self.decoder = Decoder256(width)

    def loss(self, x: Tensor, latent_noise: float = 0.05) -> Tensor:
        """Error of pixels, of their means over latent pixels and of their differences.

        Decoded from slightly noisy latents: the noise makes the decoder smooth, because generated
        latents are never exact. Without the means it learns outlines and no colours.
        """
        z = self.encoder(x)
        y = self.decoder(z + latent_noise * torch.randn_like(z))
        error = y.float() - x
        means = functional.avg_pool2d(error, DOWN)
        coarse = means.abs().mean() + 2.0 * means.square().mean()
        edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
        total: Tensor = error.abs().mean() + error.square().mean() + 2.0 * coarse + edges
        return total
