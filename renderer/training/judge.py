"""An independent reader of pictures, to measure generated ones.

A small convolutional network that reads category, hue, place, size and tilt off a picture. It is
trained on pictures of the world that neither the generator nor the evaluation uses, and shares
nothing with the generator. It learns styles too, so that its features tell them apart; it names
only half of them right, which is why nobody asks it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from phosphene.stimuli import CATEGORIES, draw, embed
from phosphene.stimuli.scene import N_STYLES
from phosphene.stimuli.space import N_CATEGORIES
from renderer.training.autoencoder import to_unit
from renderer.training.dataset import scene_number
from renderer.training.progress import channels_last

JUDGE_SEED = 3_000_003
N_READ = N_CATEGORIES + 6
"""Category scores, then cos and sin of the hue, place, size and tilt, as entries 0-13 of c."""
N_FEATURES = 64
SCRAMBLED = CATEGORIES.index("scrambled")
"""The one category whose style cannot be seen."""
BATCH = 64
RECIPE = 1
"""Goes up with every change after which nets that were kept are no longer these."""


class Reading(NamedTuple):
    """What was read off n pictures; numbers in the units of c.

    Category numbers (n,), hues in turns (n,), places (n, 2), sizes (n,), tilts (n,).
    """

    category: npt.NDArray[np.int64]
    hue: npt.NDArray[np.float64]
    place: npt.NDArray[np.float64]
    size: npt.NDArray[np.float64]
    tilt: npt.NDArray[np.float64]


class Lesson(NamedTuple):
    """Pictures uint8 (n, side, side, 3) with what is on them: c (n, C_DIM) and style (n,)."""

    pictures: npt.NDArray[np.uint8]
    c: npt.NDArray[np.float32]
    style: npt.NDArray[np.int64]


class Judge(nn.Module):
    """Convolutions down to 4x4 pixels, `N_FEATURES` features and a linear reading.

    Parameters
    ----------
    side_px : int
        Side of the pictures that it reads, 64 or 128; larger ones are scaled down to it.
    width : int
        Channels at 32x32 pixels.
    """

    def __init__(self, side_px: int = 64, width: int = 24) -> None:
        super().__init__()
        self.side_px = side_px
        # what is lost to the eye at 32x32 pixels is kept in channels, which costs next to nothing
        fold = side_px // 32
        layers: list[nn.Module] = [nn.PixelUnshuffle(fold)] if fold > 2 else []
        before, stride = (3 * fold**2, 1) if fold > 2 else (3, 2)
        for after in (width, 2 * width, 4 * width, 4 * width):  # 32, 16, 8 and 4 pixels a side
            layers += [nn.Conv2d(before, after, 3, stride=stride, padding=1)]
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
            before, stride = after, 2
        self.body = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(before * 16, N_FEATURES), nn.ReLU()
        )
        self.head = nn.Linear(N_FEATURES, N_READ + N_STYLES)

    def forward(self, x: Tensor) -> Tensor:
        """Pixels (n, 3, side, side) to readings (n, N_READ + N_STYLES)."""
        y: Tensor = self.head(self.body(x))
        return y


def make_lesson(base_seed: int, n: int, side_px: int) -> Lesson:
    """Draw the scenes 0 to n - 1 of a set."""
    scenes = [scene_number(base_seed, k) for k in range(n)]
    pictures = np.empty((n, side_px, side_px, 3), np.uint8)
    for k in tqdm(range(n), desc=f"drawing at {side_px} pixels", unit="scene", mininterval=2.0):
        pictures[k] = draw(scenes[k], side_px)
    c = np.stack([embed(scene) for scene in scenes])
    return Lesson(pictures, c, np.array([scene.style for scene in scenes]))


def train_judge(
    n: int = 6000,
    epochs: int = 6,
    seed: int = 0,
    side_px: int = 64,
    base_seed: int = JUDGE_SEED,
    rough: bool = True,
) -> Judge:
    """Train a judge on `n` scenes of its own.

    Parameters
    ----------
    n, epochs : int
        Scenes, and how often each is seen.
    seed : int
        Of the network and of the order.
    side_px : int
        Side of the pictures that it reads.
    base_seed : int
        Set of scenes.
    rough : bool
        Blur pictures and add noise while it learns, so that it does not insist on crisp edges.
    """
    lesson = make_lesson(base_seed, n, side_px)
    torch.manual_seed(seed)
    judge = Judge(side_px)
    channels_last(judge)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=1e-2)
    wanted, style = torch.from_numpy(lesson.c[:, :N_READ]), torch.from_numpy(lesson.style)
    x = torch.from_numpy(lesson.pictures)
    total = epochs * (n // BATCH)
    for step in tqdm(range(total), desc=f"judge at {side_px} pixels", mininterval=2.0):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * 0.5 * (1.0 + math.cos(math.pi * step / total))
        chosen = torch.randint(n, (BATCH,))
        pixels = to_unit(x[chosen])
        read = judge(_roughen(pixels) if rough else pixels)
        loss = _loss(read, wanted[chosen], style[chosen])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
    return judge.eval()


@torch.no_grad()
def judged(judge: Judge, pictures: npt.NDArray[np.uint8]) -> Reading:
    """Return what the judge reads off pictures, uint8 (n, side, side, 3), of any larger size."""
    parts = [judge(seen(part, judge.side_px)) for part in _batches(pictures)]
    read = torch.cat(parts).double().numpy()
    cos, sin = read[:, N_CATEGORIES], read[:, N_CATEGORIES + 1]
    return Reading(
        read[:, :N_CATEGORIES].argmax(axis=1),
        np.arctan2(sin, cos) / (2 * np.pi) % 1.0,
        read[:, N_CATEGORIES + 2 : N_CATEGORIES + 4],
        read[:, N_CATEGORIES + 4],
        read[:, N_CATEGORIES + 5],
    )


@torch.no_grad()
def features(judge: Judge, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Activations of the last hidden layer for pictures, (n, N_FEATURES)."""
    parts = [judge.body(seen(part, judge.side_px)) for part in _batches(pictures)]
    found: npt.NDArray[np.float64] = torch.cat(parts).double().numpy()
    return found


