"""Ways to train a few-step flow map that are compared at equal compute.

Each recipe is a loss of one batch, given how much of the training is done. Half of the batch is
flow matching wherever a recipe has a second loss; networks, batches, rates, conditions and the
moving average that serves as teacher are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from renderer.training import flowmap
from renderer.training.flowmap import TARGET_LIMIT, Condition, Velocity

FORCED = 0.25
"""Share of intervals that span the whole time, from noise to data."""
HALFWAY = 0.5

Loss = Callable[[Velocity, Velocity, Tensor, Condition, torch.Generator], Tensor]


class Recipe(NamedTuple):
    """A name for tables, what follows flow matching, and from which share of the training on."""

    title: str
    bootstrap: Loss | None
    start: float


def recipe_loss(
    recipe: Recipe,
    u: Velocity,
    teacher: Velocity,
    x: Tensor,
    condition: Condition,
    rng: torch.Generator,
    fraction: float,
) -> Tensor:
    """Loss of a batch x (n, ...) when `fraction` of the training is done."""
    if recipe.bootstrap is None or fraction < recipe.start:
        return flowmap.velocity_loss(u, x, condition, rng)
    middle, n = len(x) // 2, len(x)
    plain = flowmap.velocity_loss(u, x[:middle], condition.part(0, middle), rng)
    jump = recipe.bootstrap(u, teacher, x[middle:], condition.part(middle, n), rng)
    return 0.5 * (plain + jump)


def split_loss(
    u: Velocity, teacher: Velocity, x: Tensor, condition: Condition, rng: torch.Generator
) -> Tensor:
    """Interval splitting (SplitMeanFlow, arXiv 2507.16884, eq. 8) at the middle of [r, t].

    Ends are uniform on [0, 1] but for `FORCED` of them, which are 1 and 0.
    """
    n = x.shape[0]
    ends = torch.rand(2, n, generator=rng)
    forced = torch.rand(n, generator=rng) < FORCED
    t = torch.where(forced, torch.ones(n), ends.amax(dim=0))
    h = t - torch.where(forced, torch.zeros(n), ends.amin(dim=0))
    z_t, _ = _noised(x, t, rng)
    half = h / 2
    with torch.no_grad():
        first = teacher(z_t, t, half, condition)
        z_mid = z_t - half[:, None, None, None] * first
        second = teacher(z_mid, t - half, half, condition)
        target = ((first + second) / 2).clamp(-TARGET_LIMIT, TARGET_LIMIT)
    return (u(z_t, t, h, condition) - target).square().mean()


def mean_flow_loss(
    u: Velocity, teacher: Velocity, x: Tensor, condition: Condition, rng: torch.Generator
) -> Tensor:
    """MeanFlow (arXiv 2505.13447, eq. 6): the target is v - h du/dt along the path, by a JVP.

    Weighted by the error itself to the power of -0.75, as there (section 4.3).
    """
    n = x.shape[0]
    ends = torch.rand(2, n, generator=rng)
    t = ends.amax(dim=0)
    h = t - ends.amin(dim=0)
    z_t, v = _noised(x, t, rng)
    ones = torch.ones(n)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):  # the fast kernels have no JVP
        both = torch.func.jvp(
            lambda z, at, step: u(z, at, step, condition), (z_t, t, h), (v, ones, ones)
        )
        along: Tensor = both[1]
        target = (v - h[:, None, None, None] * along).clamp(-TARGET_LIMIT, TARGET_LIMIT)
    error: Tensor = (u(z_t, t, h, condition) - target).square().mean(dim=(1, 2, 3))
    weight = (error.detach() + 1e-3).pow(-0.75)
    total: Tensor = (weight * error).mean()
    return total


def _noised(x: Tensor, t: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mix data with noise at times t (n,); with the velocity there."""
    e = torch.randn(x.shape, generator=rng)
    at = t[:, None, None, None]
    return (1.0 - at) * x + at * e, e - x


RECIPES = {
    "fm": Recipe("flow matching only", None, 1.0),
    "fm-shortcut": Recipe("flow matching, then shortcut (shipped)", flowmap.shortcut_loss, HALFWAY),
    "fm-split": Recipe("flow matching, then interval splitting", split_loss, HALFWAY),
    "shortcut": Recipe("shortcut from the start", flowmap.shortcut_loss, 0.0),
    "meanflow": Recipe("MeanFlow from the start (JVP)", mean_flow_loss, 0.0),
}
