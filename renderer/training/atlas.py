"""The atlas of the large generator: what each style of a thing looks like, place by place.

A scene is a deterministic function of c, of its style and of where one looks. A network that works
on every latent pixel by itself, told c and the pixel's coordinates relative to the thing, learns
this function within minutes, where convolutions take hours. It gives one latent for each style; the
flow map sees all of them beside the noise, and is left with choosing one, making them agree and
drawing what is not in c.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from phosphene.stimuli.scene import N_STYLES
from phosphene.stimuli.space import C_DIM
from renderer.training.autoencoder256 import Z_CHANNELS
from renderer.training.network import LocalFrame

SIDE = 32
WAVES = (1.0, 2.0, 4.0, 8.0)
"""Half periods of the local coordinates."""


class Atlas(nn.Module):
    """Latents (n, 6 * 4, 32, 32) of the six styles from c (n, C_DIM)."""

    def __init__(self, width: int = 144) -> None:
        super().__init__()
        self.frame = LocalFrame(SIDE, WAVES)
        self.enter = nn.Conv2d(self.frame.channels, width, 1)
        self.told = nn.Sequential(nn.Linear(C_DIM, width), nn.SiLU(), nn.Linear(width, 6 * width))
        self.inner = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(2))
        self.leave = nn.Conv2d(width, N_STYLES * Z_CHANNELS, 1)

    def forward(self, c: Tensor, has_c: Tensor) -> Tensor:
        """Styles one after the other along the channels; zero where c is not given, (n,) 0 or 1."""
        where = self.frame(c, has_c)  # (n, 20, 32, 32)
        scales = self.told(c)[:, :, None, None].chunk(6, dim=1)  # each (n, width, 1, 1)
        x = self.enter(where)  # (n, width, 32, 32)
        for k, layer in enumerate(self.inner):
            x = layer(nn.functional.silu(x * (1.0 + scales[2 * k]) + scales[2 * k + 1]))
        x = nn.functional.silu(x * (1.0 + scales[4]) + scales[5])
        y: Tensor = self.leave(x) * has_c[:, None, None, None]
        return y


def atlas_loss(atlas: Atlas, z: Tensor, c: Tensor, style: Tensor) -> Tensor:
    """Squared error of the latents of each scene's own style.

    Parameters
    ----------
    z : Tensor
        (n, 4, 32, 32), latents of the scenes.
    c : Tensor
        (n, C_DIM), their embeddings.
    style : Tensor
        (n,) int64, 0 to 5.
    """
    n = len(z)
    drawn = atlas(c, torch.ones(n, device=z.device)).reshape(n, N_STYLES, *z.shape[1:])
    own = drawn[torch.arange(n), style]  # (n, 4, 32, 32)
    error: Tensor = (own.float() - z).square().mean()
    return error