def seen(pictures: npt.NDArray[np.uint8], side_px: int) -> Tensor:
    """Pixels in [-1, 1] (n, 3, side_px, side_px): the mean over the area that each one covers."""
    x = to_unit(torch.from_numpy(np.ascontiguousarray(pictures)))
    factor, rest = divmod(x.shape[2], side_px)
    if rest or x.shape[2] != x.shape[3]:
        raise ValueError(f"pictures {pictures.shape}: allowed are squares of k * {side_px} pixels")
    return functional.avg_pool2d(x, factor) if factor > 1 else x


def _batches(pictures: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
    return [pictures[k : k + BATCH] for k in range(0, len(pictures), BATCH)]


def _loss(read: Tensor, wanted: Tensor, style: Tensor) -> Tensor:
    category = wanted[:, :N_CATEGORIES].argmax(dim=1)
    loss = functional.cross_entropy(read[:, :N_CATEGORIES], category)
    loss = loss + functional.mse_loss(read[:, N_CATEGORIES:N_READ], wanted[:, N_CATEGORIES:])
    visible = category != SCRAMBLED
    if visible.any():
        loss = loss + 0.3 * functional.cross_entropy(read[visible, N_READ:], style[visible])
    return loss


def _roughen(x: Tensor) -> Tensor:
    """Blur some pictures and add noise, so that the judge does not insist on crisp edges."""
    soft = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    noise = torch.randn(-(-len(x) // 8), *x.shape[1:]).repeat(8, 1, 1, 1)[: len(x)]
    soft = torch.lerp(x, soft, torch.rand(len(x), 1, 1, 1))
    return soft + 0.1 * torch.rand(len(x), 1, 1, 1) * noise
