"""What a latent of world-64 shows at 256x256: by the low net, beside enlarging what it shows at 64.

On held-out scenes, clean and corrupted as a brain decoder corrupts; the control pairs each
latent with another scene's picture.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from phosphene.engine import OnnxEngine
from phosphene.stimuli.encoder import WorldEncoder, decoder_bytes
from renderer.training.autoencoder import to_bytes, to_unit
from renderer.training.autoencoder256 import Autoencoder256
from renderer.training.corruption import corrupt_z
from renderer.training.dataset import HELD_OUT_SEED, LARGE_PX, Large, draw_large
from renderer.training.grids import save_grid
from renderer.training.low import LowNet

Pictures = npt.NDArray[np.uint8]
N_SCENES = 200


def psnr_db(made: Pictures, truth: Pictures) -> float:
    """Peak signal-to-noise ratio over all pictures, in decibels."""
    error = np.mean((made.astype(np.float32) - truth) ** 2)
    return float(10.0 * np.log10(255.0**2 / error)) if error else float("inf")


def enlarged(pictures: Pictures, side: int = LARGE_PX) -> Pictures:
    """Pictures at another size, by bicubic interpolation."""
    size = (side, side)
    return np.stack(
        [np.asarray(Image.fromarray(p).resize(size, Image.Resampling.BICUBIC)) for p in pictures]
    )


@torch.no_grad()
def compare_low(low: LowNet, autoencoder: Autoencoder256, folder: Path, n: int) -> list[str]:
    """Markdown table of the two ways; a sheet of pictures goes to `folder`."""
    held: Large = draw_large((HELD_OUT_SEED, 0, n))
    z_low = torch.from_numpy(WorldEncoder().encode(held.small))
    small = OnnxEngine(decoder_bytes())
    best = to_bytes(
        autoencoder.decoder(autoencoder.encoder(to_unit(torch.from_numpy(held.pictures))))
    )
    lines = [
        f"{n} held-out scenes; PSNR in decibels, control: pictures of other scenes. The "
        f"autoencoder itself, from the picture: {psnr_db(best.numpy(), held.pictures):.1f}.",
        "",
        "| latent of world-64 | low net | control | enlarged from 64x64 | control |",
        "|---|---|---|---|---|",
    ]
    rows = [held.pictures[:8], best.numpy()[:8]]
    corrupted = corrupt_z(z_low, torch.Generator().manual_seed(5))
    for kind, given in (("clean", z_low), ("as decoded", corrupted)):
        ours = to_bytes(autoencoder.decoder(low(given))).numpy()
        other = enlarged(small.run({"z": given.numpy()})["pictures"])
        cells = [
            f"{psnr_db(made, truth):.1f}"
            for made in (ours, other)
            for truth in (held.pictures, np.roll(held.pictures, 1, axis=0))
        ]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
        rows += [ours[:8], other[:8]]
    save_grid(rows, folder / "low.png", zoom=1)
    (folder / "low.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lines
