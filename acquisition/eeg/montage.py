"""Where electrodes of the 10-10 system sit on a spherical head, by their names alone.

The system divides arcs of the head into tenths (Jurcak, Tsuzuki & Dan 2007, NeuroImage 34:1600).
On the sphere that fits a head best, the midline runs from Fpz (92 degrees before the vertex) to Oz
(92 degrees behind it) in steps of 23 degrees; the ring through Fpz, T7, Oz and T8 lies 92 degrees
below the vertex, its electrodes 18 degrees apart; the others divide the arc from the midline to
the ring. A second ring, 23 degrees lower, holds those that end in 9 and 10.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["place_of", "places"]

_ROWS = ("FP", "AF", "F", "FC", "C", "CP", "P", "PO", "O")
"""From front to back; the middle one runs over the vertex."""
_ALIASES = {"FT": "FC", "T": "C", "TP": "CP"}
_OLD = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
_NAME = re.compile(r"(FP|AF|FC|FT|CP|TP|PO|F|C|T|P|O)(Z|10|[1-9])")
_STEP, _TURN = np.deg2rad(23.0), np.deg2rad(18.0)
_RING, _LOWER_RING = 4 * _STEP, 5 * _STEP

Place = npt.NDArray[np.float64]


def place_of(name: str) -> Place | None:
    """Return where an electrode sits: x to the right, y to the front, z up, length 1.

    Parameters
    ----------
    name : str
        Such as ``Fz``, ``TP10`` or, by its older name, ``T3``; ``EEG Fz-Ref`` is understood too.

    Returns
    -------
    ndarray of shape (3,) or None
        None for what is no name of the 10-10 system.
    """
    text = re.sub(r"^EEG[ _]+|[-_ ](REF|LE|AVG|AR)$", "", name.strip().upper())
    found = _NAME.fullmatch(_OLD.get(text, text))
    if found is None:
        return None
    row = _ROWS.index(_ALIASES.get(found[1], found[1]))
    if found[2] == "Z":
        return _at(abs(row - 4) * _STEP, 0.0 if row < 4 else np.pi)
    number = int(found[2])
    side = -1.0 if number % 2 else 1.0
    # Counted from the front: Fp1 one step to the left, O1 nine.
    turn = side * (1 + row) * _TURN
    if row in (0, 8):
        return _at(_RING, turn) if number in (1, 2) else None
    if number > 8:
        return _at(_LOWER_RING, turn)
    middle, ring = _at(abs(row - 4) * _STEP, 0.0 if row < 4 else np.pi), _at(_RING, turn)
    return _between(middle, ring, ((number + 1) // 2) / 4)


def places(names: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """Return the places of all channels (n, 3), or None where one of them is unknown."""
    found = [place_of(name) for name in names]
    known = [place for place in found if place is not None]
    return np.stack(known) if known and len(known) == len(names) else None


def _at(down: float, turn: float) -> Place:
    """Return the point `down` radians below the vertex, `turn` radians from the front."""
    return np.array(
        [np.sin(down) * np.sin(turn), np.sin(down) * np.cos(turn), np.cos(down)], np.float64
    )


def _between(a: Place, b: Place, share: float) -> Place:
    """Return the point at a share of the great circle from `a` to `b`."""
    angle = float(np.arccos(np.clip(a @ b, -1.0, 1.0)))
    point: Place = (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
    return point
