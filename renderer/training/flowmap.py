"""Losses and sampler of the flow map.

Notation: x data, e noise, z_t = (1 - t) x + t e, velocity v = e - x. u(z_t, t, h) is the mean of
v over [t - h, t], so that z_{t-h} = z_t - h u. Phase A is flow matching (h = 0). Phase B adds the
self-consistency of a step with its two halves (shortcut models, Frans et al. 2024,
arXiv 2410.12557, eq. 5), which needs no derivative of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

STEP_SIZES = (1.0, 0.5, 0.25, 0.125)
"""Lengths the network learns to jump; the halves of the smallest are taken as velocities."""
TARGET_LIMIT = 4.0

Velocity = Callable[[Tensor, Tensor, Tensor, "Condition"], Tensor]


class Condition(NamedTuple):
    """What the network is told: z_low (n, 4, 16, 16), has_z (n,), c (n, C_DIM), has_c (n,)."""

    z_low: Tensor
    has_z: Tensor
    c: Tensor
    has_c: Tensor

    def part(self, start: int, stop: int) -> Condition:
        """Return the samples from `start` up to `stop`."""
        return Condition(*(field[start:stop] for field in self))


def velocity_loss(
    u: Velocity, x: Tensor, condition: Condition, rng: torch.Generator, even: bool = False
) -> Tensor:
    """Flow matching: E |u(z_t, t, 0) - (e - x)|^2 with t uniform on [0, 1].

    With `even` the n times of a batch lie one in each n-th of that range, which is less noisy.
    """
    n = x.shape[0]
    t = torch.rand(n, generator=rng)
    if even:
        t = (torch.arange(n) + t) / n
    e = torch.randn(x.shape, generator=rng)
    at = t[:, None, None, None]
    z_t = (1.0 - at) * x + at * e
    return (u(z_t, t, torch.zeros(n), condition) - (e - x)).square().mean()


def shortcut_loss(
    u: Velocity, teacher: Velocity, x: Tensor, condition: Condition, rng: torch.Generator
) -> Tensor:
    """Self-consistency: one step of length h should land where two of length h / 2 land."""
    n = x.shape[0]
    sizes = torch.tensor(STEP_SIZES)
    h = sizes[torch.randint(len(STEP_SIZES), (n,), generator=rng)]
    n_slots = (1.0 / h).round()
    slot = (torch.rand(n, generator=rng) * n_slots).floor().clamp(max=n_slots - 1)
    t = 1.0 - slot * h
    e = torch.randn(x.shape, generator=rng)
    at = t[:, None, None, None]
    z_t = (1.0 - at) * x + at * e
    half = h / 2
    asked = torch.where(h > STEP_SIZES[-1], half, torch.zeros(n))
    with torch.no_grad():
        first = teacher(z_t, t, asked, condition)
        z_mid = z_t - half[:, None, None, None] * first
        second = teacher(z_mid, t - half, asked, condition)
        target = ((first + second) / 2).clamp(-TARGET_LIMIT, TARGET_LIMIT)
    return (u(z_t, t, h, condition) - target).square().mean()


@torch.no_grad()
def sample(u: Velocity, noise: Tensor, condition: Condition, steps: int) -> Tensor:
    """Latents from noise in `steps` equal jumps: z <- z - h u(z, t, h)."""
    z, h = noise, 1.0 / steps
    for k in range(steps):
        t = torch.full((z.shape[0],), 1.0 - k * h)
        z = z - h * u(z, t, torch.full_like(t, h), condition)
    return z
