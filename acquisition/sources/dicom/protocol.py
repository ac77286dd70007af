"""Slices as the protocol text of a Siemens scanner describes them.

The text ("ASCCONV") lies in the private series header, or in an own private element since XA. Only
the number of slices and their centres are taken from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["SliceProtocol", "parse_protocol"]

_COUNT = re.compile(rb"sSliceArray\.lSize\s*=\s*(\d{1,4})\s")
_CENTRE = re.compile(
    rb"sSliceArray\.asSlice\[(\d{1,4})\]\.sPosition\.d(Sag|Cor|Tra)\s*=\s*(-?\d{1,6}(?:\.\d{1,20})?)"
)
_BACKWARDS = re.compile(rb"sSliceArray\.ucImageNumb(?:Sag|Cor|Tra)\s*=\s*0x1\s")
_AXES = {b"Sag": 0, b"Cor": 1, b"Tra": 2}


@dataclass(frozen=True)
class SliceProtocol:
    """What the protocol says of the slices.

    Attributes
    ----------
    n_slices : int
        Their number; 0 where it is not said.
    way_mm : array (3,) or None
        From the first slice to the last (LPS).
    """

    n_slices: int = 0
    way_mm: npt.NDArray[np.float64] | None = None


def parse_protocol(raw: bytes) -> SliceProtocol:
    """Find the slices in a protocol text, wherever it begins.

    Parameters
    ----------
    raw : bytes
        Private element that holds the text among others.
    """
    start = raw.rfind(b"### ASCCONV BEGIN")
    if start < 0:
        return SliceProtocol()
    text = raw[start : raw.find(b"### ASCCONV END", start)]
    count = _COUNT.search(text)
    n_slices = int(count[1]) if count else 0
    centres: dict[int, npt.NDArray[np.float64]] = {}
    for number, axis, value in _CENTRE.findall(text):
        if int(number) < n_slices:
            # what is zero is left out of the text
            centres.setdefault(int(number), np.zeros(3))[_AXES[axis]] = float(value)
    if n_slices < 2 or not {0, n_slices - 1} <= set(centres):
        return SliceProtocol(n_slices)
    way = centres[n_slices - 1] - centres[0]
    return SliceProtocol(n_slices, -way if _BACKWARDS.search(text) else way)
