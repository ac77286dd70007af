"""Training stage 2: the flow-map generator on the latents of the trained autoencoder."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from renderer.training import corruption, flowmap
from renderer.training.autoencoder import Autoencoder, to_bytes
from renderer.training.flowmap import Condition, Velocity
from renderer.training.grids import save_grid
from renderer.training.loop import generator_stage
from renderer.training.network import FlowMapNet
from renderer.training.progress import Budget, channels_last
from renderer.training.team import Team

BATCHES = (32, 64)
"""Samples per step up to, and from, `GROWTH` on: early steps gain little from a large batch."""
GROWTH = 0.4
TOP_RATE = 2e-3
PHASE_A = 0.5
"""Share of the training that is pure flow matching."""
SAVE_EVERY = 250


def as_velocity(net: FlowMapNet) -> Velocity:
    """Return the network as a function of (z_t, t, h, condition)."""

    def u(z_t: Tensor, t: Tensor, h: Tensor, condition: Condition) -> Tensor:
        result: Tensor = net(z_t, t, h, *condition)
        return result.float()

    return u


def make_condition(x: Tensor, c: Tensor, rng: torch.Generator) -> Condition:
    """Corrupted and sometimes missing conditions for a batch."""
    has_z, has_c = corruption.drop_masks(len(x), rng)
    return Condition(corruption.corrupt_z(x, rng), has_z, corruption.corrupt_c(c, rng), has_c)


def batch_loss(
    net: FlowMapNet, teacher: FlowMapNet, x: Tensor, c: Tensor, rng: torch.Generator, both: bool
) -> Tensor:
    """Flow matching on the whole batch, or on half of it with self-consistency on the rest."""
    condition = make_condition(x, c, rng)
    u = as_velocity(net)
    if not both:
        return flowmap.velocity_loss(u, x, condition, rng)
    middle = len(x) // 2
    plain = flowmap.velocity_loss(u, x[:middle], condition.part(0, middle), rng)
    jump = flowmap.shortcut_loss(
        u, as_velocity(teacher), x[middle:], condition.part(middle, len(x)), rng
    )
    return 0.5 * (plain + jump)


def train_generator(
    z: Tensor,
    c: Tensor,
    autoencoder: Autoencoder,
    budget: Budget,
    folder: Path,
    seed: int,
    team: Team,
) -> FlowMapNet:
    """Fit the generator and return its moving average; goes on from a checkpoint in `folder`."""
    torch.manual_seed(seed)
    net, shadow = FlowMapNet(), FlowMapNet()
    channels_last(net)
    channels_last(shadow)
    rng = torch.Generator()

    def loss(fraction: float) -> Tensor:
        size = BATCHES[fraction >= GROWTH] // team.size
        chosen = torch.randint(len(z), (size,), generator=rng)
        return batch_loss(net, shadow, z[chosen], c[chosen], rng, fraction >= PHASE_A)

    def sheet(file: Path) -> None:
        sample_sheet(shadow, autoencoder, z, c, file)

    stage = generator_stage(net, shadow, TOP_RATE, loss, sheet, SAVE_EVERY, team)
    stage.resume(budget, folder)
    rng.manual_seed(team.seed(seed, budget.step))
    stage.run(budget, folder)
    return shadow


@torch.no_grad()
def sample_sheet(
    net: FlowMapNet, autoencoder: Autoencoder, z: Tensor, c: Tensor, file: Path, n: int = 12
) -> None:
    """Rows: originals, then noisy z and c, c alone, z alone, nothing; each in 1 and in 4 steps."""
    rng = torch.Generator().manual_seed(1)
    x, clean_c = z[:n], c[:n]
    noise = torch.randn(x.shape, generator=rng)
    z_low = corruption.corrupt_z(x, rng)
    one, zero = torch.ones(n), torch.zeros(n)
    rows = [to_bytes(autoencoder.decoder(x)).numpy()]
    for has_z, has_c in ((one, one), (zero, one), (one, zero), (zero, zero)):
        condition = Condition(z_low, has_z, clean_c, has_c)
        for steps in (1, 4):
            made = flowmap.sample(as_velocity(net), noise, condition, steps)
            rows.append(to_bytes(autoencoder.decoder(made)).numpy())
    save_grid(rows, file)
