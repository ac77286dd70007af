"""Published architectures with random weights, for measuring speed where no weights are at hand.

Figures of SD-Turbo's UNet (865.9 million parameters) and of the tiny autoencoder (TAESD) as their
configuration files give them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from phosphene.errors import ConfigError, problem
from renderer.large.coder import LatentCoder
from renderer.large.condition import Condition
from renderer.large.euler import euler
from renderer.large.loop import Table, table_of
from renderer.large.noise_levels import read_noise_levels
from renderer.large.work import Work

__all__ = [
    "SD_TURBO_SCHEDULER",
    "SD_TURBO_UNET",
    "build_sd_turbo",
    "build_tiny_coder",
    "turbo_work",
]

SD_TURBO_UNET: Mapping[str, Any] = MappingProxyType(
    {
        "sample_size": 64,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (320, 640, 1280, 1280),
        "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
        "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
        "layers_per_block": 2,
        "attention_head_dim": (5, 10, 20, 20),
        "cross_attention_dim": 1024,
        "use_linear_projection": True,
    }
)
SD_TURBO_SCHEDULER: Mapping[str, Any] = MappingProxyType(
    {
        "_class_name": "EulerDiscreteScheduler",
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "num_train_timesteps": 1000,
        "prediction_type": "epsilon",
        "timestep_spacing": "trailing",
    }
)
TOKENS = 77


def build_sd_turbo(
    device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32, **other: Any
) -> nn.Module:
    """Build SD-Turbo's UNet with random weights; `other` changes the configuration."""
    import diffusers

    return _ready(diffusers.UNet2DConditionModel, {**SD_TURBO_UNET, **other}, device, dtype)


def build_tiny_coder(
    device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32, **other: Any
) -> LatentCoder:
    """Build TAESD's autoencoder with random weights; `other` changes the configuration."""
    import diffusers

    return LatentCoder(_ready(diffusers.AutoencoderTiny, other, device, dtype))


def turbo_work(
    unet: Any, steps: int = 1, device: torch.device | str = "cpu", seed: int = 0
) -> Work:
    """Work of one frame for a UNet as `build_sd_turbo` makes it, of random noise and conditions.

    ``Worker(unet, coder, capture).run(work)`` then gives latent and picture; `denoise` with the
    parts of the work gives the latent alone.
    """
    place = torch.device(device)
    generator = torch.Generator().manual_seed(seed)
    schedule = euler(read_noise_levels(SD_TURBO_SCHEDULER), steps)
    if schedule is None:
        raise ConfigError(problem("steps", steps, "1 or more", "Give another number."))
    side = int(unet.config.sample_size)
    x = torch.randn(1, int(unet.config.in_channels), side, side, generator=generator)
    width = int(unet.config.cross_attention_dim)
    tokens: Tensor = torch.randn(1, TOKENS, width, generator=generator)  # (1, tokens, width)
    table: Table = table_of(schedule, place)
    condition = Condition(tokens).to(place, next(unet.parameters()).dtype)
    return Work((schedule.pure_noise * x).to(place), table, condition)


def _ready(
    kind: Any, config: Mapping[str, Any], device: torch.device | str, dtype: torch.dtype
) -> nn.Module:
    with torch.device(device):
        model: nn.Module = kind(**config)
    model = model.eval().requires_grad_(False).to(device, dtype)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
