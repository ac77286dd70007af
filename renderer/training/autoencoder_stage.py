"""Training stage 1: the autoencoder."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from renderer.training.autoencoder import Autoencoder, to_bytes, to_unit
from renderer.training.grids import save_grid
from renderer.training.loop import Stage
from renderer.training.progress import Budget, channels_last

LOG = logging.getLogger(__name__)
BATCH = 32
TOP_RATE = 1.5e-3


def train_autoencoder(
    pictures: npt.NDArray[np.uint8], budget: Budget, folder: Path, seed: int, half: bool = False
) -> Autoencoder:
    """Fit the autoencoder; goes on from `folder` if a checkpoint lies there.

    `half` computes the forward pass in bfloat16, twice as fast on CPUs that have it.
    """
    torch.manual_seed(seed)
    model = Autoencoder()
    channels_last(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=TOP_RATE, weight_decay=1e-4)
    stored = torch.from_numpy(pictures)
    rng = torch.Generator()

    def loss(fraction: float) -> Tensor:
        chosen = torch.randint(len(stored), (BATCH,), generator=rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            return model.loss(to_unit(stored[chosen]))

    stage = Stage("autoencoder", {"autoencoder": model}, optimizer, TOP_RATE, loss)
    stage.resume(budget, folder)
    rng.manual_seed(seed + budget.step)
    stage.run(budget, folder)
    _report(model.eval(), stored, folder)
    return model


@torch.no_grad()
def _report(model: Autoencoder, stored: torch.Tensor, folder: Path) -> None:
    shown = stored[:12]
    again = to_bytes(model.decoder(model.encoder(to_unit(shown))))
    save_grid([shown.numpy(), again.numpy()], folder / "autoencoder.png")
    error = (again.float() - shown.float()).square().mean()
    LOG.info("autoencoder: PSNR %.1f dB on 12 pictures", float(10 * torch.log10(255.0**2 / error)))


@torch.no_grad()
def encode_all(
    model: Autoencoder, pictures: npt.NDArray[np.uint8], batch: int = 250
) -> torch.Tensor:
    """Latents float32 (n, 4, 16, 16) of all pictures."""
    model.eval()
    parts = [
        model.encoder(to_unit(torch.from_numpy(pictures[k : k + batch])))
        for k in range(0, len(pictures), batch)
    ]
    return torch.cat(parts)
