"""MURFI's "vsend" protocol: a header and an image for each volume.

The scanner opens a connection for each volume; simulators keep one open. Both are understood, and
so are the eight bytes (length of header and of image) that some scanners put before the header.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquisition.errors import ForeignFileError
from acquisition.fmri.volume import Volume, to_ras
from acquisition.sources.identity import keyed_hash
from acquisition.sources.tcp.blob import Blob
from acquisition.sources.tcp.vsend_header import (
    HEADER_BYTES,
    MAGICS,
    VsendHeader,
    decode_header,
    encode_header,
    mosaic_side,
)
from phosphene.errors import TruncatedError, problem

__all__ = ["VsendDecoder", "encode_volume"]

_MARK_BYTES = 4
_FAREWELL = b"<rt:done>"


class VsendDecoder:
    """Turns the bytes of one connection after the other into volumes.

    A scanner counts volumes from 1, some simulators from 0: the first volume of a series tells.
    Where the scanner sends each volume twice, as measured and corrected for motion, one kind is
    taken and the other left out (and counted, see `other_kind`).

    Parameters
    ----------
    key : bytes
        Random key of the run, see `acquisition.sources.identity`.
    first_number : int or None
        Number of the first volume of a series; None to learn it from the first that comes.
    images : str
        ``original`` or ``moco``; ``first`` takes the kind that comes first.

    Attributes
    ----------
    first_number : int or None
        As given or learnt.
    other_kind : int
        Volumes of the other kind.
    """

    def __init__(
        self,
        key: bytes,
        first_number: int | None = None,
        images: Literal["first", "original", "moco"] = "first",
    ) -> None:
        self._key = key
        self._wanted = None if images == "first" else images == "moco"
        self.first_number = first_number
        self.other_kind = 0
        self._series = ""
        self._corrected = False
        self._header: VsendHeader | None = None
        self._announced = False
        self._blob = Blob(_MARK_BYTES)

    def resume(self, series: str, first_number: int | None, *, corrected: bool) -> None:
        """Go on with a series that an earlier decoder with the same key has begun."""
        self.first_number = first_number
        self._series, self._corrected = series, corrected

    @property
    def corrected(self) -> bool:
        """Whether volumes are taken that the scanner has corrected for motion."""
        return self._corrected

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[Volume]:
        """Take the next bytes; see `acquisition.sources.tcp.decoder.StreamDecoder`."""
        rest = memoryview(data)
        while len(rest):
            rest = self._blob.take(rest)
            if self._blob.full:
                yield from self._next(self._blob.raw)

    def hang_up(self) -> None:
        """Be ready for the next connection; raise `TruncatedError` if this one ended early."""
        whole = self._header is None and not self._announced and self._blob.empty
        part = "an image" if self._header is not None else "a header"
        self._expect_mark()
        if not whole:
            raise TruncatedError(
                problem("vsend", f"connection closed within {part}", "whole volumes", "Send again.")
            )

    def _expect_mark(self) -> None:
        self._header, self._announced, self._blob = None, False, Blob(_MARK_BYTES)

    def _next(self, raw: bytearray) -> list[Volume]:
        """Go on after a full block: mark, announced lengths, header, image."""
        if self._header is not None:
            header = self._header
            self._expect_mark()
            return self._volume(header, raw)
        if len(raw) >= HEADER_BYTES:
            self._header = decode_header(raw)
            self._blob = Blob(self._header.image_bytes)
        elif len(raw) == len(_FAREWELL) or len(raw) == 2 * _MARK_BYTES:
            self._blob = Blob(_MARK_BYTES)
        else:
            self._after_mark(bytes(raw))
        return []

    def _after_mark(self, mark: bytes) -> None:
        if mark in MAGICS:
            self._announced, length = False, HEADER_BYTES
        elif mark == _FAREWELL[:_MARK_BYTES]:
            length = len(_FAREWELL)
        elif not self._announced and HEADER_BYTES in struct.unpack("<i", mark):
            self._announced, length = True, 2 * _MARK_BYTES
        else:
            raise ForeignFileError(
                problem("vsend", f"bytes {mark.hex()}", "ERTI or SIMU", "Check who is sending.")
            )
        self._blob = Blob(length)
        self._blob.take(memoryview(mark))

    def _volume(self, header: VsendHeader, raw: bytearray) -> list[Volume]:
        series = keyed_hash(self._key, header.series_uid)
        if series != self._series:
            if self.first_number is None:
                self.first_number = min(header.number, 1)
            self._series = series
            self._corrected = header.corrected if self._wanted is None else self._wanted
        if header.corrected != self._corrected:
            self.other_kind += 1
            return []
        image = _pixels(header, raw)
        data, affine, slice_axis, _ = to_ras(image, header.affine)
        index = max(header.number - (self.first_number or 0), 0)
        return [Volume(data, affine, index, header.tr_s, series, slice_axis=slice_axis)]


def _pixels(header: VsendHeader, raw: bytearray) -> npt.NDArray[np.generic]:
    """Return the image (read, phase, slice)."""
    flat = np.frombuffer(raw, header.pixel)
    read, phase, slices = header.shape
    if not header.mosaic:
        return flat.reshape(slices, phase, read).T
    side = mosaic_side(slices)
    tiles = flat.reshape(side, phase, side, read).swapaxes(1, 2).reshape(-1, phase, read)
    return tiles[:slices].T


def encode_volume(data: npt.NDArray[np.generic], header: VsendHeader) -> bytes:
    """Write a volume (read, phase, slice) with its header, for senders."""
    stacked = np.ascontiguousarray(data.T, header.pixel)
    if header.mosaic:
        slices, phase, read = stacked.shape
        side = mosaic_side(slices)
        tiles = np.zeros((side * side, phase, read), header.pixel)
        tiles[:slices] = stacked
        stacked = tiles.reshape(side, side, phase, read).swapaxes(1, 2)
    return encode_header(header) + stacked.tobytes()
