"""Latents to pictures and back, by a pipeline's autoencoder or the tiny one in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

__all__ = ["LatentCoder"]

Pictures = npt.NDArray[np.uint8]


class LatentCoder:
    """Scaled latents, as UNets see them, of an `AutoencoderTiny` or `AutoencoderKL`.

    Parameters
    ----------
    model : torch.nn.Module
        The autoencoder, in place and in its number format.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model: Any = model
        config: Any = model.config
        self._scale = float(getattr(config, "scaling_factor", None) or 1.0)
        self._shift = float(getattr(config, "shift_factor", None) or 0.0)
        blocks = getattr(config, "block_out_channels", None) or config.encoder_block_out_channels
        self.cell_px = 2 ** (len(blocks) - 1)
        self.channels = int(config.latent_channels)
        first = next(model.parameters())
        self.device, self._dtype = first.device, first.dtype

    def decode(self, latent: Tensor) -> Tensor:
        """Pictures uint8 (n, H, W, 3), still on the device, of latents (n, C, h, w)."""
        raw = (latent / self._scale + self._shift).to(self._dtype)
        sample: Tensor = self._model.decode(raw, return_dict=False)[0].float()  # (n, 3, H, W)
        unit = (sample * 0.5 + 0.5).clamp(0.0, 1.0).permute(0, 2, 3, 1)  # (n, H, W, 3)
        return (unit * 255.0).round().to(torch.uint8)

    def encode(self, picture: Pictures, size_px: int) -> Tensor:
        """Latent float32 (1, C, size / cell, size / cell) of one picture (H, W, 3) of any size."""
        values = torch.from_numpy(np.ascontiguousarray(picture)).to(self.device)
        values = values.permute(2, 0, 1)[None].float() / 127.5 - 1.0  # (1, 3, H, W)
        if values.shape[2:] != (size_px, size_px):
            values = nn.functional.interpolate(
                values, (size_px, size_px), mode="bicubic", antialias=True
            ).clamp(-1.0, 1.0)
        made: Any = self._model.encode(values.to(self._dtype))
        raw: Tensor = made.latents if hasattr(made, "latents") else made.latent_dist.mode()
        return (raw.float() - self._shift) * self._scale
