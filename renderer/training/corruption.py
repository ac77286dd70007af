"""Makes clean conditions look like ones that were decoded from a brain.

A ridge decoder returns latents that are blurred (only coarse structure is predictable), shrunk
towards the mean and noisy; its embeddings are shrunk, noisy and undecided between categories.
The network sees all strengths of this, from none to hopeless.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from phosphene.stimuli.space import N_CATEGORIES

DROP_Z = 0.15
DROP_C = 0.15
DROP_BOTH = 0.05
DROP_HUE = 0.15
HUE, BACKGROUND_HUE = slice(8, 10), slice(14, 16)


def drop_masks(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Which samples keep z_low and c: two float tensors (n,) of 0 and 1."""
    draw = torch.rand(3, n, generator=generator)
    either = (draw[2] >= DROP_BOTH).float()
    return (draw[0] >= DROP_Z).float() * either, (draw[1] >= DROP_C).float() * either


def corrupt_z(z: Tensor, generator: torch.Generator) -> Tensor:
    """Blurred, shrunk and noisy latents (n, 4, 16, 16), each sample with its own strengths."""
    n = z.shape[0]

    def strength(top: float) -> Tensor:
        return top * torch.rand(n, 1, 1, 1, generator=generator)

    narrow = functional.avg_pool2d(functional.pad(z, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    wide = functional.avg_pool2d(functional.pad(z, (3, 3, 3, 3), mode="replicate"), 7, stride=1)
    blur = strength(2.0)  # 0: sharp, 1: mean of 3x3, 2: mean of 7x7
    near = z + (narrow - z) * blur.clamp(max=1.0)
    blurred = near + (wide - near) * (blur - 1.0).clamp(min=0.0)
    # coarse noise resembles the errors of a linear decoder better than white noise does
    white = torch.randn(z.shape, generator=generator)
    coarse = functional.interpolate(
        torch.randn((n, z.shape[1], 4, 4), generator=generator), size=z.shape[2:], mode="bilinear"
    )
    noise = strength(0.8) * white + strength(0.8) * coarse
    corrupted = blurred * (1.0 - strength(0.7)) + noise
    clean = torch.rand(n, 1, 1, 1, generator=generator) < 0.1
    return torch.where(clean, z, corrupted)


def corrupt_c(c: Tensor, generator: torch.Generator) -> Tensor:
    """Mixed, shrunk and noisy embeddings (n, C_DIM), each sample with its own strengths."""
    n = c.shape[0]
    other = c[torch.randperm(n, generator=generator), :N_CATEGORIES]
    weight = 0.4 * torch.rand(n, 1, generator=generator)
    weight = weight * (torch.rand(n, 1, generator=generator) < 0.3)
    code = (1.0 - weight) * c[:, :N_CATEGORIES] + weight * other
    mixed = torch.cat([code, c[:, N_CATEGORIES:]], dim=1)
    for pair in (HUE, BACKGROUND_HUE):  # a prototype of a category has no hue
        mixed[:, pair] *= (torch.rand(n, 1, generator=generator) >= DROP_HUE).float()
    shrink = 1.0 - 0.6 * torch.rand(n, 1, generator=generator)
    sigma = 0.6 * torch.rand(n, 1, generator=generator)
    noisy = shrink * mixed + sigma * torch.randn(c.shape, generator=generator)
    clean = torch.rand(n, 1, generator=generator) < 0.15
    return torch.where(clean, c, noisy)
