"""unCLIP: a UNet that was trained on image embeddings (Ramesh et al. 2022, as in Stable unCLIP).

The embedding is told together with how much noise was added to it. A decoded one is taken as
clean: level 0, its mean without a draw. Its length, which a bundle does not keep, is set to the
root mean square of the training embeddings that the pipeline's own normaliser tells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from phosphene.errors import InputError, problem
from renderer.large.files import read_json
from renderer.large.noise_levels import read_noise_levels

__all__ = ["ImageLabels", "open_labels"]

NORMALIZER, NOISING = "image_normalizer", "image_noising_scheduler"


@dataclass(frozen=True)
class ImageLabels:
    """Makes labels of image embeddings.

    Attributes
    ----------
    mean, std : Tensor (1, E)
        Of the embeddings that the UNet was trained on.
    signal : float
        What stays of an embedding at noise level 0.
    """

    mean: Tensor
    std: Tensor
    signal: float

    @property
    def width(self) -> int:
        """Length of an embedding."""
        return int(self.mean.shape[1])

    def __call__(self, c: Tensor) -> Tensor:
        """Labels (n, 2 E) of embeddings (n, E) of any length."""
        usual = (self.mean**2 + self.std**2).sum().sqrt()  # ()
        embedding = c / c.norm(dim=1, keepdim=True).clamp_min(1e-12) * usual  # (n, E)
        clean = (embedding - self.mean) / self.std * self.signal**0.5  # (n, E)
        half = self.width // 2
        # Sinusoidal embedding of level 0: cosines 1, then sines 0.
        level = torch.cat([torch.ones(half), torch.zeros(self.width - half)])  # (E,)
        return torch.cat([clean * self.std + self.mean, level.expand(len(c), -1).to(c)], 1)


def open_labels(folder: Path) -> ImageLabels | None:
    """Read a pipeline's normaliser; None where it has none.

    Raises
    ------
    InputError
        If it is damaged.
    """
    if not (folder / NORMALIZER / "config.json").is_file():
        return None
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = folder / NORMALIZER / "diffusion_pytorch_model.safetensors"
    try:
        stored = load_file(file)
        mean, std = stored["mean"].float(), stored["std"].float()
    except (SafetensorError, OSError, KeyError) as error:
        cure = f"{error}. Download the pipeline anew."
        raise InputError(problem(NORMALIZER, file.name, "mean and std", cure)) from error
    levels = read_noise_levels(read_json(folder / NOISING / "scheduler_config.json", NOISING))
    signal = float(levels.signal[0])
    if not math.isfinite(signal) or mean.shape != std.shape or mean.ndim != 2:
        cure = "Download the pipeline anew."
        raise InputError(problem(NORMALIZER, tuple(mean.shape), "(1, E) twice", cure))
    return ImageLabels(mean, std, signal)
