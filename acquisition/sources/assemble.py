"""Slices that come one by one, put together to volumes.

A slice says itself which volume it belongs to, where it lies, and how many slices a volume has.
Nothing else is trusted: not the order of arrival, not the number of arrivals. A volume is complete
when as many different places have been filled as it has slices; two different pictures for the same
place spoil it, because one of them must belong to another volume.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from acquisition.errors import MatrixError
from phosphene.errors import InputError, check_all, problem

__all__ = ["Assembler", "Pending", "Slice"]

_PLACE_MM = 0.01
"""Two slices nearer than this lie in the same place; a file's decimals are finer."""
_UNEVEN_MM = 0.02


@dataclass(frozen=True)
class Slice:
    """One slice of one volume.

    Attributes
    ----------
    volume : int
        Number of its volume, from 0.
    n_slices : int
        Slices that a volume has.
    place_mm : float
        Where it lies along the normal of the slices.
    pixels : array (rows, columns)
        The picture.
    frame : tuple of float
        What all slices of a volume share: cosines of rows and columns, distances between pixels.
    corner_mm : tuple of float
        Centre of the first voxel (x, y, z).
    time_s : float or None
        When it was acquired; only differences count.
    """

    volume: int
    n_slices: int
    place_mm: float
    pixels: npt.NDArray[np.generic] = field(repr=False)
    frame: tuple[float, ...] = ()
    corner_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    time_s: float | None = None

    def __post_init__(self) -> None:
        found = []
        if self.volume < 0:
            found.append(problem("volume", self.volume, "0 or more", "Count from 0."))
        if self.n_slices < 1:
            found.append(problem("n_slices", self.n_slices, "1 or more", "Give their number."))
        check_all(found, InputError, "slice")


@dataclass(frozen=True)
class Pending:
    """A volume of which something is still missing, or never came.

    Attributes
    ----------
    index : int
        Number of the volume, from 0.
    have, want : int
        Parts that are here, and parts that it has.
    """

    index: int
    have: int
    want: int

    def __str__(self) -> str:
        return f"volume {self.index + 1}: {self.have} of {self.want} parts"


@dataclass
class _Open:
    slices: dict[int, Slice] = field(default_factory=dict)
    last: int = 0


class Assembler:
    """Puts slices together; each volume comes out once at most.

    Parameters
    ----------
    limit_bytes : int
        Most memory for pictures of incomplete volumes. When it is exceeded, the volume that has
        waited longest for its next slice is given up.

    Attributes
    ----------
    duplicates : int
        Slices that had come before.
    """

    def __init__(self, limit_bytes: int = 1 << 30) -> None:
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._arrivals = 0
        self._open: dict[int, _Open] = {}
        self._complete: set[int] = set()
        self._given_up: dict[int, Pending] = {}
        self.duplicates = 0

    def add(self, piece: Slice) -> list[Slice] | None:
        """Take one slice.

        Parameters
        ----------
        piece : Slice
            In any order.

        Returns
        -------
        list of Slice or None
            All slices of the volume that this one completes, in order of their place.

        Raises
        ------
        MatrixError
            If it does not fit the slices of its volume that have come before.
        InputError
            If another picture has come for its place, if the volume that it completes has uneven
            slices, or if its volume has been given up.
        """
        if piece.volume in self._complete:
            self.duplicates += 1
            return None
        if piece.volume in self._given_up:
            raise InputError(
                problem(f"slice of volume {piece.volume + 1}", "a late or contradictory slice",
                        "slices of volumes that are not given up", "Check the export.")
            )  # fmt: skip
        held = self._open.get(piece.volume)
        if held is None:
            held = self._open[piece.volume] = _Open()
        if not self._fits(piece, held):
            return None
        self._arrivals += 1
        held.last = self._arrivals
        held.slices[_slot(piece)] = piece
        self._bytes += piece.pixels.nbytes
        if len(held.slices) == piece.n_slices:
            whole = sorted(held.slices.values(), key=lambda s: s.place_mm)
            self._require_even(piece.volume, whole)
            self._forget(piece.volume)
            self._complete.add(piece.volume)
            return whole
        self._make_room()
        return None

    def pending(self) -> list[Pending]:
        """Return the volumes that are incomplete or were given up, in order."""
        waiting = [_pending(index, held) for index, held in self._open.items()]
        return sorted([*waiting, *self._given_up.values()], key=lambda p: p.index)

    def _give_up(self, volume: int) -> None:
        self._given_up[volume] = _pending(volume, self._open[volume])
        self._forget(volume)

    def _require_even(self, volume: int, whole: list[Slice]) -> None:
        steps = np.diff([(s.place_mm, *s.corner_mm) for s in whole], axis=0)
        if len(steps) and np.abs(steps - steps.mean(0)).max() > _UNEVEN_MM:
            self._give_up(volume)
            raise InputError(
                problem(f"slices of volume {volume + 1}", "uneven positions",
                        "evenly spaced slices of one volume", "Export whole volumes.")
            )  # fmt: skip

    def _fits(self, piece: Slice, held: _Open) -> bool:
        """Tell a new slice from a repeated one; refuse what contradicts the others."""
        if not held.slices:
            return True
        first = next(iter(held.slices.values()))
        if (piece.n_slices, piece.pixels.shape, piece.frame) != (
            first.n_slices,
            first.pixels.shape,
            first.frame,
        ):
            raise MatrixError(
                problem(
                    f"slice of volume {piece.volume + 1}",
                    f"{piece.n_slices} x {piece.pixels.shape}",
                    f"{first.n_slices} x {first.pixels.shape} in the same plane",
                    "Scan with one protocol in a series.",
                )
            )
        slot = _slot(piece)
        before = next(
            (held.slices[s] for s in (slot, slot - 1, slot + 1) if s in held.slices), None
        )
        if before is None:
            return True
        if np.array_equal(before.pixels, piece.pixels):
            self.duplicates += 1
            return False
        self._give_up(piece.volume)
        raise InputError(
            problem(
                f"slice of volume {piece.volume + 1}",
                "two different pictures for one place",
                "one picture per place and volume",
                "Export one series, with the elements that number its volumes.",
            )
        )

    def _make_room(self) -> None:
        while self._bytes > self._limit_bytes and len(self._open) > 1:
            self._give_up(min(self._open, key=lambda index: self._open[index].last))

    def _forget(self, volume: int) -> None:
        held = self._open.pop(volume, None)
        if held is not None:
            self._bytes -= sum(s.pixels.nbytes for s in held.slices.values())


def _slot(piece: Slice) -> int:
    return round(piece.place_mm / _PLACE_MM)


def _pending(index: int, held: _Open) -> Pending:
    want = next((s.n_slices for s in held.slices.values()), 0)
    return Pending(index, len(held.slices), want)
