"""Training stage 2 of the large generator: the flow map on the latents of 256x256 pictures.

Flow matching first, then with self-consistency (`renderer.training.flowmap`). Half of the samples
have no z: painting from c alone is the harder task. There the smallest steps learn to follow the
guided velocity (classifier-free guidance, Ho and Salimans 2022, eq. 6), and longer steps inherit
it, so that no second evaluation is needed when painting (as in shortcut models, Frans et al. 2024).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from renderer.training import corruption, flowmap
from renderer.training.atlas import Atlas, atlas_loss
from renderer.training.autoencoder import to_bytes
from renderer.training.autoencoder256 import Autoencoder256
from renderer.training.flowmap import Condition, Velocity
from renderer.training.grids import save_grid
from renderer.training.loop import generator_stage
from renderer.training.low import LowNet
from renderer.training.network256 import FlowMapNet256
from renderer.training.progress import Budget, channels_last
from renderer.training.team import Team

BATCHES = (32, 64)
"""Samples per step up to, and from, `GROWTH` on: early steps gain little from a large batch."""
GROWTH = 0.3
TOP_RATE = 1.2e-3
PHASE_A = 0.5
"""Share of the training that is pure flow matching."""
SAVE_EVERY = 250
DROP_Z, DROP_C, DROP_BOTH = 0.45, 0.12, 0.05
CLEAN_C = 0.3
FOLDED_GUIDANCE = 2.0
ATLAS_WEIGHT = 0.3


def make_condition(low: Tensor, c: Tensor, rng: torch.Generator) -> Condition:
    """Corrupted and often missing conditions: low (n, 4, 16, 16), c (n, C_DIM)."""
    n = len(low)
    draw = torch.rand(4, n, generator=rng)
    either = (draw[2] >= DROP_BOTH).float()
    has_z, has_c = (draw[0] >= DROP_Z).float() * either, (draw[1] >= DROP_C).float() * either
    noisy = corruption.corrupt_c(c, rng)
    told = torch.where(draw[3][:, None] < CLEAN_C, c, noisy)
    return Condition(corruption.corrupt_z(low, rng), has_z, told, has_c)


def as_velocity(net: FlowMapNet256, half: bool) -> Velocity:
    """Return the network as a function of (z_t, t, h, condition), in bfloat16 where `half`."""

    def u(z_t: Tensor, t: Tensor, h: Tensor, condition: Condition) -> Tensor:
        with torch.autocast(z_t.device.type, torch.bfloat16, enabled=half):
            result: Tensor = net(z_t, t, h, *condition)
        return result.float()

    return u


def led(teacher: Velocity) -> Velocity:
    """Return `teacher` with guidance: velocities of samples with c alone go further towards c.

    Only velocities themselves (h = 0), from which the shortest jumps are learnt: longer jumps
    inherit it, and to guide them again would add up.
    """

    def u(z: Tensor, t: Tensor, h: Tensor, condition: Condition) -> Tensor:
        velocity = teacher(z, t, h, condition)
        which = (h == 0) & (condition.has_c > 0) & (condition.has_z == 0)
        if bool(which.any()):
            nothing = Condition(*(torch.zeros_like(field[which]) for field in condition))
            without = teacher(z[which], t[which], h[which], nothing)
            velocity[which] = without + FOLDED_GUIDANCE * (velocity[which] - without)
        return velocity

    return u


def batch_loss(
    u: Velocity,
    teacher: Velocity,
    batch: tuple[Tensor, Tensor, Tensor],
    rng: torch.Generator,
    both: bool,
) -> Tensor:
    """Flow matching on the whole batch, or on half of it with self-consistency on the rest."""
    x, low, c = batch
    condition = make_condition(low, c, rng)
    if not both:
        return flowmap.velocity_loss(u, x, condition, rng, even=True)
    middle = len(x) // 2
    plain = flowmap.velocity_loss(u, x[:middle], condition.part(0, middle), rng, even=True)
    rest = condition.part(middle, len(x))
    jump = flowmap.shortcut_loss(u, led(teacher), x[middle:], rest, rng)
    return 0.5 * (plain + jump)


class Drafts(NamedTuple):
    """The two small networks that are trained before."""

    atlas: Atlas
    low: LowNet


def train_generator256(
    data: dict[str, Tensor],
    autoencoder: Autoencoder256,
    drafts: Drafts,
    budget: Budget,
    folder: Path,
    seed: int,
    team: Team,
    half: bool = False,
) -> FlowMapNet256:
    """Fit the generator and return its moving average; goes on from a checkpoint in `folder`.

    Parameters
    ----------
    data : dict
        ``z`` (n, 4, 32, 32), ``low`` (n, 4, 16, 16), ``c`` (n, C_DIM) and ``style`` (n,) int64 of
        the same scenes.
    autoencoder : Autoencoder256
        Paints the sheets of samples.
    drafts : Drafts
        What the network starts with; goes on learning within it.
    budget, folder, seed, team
        As for `renderer.training.generator_stage.train_generator`.
    half : bool
        Compute in bfloat16 where possible.
    """
    torch.manual_seed(seed)
    net, shadow = FlowMapNet256(), FlowMapNet256()
    net.atlas.load_state_dict(drafts.atlas.state_dict())
    net.low.load_state_dict(drafts.low.state_dict())
    channels_last(net)
    channels_last(shadow)
    rng = torch.Generator()
    u, teacher = as_velocity(net, half), as_velocity(shadow, half)

    def loss(fraction: float) -> Tensor:
        size = BATCHES[fraction >= GROWTH] // team.size
        chosen = torch.randint(len(data["z"]), (size,), generator=rng)
        batch = (data["z"][chosen], data["low"][chosen], data["c"][chosen])
        painted = batch_loss(u, teacher, batch, rng, fraction >= PHASE_A)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            drawn = atlas_loss(net.atlas, batch[0], batch[2], data["style"][chosen])
        return painted + ATLAS_WEIGHT * drawn

    def sheet(file: Path) -> None:
        sample_sheet(shadow, autoencoder, data, file)

    stage = generator_stage(net, shadow, TOP_RATE, loss, sheet, SAVE_EVERY, team)
    stage.resume(budget, folder)
    rng.manual_seed(team.seed(seed, budget.step))
    stage.run(budget, folder)
    return shadow


@torch.no_grad()
def sample_sheet(
    net: FlowMapNet256, autoencoder: Autoencoder256, data: dict[str, Tensor], file: Path, n: int = 8
) -> None:
    """Rows: originals, then noisy z and c, c alone, z alone; each in 1 and in 4 steps."""
    rng = torch.Generator().manual_seed(1)
    n = min(n, len(data["z"]))
    x, c = data["z"][:n], data["c"][:n]
    noise = torch.randn(x.shape, generator=rng)
    z_low = corruption.corrupt_z(data["low"][:n], rng)
    one, zero = torch.ones(n), torch.zeros(n)
    rows = [to_bytes(autoencoder.decoder(x)).numpy()]
    for has_z, has_c in ((one, one), (zero, one), (one, zero)):
        condition = Condition(z_low, has_z, c, has_c)
        for steps in (1, 4):
            made = flowmap.sample(as_velocity(net, False), noise, condition, steps)
            rows.append(to_bytes(autoencoder.decoder(made)).numpy())
    save_grid(rows, file, zoom=1)
