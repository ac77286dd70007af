"""What must not be taken for the person's data, made from the person's own left-out runs.

Made before normalising, from responses x of a run with mean m over time; s is the prior standard
deviation of each feature:

- ``noise``: m + a s e with white e and a of 0.3, 1 or 3, or with e correlated from row to row;
- ``other order``: the features of x permuted, which is another anatomy; and m + the permuted,
  rescaled deviations, which is what is left of it once the normaliser has adapted: another
  person's patterns in this person's place;
- ``moved``: every voxel takes the value of one some voxels away, where the mask tells neighbours;
  again with its own mean and with that of its place. Voxels from outside the mask are noise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from decoder.dataset import Dataset
from decoder.samples import Priors

__all__ = ["KINDS", "impostors", "moved_from"]

Order = npt.NDArray[np.intp]

KINDS = ("noise", "other order", "moved")
_MOST_ROWS = 96
_AMPLITUDES = (0.3, 1.0, 3.0)
_LIKENESS = 0.7
"""Correlation of successive rows of the coloured noise."""
_LONGEST_MOVE = 3


def impostors(
    data: Dataset,
    priors: Priors,
    delay_s: float,
    rng: np.random.Generator,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Iterator[tuple[str, Dataset]]:
    """Yield kind and data of each impostor.

    Parameters
    ----------
    data : Dataset
        Left-out rows; at most 96 of its first group are used.
    priors : Priors
        Of the training rows.
    delay_s : float
        For which responses are taken, in seconds.
    rng : Generator
        Draws noise, orders and directions.
    mask : array of bool (X, Y, Z), optional
        Voxels of the features in C order.
    """
    rows = np.flatnonzero(data.groups == data.groups[0])[:_MOST_ROWS]
    x = data.at(delay_s)[rows].astype(np.float64)
    mean, std = x.mean(axis=0), np.asarray(priors.std, np.float64)
    deviations = (x - mean) * np.divide(1.0, std, out=np.zeros_like(std), where=std > 0)

    def made(responses: npt.NDArray[np.float64]) -> Dataset:
        return Dataset(
            responses=responses.astype(np.float32),
            groups=data.groups[rows],
            times=data.times[rows],
            labels=np.full(len(rows), ""),
        )

    white = rng.standard_normal(x.shape)
    for amplitude in _AMPLITUDES:
        yield "noise", made(mean + amplitude * std * white)
    yield "noise", made(mean + std * _coloured(white))
    order = rng.permutation(x.shape[1])
    yield "other order", made(x[:, order])
    yield "other order", made(mean + std * deviations[:, order])
    for source in _moves(mask if mask is not None and mask.sum() == x.shape[1] else None, rng):
        inside = source >= 0
        yield "moved", made(np.where(inside, x[:, source], mean + std * white))
        yield "moved", made(mean + std * np.where(inside, deviations[:, source], white))


def moved_from(mask: npt.NDArray[np.bool_], by: tuple[int, int, int]) -> Order:
    """Feature whose place each voxel of the mask has moved to; -1 from outside the mask.

    Parameters
    ----------
    mask : array of bool (X, Y, Z)
        Features are its True voxels in C order.
    by : tuple of int
        Voxels along each axis.
    """
    index = np.full(mask.shape, -1)
    index[mask] = np.arange(int(mask.sum()))
    moved = np.full(mask.shape, -1)
    into, out_of = [], []
    for step, size in zip(by, mask.shape, strict=True):
        into.append(slice(max(step, 0), size + min(step, 0)))
        out_of.append(slice(max(-step, 0), size - max(step, 0)))
    moved[tuple(into)] = index[tuple(out_of)]
    return moved[mask]


def _moves(mask: npt.NDArray[np.bool_] | None, rng: np.random.Generator) -> Iterator[Order]:
    """One small move along each axis that the mask extends along."""
    if mask is None:
        return
    for axis, places in enumerate(np.nonzero(mask)):
        if np.ptp(places) < 2 * _LONGEST_MOVE:
            continue
        by = [0, 0, 0]
        by[axis] = int(rng.integers(1, _LONGEST_MOVE + 1)) * (1 if rng.random() < 0.5 else -1)
        yield moved_from(mask, (by[0], by[1], by[2]))


def _coloured(white: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    out = white.copy()
    for row in range(1, len(out)):
        out[row] = _LIKENESS * out[row - 1] + np.sqrt(1 - _LIKENESS**2) * white[row]
    return out
