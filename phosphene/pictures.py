"""Picture files that people bring, as one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from phosphene.errors import InputError, check_all, problem

__all__ = ["LARGEST_PX", "read_pictures"]

Pictures = npt.NDArray[np.uint8]

LARGEST_PX = 256
"""Pictures are held with at most this shorter side, in pixels."""

_SHOWN = 5


def read_pictures(
    paths: Sequence[Path], largest_px: int = LARGEST_PX
) -> tuple[Pictures, tuple[str, ...]]:
    """Read picture files.

    Parameters
    ----------
    paths : sequence of Path
        One or more.
    largest_px : int
        Shorter side at most, in pixels.

    Returns
    -------
    array (n, H, W, 3) uint8
        Where they are of one shape, in that shape; otherwise the centred squares, as large as the
        smallest of them.
    tuple of str
        What was done to them, in words.
    """
    found: list[Image.Image] = []
    lost: dict[str, list[str]] = {}
    for path in paths:
        try:
            with Image.open(path) as image:
                found.append(image.convert("RGB"))
        except FileNotFoundError:
            lost.setdefault("missing", []).append(str(path))
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
            lost.setdefault("no pictures that can be read", []).append(str(path))
    check_all(_told(lost, len(paths)), InputError, "stimuli")
    notes: tuple[str, ...] = ()
    sizes = {image.size for image in found}
    if len(sizes) > 1:
        side = min(min(size) for size in sizes)
        found = [_square(image, side) for image in found]
        notes = (f"pictures of {len(sizes)} sizes: the centred squares are taken, {side} px",)
    width, height = found[0].size
    if min(width, height) > largest_px:
        scale = largest_px / min(width, height)
        size = (round(width * scale), round(height * scale))
        found = [image.resize(size, Image.Resampling.BICUBIC) for image in found]
        notes += (f"pictures are held in {size[0]} x {size[1]} px instead of {width} x {height}",)
    return np.stack([np.asarray(image) for image in found]), notes


def _square(image: Image.Image, side: int) -> Image.Image:
    own = min(image.size)
    left, top = (image.width - own) // 2, (image.height - own) // 2
    cut = image.crop((left, top, left + own, top + own))
    return cut.resize((side, side), Image.Resampling.BICUBIC) if own != side else cut


def _told(lost: Mapping[str, Sequence[str]], count: int) -> list[str]:
    return [
        problem(f"{len(names)} of {count} stimuli", f"{what}: {', '.join(names[:_SHOWN])}"
                f"{' ...' if len(names) > _SHOWN else ''}", "pictures (PNG, JPEG and so on)",
                "Put them into the data set's folder stimuli, or name it with --stimuli-folder.")
        for what, names in lost.items()
    ]  # fmt: skip
