"""The denoising loop: a UNet, a schedule and nothing else; it can be captured as a CUDA graph.

It has no branch on the value of any tensor and asks for no value on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from renderer.large.condition import Condition, join
from renderer.large.schedule import Schedule

__all__ = ["Guide", "Residual", "Table", "denoise", "estimate", "step", "table_of"]

Residual = Literal["full", "onetime", "self"]


@dataclass(frozen=True)
class Table:
    """A schedule on the device: `times` (n,) in the network's format, `rows` (n, 6) float32."""

    times: Tensor
    rows: Tensor

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Guide:
    """Guidance away from a second condition (classifier-free guidance, Ho & Salimans 2022).

    Attributes
    ----------
    scale : Tensor ()
        1 is none.
    away : Condition
        Usually the empty prompt.
    residual : str
        How often the network is asked what it sees without the condition. "full": at each step,
        2 n evaluations. "onetime": at the first, whose estimate of the picture then stands for all
        others, n + 1. "self": never; the latent that was started from stands for it, n. The last
        two are the residual guidance of StreamDiffusion (Kodaira et al. 2023, sec. 3.2), written
        here with estimates of the picture instead of the noise, which is the same at one x.
    """

    scale: Tensor
    away: Condition
    residual: Residual = "full"


def table_of(schedule: Schedule, device: torch.device) -> Table:
    """Bring a schedule to the device."""
    return Table(
        torch.from_numpy(schedule.times).to(device), torch.from_numpy(schedule.rows).to(device)
    )


def denoise(
    unet: nn.Module,
    x: Tensor,
    table: Table,
    condition: Condition,
    fresh: Tensor | None = None,
    guide: Guide | None = None,
    origin: Tensor | None = None,
) -> Tensor:
    """Denoise latents.

    Parameters
    ----------
    unet : torch.nn.Module
        As `UNet2DConditionModel`; its own number format is used inside it, float32 around it.
    x : Tensor (n, channels, rows, columns)
        Where to start, float32.
    table : Table
        The steps.
    condition : Condition
        Of n pictures.
    fresh : Tensor (steps, n, channels, rows, columns), optional
        Noise for the samplers that stir; none is needed by the others.
    guide : Guide, optional
        Guidance.
    origin : Tensor (n, channels, rows, columns), optional
        Latent that x was noised from, for residual "self"; None is a latent of zeros.

    Returns
    -------
    Tensor (n, channels, rows, columns)
        Latents of finished pictures, float32.
    """
    before = torch.zeros_like(x)
    blind = None  # estimate of the picture without its condition
    if guide is not None and guide.residual == "self":
        blind = torch.zeros_like(x) if origin is None else origin
    for k in range(len(table)):
        row, time = table.rows[k], table.times[k]
        if guide is None:
            now = estimate(unet, x, row, time, condition)  # (n, C, H, W)
        elif blind is None:
            both = estimate(
                unet, torch.cat([x, x]), row, time, join(guide.away, condition)
            )  # (2 n, C, H, W)
            without, told = both.chunk(2)
            now = without + guide.scale * (told - without)
            blind = without if guide.residual == "onetime" else None
        else:
            told = estimate(unet, x, row, time, condition)  # (n, C, H, W)
            now = blind + guide.scale * (told - blind)
        x = step(x, now, before, row, None if fresh is None else fresh[k])
        before = now
    return x


def estimate(unet: nn.Module, x: Tensor, row: Tensor, time: Tensor, condition: Condition) -> Tensor:
    """Ask the network for the picture behind x.

    `row` is (6,), or (6, n, 1, 1, 1) where each of n has its own step; `time` () or (n,).
    """
    call: Callable[..., Any] = unet
    dtype = condition.tokens.dtype
    told = call(x.to(dtype), time.expand(len(x)), **condition.inputs(), return_dict=False)
    made: Tensor = row[0] * x + row[1] * told[0].float()
    return made


def step(x: Tensor, now: Tensor, before: Tensor, row: Tensor, fresh: Tensor | None) -> Tensor:
    """Go to where the next step begins."""
    after = row[2] * x + row[3] * now + row[4] * before
    return after if fresh is None else after + row[5] * fresh
