"""The large flow map u(z_t, t, h, z_low, c) on latents of 256x256 pictures.

As `renderer.training.network`, on a 4x32x32 latent. The UNet works on patches of 2x2 latent pixels
(16x16x16), which costs a quarter of working on the pixels themselves. Beside the noisy latent it
sees two drafts of the picture, each made by a small network that is trained before: the atlas from
c (`renderer.training.atlas`), and what z shows as it stands (`renderer.training.low`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from phosphene.stimuli.scene import N_STYLES
from phosphene.stimuli.space import C_DIM
from renderer.training.atlas import Atlas
from renderer.training.autoencoder256 import Z_CHANNELS
from renderer.training.low import LowNet
from renderer.training.network import (
    N_TOKENS,
    STEP_DIM,
    TOKEN_DIM,
    LocalFrame,
    make_unet,
    sinusoids,
)

PATCH = 2
SIDE = 16
WAVES = (1.0, 2.0, 4.0)
"""Half periods of the local coordinates that the UNet sees itself."""


class FlowMapNet256(nn.Module):
    """Predicts the average velocity of the flow from noise (t = 1) to data (t = 0)."""

    def __init__(self, channels: tuple[int, int] = (96, 128)) -> None:
        super().__init__()
        self.frame = LocalFrame(SIDE, WAVES)
        self.atlas = Atlas()
        self.low = LowNet()
        patch = Z_CHANNELS * PATCH**2
        drafts = (N_STYLES + 1) * patch
        n_in = patch + drafts + Z_CHANNELS + 1 + self.frame.channels
        self.unet = make_unet(n_in, patch, channels, heads=4)
        self.tokens = nn.Sequential(
            nn.Linear(C_DIM, 128), nn.SiLU(), nn.Linear(128, N_TOKENS * TOKEN_DIM)
        )
        self.no_tokens = nn.Parameter(0.02 * torch.randn(1, N_TOKENS * TOKEN_DIM))

    def forward(
        self,
        z_t: Tensor,  # (n, 4, 32, 32) partly noisy latent
        t: Tensor,  # (n,) time, 1 is noise, 0 is data
        h: Tensor,  # (n,) length of the step, 0 asks for the instantaneous velocity
        z_low: Tensor,  # (n, 4, 16, 16) latent of world-64 decoded from the brain
        has_z: Tensor,  # (n,) 1 where z_low is given, else 0
        c: Tensor,  # (n, C_DIM) embedding decoded from the brain
        has_c: Tensor,  # (n,) 1 where c is given, else 0
    ) -> Tensor:
        """Average velocity, (n, 4, 32, 32)."""
        patches = functional.pixel_unshuffle(z_t, PATCH)  # (n, 16, 16, 16)
        given = has_z[:, None, None, None]
        mask = given.expand(-1, 1, SIDE, SIDE)
        where = self.frame(c, has_c)  # (n, 16, 16, 16)
        drafts = torch.cat(
            [self.atlas(c, has_c), self.low(z_low) * given], dim=1
        )  # (n, 28, 32, 32)
        drafts = functional.pixel_unshuffle(drafts, PATCH)  # (n, 112, 16, 16)
        x = torch.cat([patches, drafts, z_low * given, mask, where], dim=1)  # (n, 149, 16, 16)
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
        return functional.pixel_shuffle(u, PATCH)
