"""Takes a known number of bytes out of a stream that comes in pieces of any size."""

from __future__ import annotations

__all__ = ["MAX_IMAGE_BYTES", "Blob"]

MAX_IMAGE_BYTES = 64 * 2**20
"""Longest image that is taken, in bytes: 256 x 256 x 256 voxels of 32 bits."""


class Blob:
    """A block of bytes of known length that fills up.

    Parameters
    ----------
    length : int
        Bytes in the block; the caller has checked that this is sane, it is allocated at once.
    """

    def __init__(self, length: int) -> None:
        self.raw = bytearray(length)
        self._filled = 0

    @property
    def full(self) -> bool:
        """True when every byte has come."""
        return self._filled == len(self.raw)

    @property
    def empty(self) -> bool:
        """True before the first byte."""
        return self._filled == 0

    def take(self, pieces: memoryview) -> memoryview:
        """Take what still fits, and return the rest."""
        count = min(len(pieces), len(self.raw) - self._filled)
        self.raw[self._filled : self._filled + count] = pieces[:count]
        self._filled += count
        return pieces[count:]
