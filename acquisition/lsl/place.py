"""Where a volume was measured, where that is not where its stream says.

Scanners that follow the head (prospective motion correction) give every volume another affine. It
travels as figures of the volume, each number as the sum of two of 32 bits, which keeps 48 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["PLACE_FIGURES", "affine_of", "place_figures"]

_ROWS = 3  # the fourth row of an affine is always 0 0 0 1
PLACE_FIGURES: Final = tuple(
    f"affine_{row}{column}_{part}"
    for part in ("high", "low")
    for row in range(_ROWS)
    for column in range(4)
)


def place_figures(
    affine: npt.NDArray[np.float64], usual: npt.NDArray[np.float64]
) -> dict[str, float]:
    """Return what is to travel with a volume; empty where it lies at the usual place.

    Parameters
    ----------
    affine, usual : ndarray (4, 4)
        Voxel numbers to millimetres: of the volume and of its stream.

    Returns
    -------
    dict of str to float
        Values of `PLACE_FIGURES` that 32 bits hold exactly.
    """
    if np.array_equal(affine, usual):
        return {}
    whole = affine[:_ROWS].ravel()
    high = whole.astype(np.float32).astype(np.float64)
    low = (whole - high).astype(np.float32).astype(np.float64)
    return dict(zip(PLACE_FIGURES, [*high.tolist(), *low.tolist()], strict=True))


def affine_of(
    figures: Mapping[str, float], usual: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the affine that `place_figures` was given; `usual` where nothing travelled.

    Parameters
    ----------
    figures : mapping of str to float
        Figures of a volume, others among them.
    usual : ndarray (4, 4)
        Voxel numbers to millimetres of the stream.

    Returns
    -------
    ndarray (4, 4)
    """
    if any(name not in figures for name in PLACE_FIGURES):
        return usual
    parts = np.array([figures[name] for name in PLACE_FIGURES]).reshape(2, _ROWS, 4)
    affine = np.eye(4)
    affine[:_ROWS] = parts.sum(0)
    return affine
