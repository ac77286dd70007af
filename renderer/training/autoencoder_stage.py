"""Training stage 1: the autoencoder."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from renderer.training.autoencoder import Autoencoder, to_bytes, to_unit
from renderer.training.grids import save_grid
from renderer.training.progress import (
    Budget,
    channels_last,
    cosine_rate,
    load_checkpoint,
    save_checkpoint,
)

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
    load_checkpoint(folder, budget, {"autoencoder": model}, optimizer)
    stored = torch.from_numpy(pictures)
    rng = torch.Generator().manual_seed(seed + budget.step)
    model.train()
    bar = tqdm(initial=budget.step, total=budget.steps, desc="autoencoder", mininterval=5.0)
    while budget.fraction < 1.0:
        rate = cosine_rate(budget.fraction, budget.step, TOP_RATE)
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = torch.randint(len(stored), (BATCH,), generator=rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = model.loss(to_unit(stored[chosen]))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        budget.step += 1
        bar.update()
        if budget.step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}", done=f"{budget.fraction:.0%}")
        if budget.step % 500 == 0:
            save_checkpoint(folder, budget, {"autoencoder": model}, optimizer)
    bar.close()
    save_checkpoint(folder, budget, {"autoencoder": model}, optimizer)
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
