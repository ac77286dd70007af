"""What a UNet is told beside the noisy latent."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

__all__ = ["Condition", "guidance_embedding", "join"]


@dataclass(frozen=True)
class Condition:
    """Conditions of n pictures; None where the pipeline has no such input.

    Attributes
    ----------
    tokens : Tensor (n, tokens, width)
        What cross-attention reads: a prompt.
    pooled : Tensor (n, P) or None
        Pooled prompt of SDXL.
    sizes : Tensor (n, 6) or None
        SDXL's original size, crop and target size in pixels.
    image : Tensor (n, 1, E) or None
        Image embedding that an image adapter reads.
    label : Tensor (n, L) or None
        Image embedding of unCLIP, with its noise level.
    scale : Tensor (n, G) or None
        Embedded guidance scale of a model that was distilled with guidance.
    """

    tokens: Tensor
    pooled: Tensor | None = None
    sizes: Tensor | None = None
    image: Tensor | None = None
    label: Tensor | None = None
    scale: Tensor | None = None

    def inputs(self) -> dict[str, Any]:
        """Return keyword arguments of diffusers' `UNet2DConditionModel`."""
        added: dict[str, Any] = {}
        if self.pooled is not None:
            added |= {"text_embeds": self.pooled, "time_ids": self.sizes}
        if self.image is not None:
            added |= {"image_embeds": [self.image]}
        return {
            "encoder_hidden_states": self.tokens,
            "added_cond_kwargs": added or None,
            "class_labels": self.label,
            "timestep_cond": self.scale,
        }

    def tensors(self) -> list[Tensor]:
        """Return the tensors that there are, in the order of the fields."""
        values = [getattr(self, field.name) for field in fields(self)]
        return [value for value in values if value is not None]

    def rebuilt(self, tensors: list[Tensor]) -> Condition:
        """Return a condition of the same kind made of other tensors, ordered as `tensors`."""
        there = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        return replace(self, **dict(zip(there, tensors, strict=True)))

    def to(self, device: torch.device, dtype: torch.dtype) -> Condition:
        """Return it on a device and in a number format."""
        return self.rebuilt([value.to(device, dtype) for value in self.tensors()])


def join(*parts: Condition) -> Condition:
    """Make one batch of conditions of the same kind."""
    columns = zip(*(part.tensors() for part in parts), strict=True)
    return parts[0].rebuilt([torch.cat(column) for column in columns])


def guidance_embedding(guidance: float, width: int) -> Tensor:
    """Embed a guidance scale, (1, width), as latent consistency models were trained with it.

    Sines and cosines of 1000 (guidance - 1) (Luo et al. 2023, sec. 4.3, after the time embedding
    of Vaswani et al. 2017).
    """
    half = width // 2
    falling = torch.exp(-torch.log(torch.tensor(1e4)) / (half - 1) * torch.arange(half))  # (half,)
    phases = (guidance - 1.0) * 1000.0 * falling[None]  # (1, half)
    embedded = torch.cat([phases.sin(), phases.cos()], 1)  # (1, 2 half)
    return torch.nn.functional.pad(embedded, (0, width - 2 * half))
