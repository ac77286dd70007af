"""Training stage 1 of the large generator: its autoencoder, on cuttings of large pictures."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from renderer.training.autoencoder import to_bytes, to_unit
from renderer.training.autoencoder256 import Autoencoder256
from renderer.training.grids import save_grid
from renderer.training.loop import Stage
from renderer.training.progress import Budget, channels_last

LOG = logging.getLogger(__name__)
BATCH = 16
CUT_PX = 128
TOP_RATE = 1.5e-3


def train_autoencoder256(
    pictures: npt.NDArray[np.uint8], budget: Budget, folder: Path, seed: int, half: bool = False
) -> Autoencoder256:
    """Fit the autoencoder; goes on from `folder` if a checkpoint lies there.

    It learns from cuttings of half the side: convolutions do not know the difference, and a
    cutting costs a quarter. `half` computes the forward pass in bfloat16.
    """
    torch.manual_seed(seed)
    model = Autoencoder256()
    channels_last(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=TOP_RATE, weight_decay=1e-4)
    rng = np.random.default_rng(seed)

    def loss(fraction: float) -> Tensor:
        x = to_unit(torch.from_numpy(cuttings(pictures, rng)))
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            return model.loss(x.contiguous(memory_format=torch.channels_last))

    stage = Stage("autoencoder", {"autoencoder": model}, optimizer, TOP_RATE, loss)
    stage.resume(budget, folder)
    rng = np.random.default_rng([seed, budget.step])
    stage.run(budget, folder)
    report(model.eval(), pictures, folder)
    return model


def cuttings(
    pictures: npt.NDArray[np.uint8], rng: np.random.Generator, n: int = BATCH
) -> npt.NDArray[np.uint8]:
    """Cut `n` squares at random places out of random pictures: uint8 (n, 128, 128, 3)."""
    room = pictures.shape[1] - CUT_PX + 1
    out = np.empty((n, CUT_PX, CUT_PX, 3), np.uint8)
    for k in range(n):
        which, y, x = rng.integers(len(pictures)), rng.integers(room), rng.integers(room)
        out[k] = pictures[which, y : y + CUT_PX, x : x + CUT_PX]
    return out


@torch.no_grad()
def report(model: Autoencoder256, pictures: npt.NDArray[np.uint8], folder: Path) -> None:
    """Save a sheet of pictures and their reconstructions; log the error."""
    shown = torch.from_numpy(np.asarray(pictures[:8]))
    again = to_bytes(model.decoder(model.encoder(to_unit(shown))))
    save_grid([shown.numpy(), again.numpy()], folder / "autoencoder.png", zoom=1)
    error = (again.float() - shown.float()).square().mean()
    LOG.info("autoencoder: PSNR %.1f dB on 8 pictures", float(10 * torch.log10(255.0**2 / error)))
