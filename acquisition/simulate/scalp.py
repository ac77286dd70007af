"""Where the electrodes of the synthetic EEG participant sit."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["CHANNELS", "bump", "positions"]

# Rows of the 10-20 system from front to back: how far to the front (1 nasion, -1 inion), and the
# electrodes with how far to the right they sit (1 right ear).
_ROWS: Final[tuple[tuple[float, dict[str, float]], ...]] = (
    (0.9, {"Fp1": -0.3, "Fp2": 0.3}),
    (0.55, {"F7": -0.75, "F3": -0.4, "Fz": 0.0, "F4": 0.4, "F8": 0.75}),
    (0.28, {"FC5": -0.65, "FC1": -0.22, "FC2": 0.22, "FC6": 0.65}),
    (0.0, {"T7": -0.95, "C3": -0.48, "Cz": 0.0, "C4": 0.48, "T8": 0.95}),
    (-0.28, {"TP9": -0.95, "CP5": -0.65, "CP1": -0.22, "CP2": 0.22, "CP6": 0.65, "TP10": 0.95}),
    (-0.55, {"P7": -0.75, "P3": -0.4, "Pz": 0.0, "P4": 0.4, "P8": 0.75}),
    (-0.8, {"PO9": -0.55, "PO10": 0.55}),
    (-0.9, {"O1": -0.3, "Oz": 0.0, "O2": 0.3}),
)
CHANNELS: Final[tuple[str, ...]] = tuple(name for _, row in _ROWS for name in row)


def positions() -> npt.NDArray[np.float64]:
    """Return the places of `CHANNELS`, shape (32, 2): rightward and frontward, head radius 1."""
    return np.array([(right, front) for front, row in _ROWS for right in row.values()])


def bump(centre: npt.ArrayLike, width: float) -> npt.NDArray[np.float64]:
    """Return a smooth scalp pattern, shape (32,): 1 at `centre`, falling off over `width`."""
    distance = np.linalg.norm(positions() - np.asarray(centre), axis=1)
    pattern: npt.NDArray[np.float64] = np.exp(-0.5 * (distance / width) ** 2)
    return pattern
