"""The flow-map network u(z_t, t, h, z_low, c): average velocity from time t back to t - h.

A small diffusers UNet on the 16x16 latent. Three conditions reach it: h through the slot for an
embedded guidance scale, c as four cross-attention tokens and, because that is learnt much faster,
also as scale and shift of every block by the class embedding, and z_low as extra input channels
with a mask channel that says whether it is given at all.
"""

from __future__ import annotations

import math
from typing import Any

import diffusers
import torch
from torch import Tensor, nn

from phosphene.stimuli.scene import PLACE_LIMIT, SIZE_RANGE, TILT_LIMIT_RAD
from phosphene.stimuli.space import C_DIM

N_PLACE = 12
_SIZE_MID, _SIZE_HALF = sum(SIZE_RANGE) / 2, (SIZE_RANGE[1] - SIZE_RANGE[0]) / 2
N_TOKENS = 4
TOKEN_DIM = 64
STEP_DIM = 64


def sinusoids(value: Tensor, dim: int) -> Tensor:
    """Sines and cosines of a number in [0, 1] at `dim / 2` frequencies; (n,) to (n, dim)."""
    half = dim // 2
    ladder = torch.arange(half, dtype=torch.float32, device=value.device) / half
    angle = 1000.0 * value[:, None] * torch.exp(-math.log(10_000.0) * ladder)
    return torch.cat([angle.cos(), angle.sin()], dim=1)


class LocalFrame(nn.Module):
    """Says to each latent pixel where it lies, in the picture and relative to the thing.

    Convolutions do not know where they are, so they learn only slowly to put a thing where c says.
    Place, size and tilt in c define a frame; each pixel gets its coordinates (u, v) in it, with
    sines and cosines of them, and its coordinates in the picture.
    """

    grid: Tensor

    def __init__(self, side: int = 16, waves: tuple[float, ...] = (1.0, 2.0)) -> None:
        super().__init__()
        self.waves = waves
        self.channels = 4 + 4 * len(waves)
        axis = (torch.arange(side) + 0.5) * (2.0 / side) - 1.0
        grid = torch.stack([axis.expand(side, side), -axis[:, None].expand(side, side)])
        self.register_buffer("grid", grid[None].contiguous(), persistent=False)

    def forward(self, c: Tensor, has_c: Tensor) -> Tensor:
        """Channels (n, channels, side, side); those of the thing are 0 where c is not given."""
        place = c[:, 10:12, None, None] * PLACE_LIMIT
        size = (_SIZE_MID + _SIZE_HALF * c[:, 12]).clamp(min=SIZE_RANGE[0] / 2)
        tilt = c[:, 13] * TILT_LIMIT_RAD
        away = (self.grid - place) / size[:, None, None, None]  # (n, 2, side, side)
        cos, sin = tilt.cos()[:, None, None], tilt.sin()[:, None, None]
        u = away[:, 0] * cos + away[:, 1] * sin
        v = away[:, 1] * cos - away[:, 0] * sin
        local = torch.stack([u, v], dim=1).clamp(-2.5, 2.5)
        waves = [f(k * math.pi * local) for k in self.waves for f in (torch.sin, torch.cos)]
        thing = torch.cat([local, *waves], dim=1) * has_c[:, None, None, None]
        return torch.cat([thing, self.grid.expand(c.shape[0], -1, -1, -1)], dim=1)


def make_unet(n_in: int, n_out: int, channels: tuple[int, int], heads: int) -> nn.Module:
    """Make the UNet of a flow map, on 16x16 places; each of its heads is 32 wide."""
    make: Any = diffusers.UNet2DConditionModel
    unet: nn.Module = make(
        sample_size=16,
        in_channels=n_in,
        out_channels=n_out,
        layers_per_block=1,
        block_out_channels=channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TOKEN_DIM,
        attention_head_dim=heads,  # diffusers takes this as the number of heads
        norm_num_groups=16,
        time_cond_proj_dim=STEP_DIM,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=C_DIM + 1,
        resnet_time_scale_shift="scale_shift",
    )
    return unet


class FlowMapNet(nn.Module):
    """Predicts the average velocity of the flow from noise (t = 1) to data (t = 0)."""

    def __init__(self, channels: tuple[int, int] = (48, 64)) -> None:
        super().__init__()
        self.unet = make_unet(9 + N_PLACE, 4, channels, heads=2)
        self.frame = LocalFrame()
        self.tokens = nn.Sequential(
            nn.Linear(C_DIM, 128), nn.SiLU(), nn.Linear(128, N_TOKENS * TOKEN_DIM)
        )
        self.no_tokens = nn.Parameter(0.02 * torch.randn(1, N_TOKENS * TOKEN_DIM))

    def forward(
        self,
        z_t: Tensor,  # (n, 4, 16, 16) partly noisy latent
        t: Tensor,  # (n,) time, 1 is noise, 0 is data
        h: Tensor,  # (n,) length of the step, 0 asks for the instantaneous velocity
        z_low: Tensor,  # (n, 4, 16, 16) latent decoded from the brain
        has_z: Tensor,  # (n,) 1 where z_low is given, else 0
        c: Tensor,  # (n, C_DIM) embedding decoded from the brain
        has_c: Tensor,  # (n,) 1 where c is given, else 0
    ) -> Tensor:
        """Average velocity, (n, 4, 16, 16)."""
        given = has_z[:, None, None, None]
        mask = given.expand(-1, 1, z_t.shape[2], z_t.shape[3])
        where = self.frame(c, has_c)  # (n, N_PLACE, 16, 16)
        x = torch.cat([z_t, z_low * given, mask, where], dim=1)  # (n, 9 + N_PLACE, 16, 16)
        known = has_c[:, None]
        flat = self.tokens(c * known) * known + self.no_tokens * (1.0 - known)
        tokens = flat.reshape(-1, N_TOKENS, TOKEN_DIM)
        u: Tensor = self.unet(
            x,
            1000.0 * t,
            tokens,
            class_labels=torch.cat([c * known, known], dim=1),
            timestep_cond=sinusoids(h, STEP_DIM),
            return_dict=False,
        )[0]
        return u
