"""What a judge is, and how pictures are made fit for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from phosphene.errors import InputError, problem

__all__ = ["Features", "Judge", "Judged", "batches", "prepared"]

Pictures = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
_BATCH = 16


class Features(Protocol):
    """Pictures uint8 (n, height, width, 3) to vectors (n, d)."""

    def __call__(self, pictures: Pictures) -> npt.NDArray[Any]:
        """Return one vector for each picture."""
        ...


@dataclass(frozen=True)
class Judged:
    """What a judge finds in pictures.

    Attributes
    ----------
    features : mapping of str to array (n, d) float32
        By layer or embedding, from low to high level.
    scores : array (n, classes) float32, or None
        Logits or probabilities; None for an encoder without classes.
    """

    features: Mapping[str, Floats]
    scores: Floats | None = None


class Judge(Protocol):
    """A classifier or encoder with a name and an identity.

    Attributes
    ----------
    id : str
        Short name for reports.
    sha256 : str
        Of its weights.
    side_px : int
        Pictures are resized to this square.
    classes : tuple of str
        Names of its classes; empty where it has none or does not know their names.
    """

    id: str
    sha256: str
    side_px: int
    classes: tuple[str, ...]

    def judge(self, pictures: Pictures) -> Judged:
        """Judge pictures (n, height, width, 3)."""
        ...


def prepared(pictures: Pictures, side_px: int) -> Pictures:
    """Resize pictures to a square (bilinear, antialiased), grey ones to three channels.

    Parameters
    ----------
    pictures : array of uint8 (n, height, width, 1 or 3)
    side_px : int

    Returns
    -------
    array of uint8 (n, side_px, side_px, 3)
    """
    if pictures.ndim != 4 or pictures.shape[-1] not in (1, 3) or pictures.dtype != np.uint8:
        got = f"{pictures.dtype} {pictures.shape}"
        raise InputError(problem("pictures", got, "uint8 (n, height, width, 3)", "Convert them."))
    colour = np.repeat(pictures, 3, axis=3) if pictures.shape[-1] == 1 else pictures
    if colour.shape[1:3] == (side_px, side_px):
        return colour
    size = (side_px, side_px)
    found = [np.asarray(Image.fromarray(p).resize(size, Image.Resampling.BILINEAR)) for p in colour]
    return np.stack(found)


def batches(pictures: Pictures, side_px: int, size: int = _BATCH) -> Iterator[Pictures]:
    """Yield prepared pictures a few at a time, which bounds memory."""
    for start in range(0, len(pictures), size):
        yield prepared(pictures[start : start + size], side_px)
