"""Picture <-> latent: 64x64x3 <-> 4x16x16, with a decoder that is cheap on a CPU.

Convolution and ReLU only, no normalisation layers, as in the tiny autoencoders that few-step
pipelines use for speed; the last enlargement is a pixel shuffle, so that nothing with many
channels ever runs at full resolution. About 0.16 GFLOP per decoded picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape, (n, channels, h, w)."""
        y: Tensor = torch.relu(x + self.body(x))
        return y


class Encoder(nn.Module):
    """Pixels in [-1, 1] to latents of zero mean and unit variance per channel."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2),  # (n, 12, 32, 32)
            nn.Conv2d(12, width // 2, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1),  # (n, width, 16, 16)
            nn.ReLU(),
            ResidualBlock(width),
            ResidualBlock(width),
            nn.Conv2d(width, 4, 3, padding=1),  # (n, 4, 16, 16)
        )
        # without scale and offset this is the standardisation itself, kept as running statistics
        self.standard = nn.BatchNorm2d(4, affine=False, momentum=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Pixels (n, 3, 64, 64) to latents (n, 4, 16, 16)."""
        z: Tensor = self.standard(self.body(x))
        return z


class Decoder(nn.Module):
    """Latents to pixels in about [-1, 1]."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(4, width, 3, padding=1),  # (n, width, 16, 16)
            nn.ReLU(),
            ResidualBlock(width),
            ResidualBlock(width),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.PixelShuffle(2),  # (n, width / 2, 32, 32)
            nn.ReLU(),
            ResidualBlock(width // 2),
            nn.Conv2d(width // 2, 12, 3, padding=1),
            nn.PixelShuffle(2),  # (n, 3, 64, 64)
        )

    def forward(self, z: Tensor) -> Tensor:
        """Latents (n, 4, 16, 16) to pixels (n, 3, 64, 64)."""
        x: Tensor = self.body(z)
        return x


class Autoencoder(nn.Module):
    """Encoder and decoder together."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.encoder = Encoder(width)
        self.decoder = Decoder(width)

    def loss(self, x: Tensor, latent_noise: float = 0.03) -> Tensor:
        """Absolute error of pixels and of their differences, decoded from slightly noisy latents.

        The noise makes the decoder smooth, because generated latents are never exact.
        """
        z = self.encoder(x)
        y = self.decoder(z + latent_noise * torch.randn_like(z))
        error = y.float() - x
        edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
        total: Tensor = error.abs().mean() + error.square().mean() + edges
        return total


def to_unit(pictures: Tensor) -> Tensor:
    """uint8 (n, h, w, 3) to float32 (n, 3, h, w) in [-1, 1]."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def to_bytes(x: Tensor) -> Tensor:
    """Float (n, 3, h, w) in [-1, 1] to uint8 (n, h, w, 3)."""
    y = (x.permute(0, 2, 3, 1) * 127.5 + 127.5).clamp(0.0, 255.0)
    rounded: Tensor = (y + 0.5).floor().clamp(0.0, 255.0).to(torch.uint8)
    return rounded
