"""Pixels of one file, one frame at a time, whatever the transfer syntax."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.pixels.decoders.base import get_decoder

from acquisition.errors import ForeignFileError
from acquisition.sources.dicom.syntax import UNKNOWN, Opened, as_uid, known_name
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["Frames"]

_PLAIN = frozenset(
    ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]
)
_BITS = (8, 16, 32)
_MOST_PIXELS = 1 << 31


class Frames:
    """Frames of an opened file, (rows, columns) each, as stored.

    Parameters
    ----------
    opened : Opened
        The file.

    Attributes
    ----------
    count, rows, columns : int
        Number and size of the frames.

    Raises
    ------
    ForeignFileError
        If it holds no grey pictures, or pixels that nothing installed can decode.
    TruncatedError
        If there are fewer pixels than the file announces.
    InputError
        If an element that describes the pixels is missing or malformed.
    """

    def __init__(self, opened: Opened) -> None:
        elements = opened.elements
        self._opened = opened
        self._value = elements.value("PixelData")
        self.count = max(1, elements.whole("NumberOfFrames", 1))
        self.rows, self.columns = elements.whole("Rows"), elements.whole("Columns")
        self._bits = elements.whole("BitsAllocated")
        self._signed = elements.whole("PixelRepresentation") == 1
        if elements.whole("SamplesPerPixel", 1) != 1 or self._bits not in _BITS:
            raise ForeignFileError(
                problem("pixels", "colours or other bits", "grey, 8, 16 or 32 bits", "Export again")
            )
        pixels = self.count * self.rows * self.columns
        if not 0 < pixels < _MOST_PIXELS:
            raise InputError(problem("Rows or Columns", "0", "the picture's size", "Export again."))
        self._plain = opened.syntax in _PLAIN
        if self._plain and len(self._value) < pixels * self._bits // 8:
            raise TruncatedError(
                problem("pixels", f"{len(self._value)} bytes", "the whole file", "Wait for it.")
            )
        if not self._plain:
            _require_decoder(opened.syntax)

    def all(self) -> npt.NDArray[np.generic]:
        """Return all frames, (frames, rows, columns)."""
        if not self._plain:
            return self._decoded(range(self.count))
        count = self.count * self.rows * self.columns
        flat = np.frombuffer(self._value, self._kind(), count=count)
        return flat.reshape(self.count, self.rows, self.columns)

    def some(self, which: npt.NDArray[np.intp]) -> npt.NDArray[np.generic]:
        """Return chosen frames, (frames, rows, columns); no others are decoded."""
        if not self._plain:
            return self._decoded(which.tolist())
        chosen: npt.NDArray[np.generic] = self.all()[which]
        return chosen

    def one(self, k: int) -> npt.NDArray[np.generic]:
        """Return frame `k`, (rows, columns)."""
        frame: npt.NDArray[np.generic] = self.some(np.asarray([k]))[0]
        return frame

    def _decoded(self, which: Sequence[int]) -> npt.NDArray[np.generic]:
        elements = self._opened.elements
        options: Any = {
            "rows": self.rows,
            "columns": self.columns,
            "number_of_frames": self.count,
            "samples_per_pixel": 1,
            "photometric_interpretation": "MONOCHROME2",
            "bits_allocated": self._bits,
            "bits_stored": elements.whole("BitsStored", self._bits),
            "pixel_representation": int(self._signed),
            "pixel_keyword": "PixelData",
        }
        tables = [elements.value(f"ExtendedOffsetTable{part}") for part in ("", "Lengths")]
        if all(tables):
            options["extended_offsets"] = tuple(bytes(table) for table in tables)
        decoder = get_decoder(as_uid(self._opened.syntax))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                decoded = decoder.iter_array(bytes(self._value), indices=which, raw=True, **options)
                frames = [np.array(frame) for frame, _ in decoded]
        except Exception as error:
            # the decoders raise whatever their libraries do, and may quote the file
            raise InputError(
                problem("pixels", f"damaged ({type(error).__name__})",
                        f"pixels in {known_name(self._opened.syntax)}", "Copy the file again.")
            ) from None  # fmt: skip
        return np.stack(frames).reshape(len(which), self.rows, self.columns)

    def _kind(self) -> str:
        order = "<" if self._opened.little else ">"
        return f"{order}{'i' if self._signed else 'u'}{self._bits // 8}"


def _require_decoder(syntax: str) -> None:
    name = known_name(syntax)
    try:
        # an unknown one is not even asked for: that would warn, and quote it
        available = name != UNKNOWN and get_decoder(as_uid(syntax)).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise ForeignFileError(
            problem("transfer syntax", name, "one that can be decoded here",
                    "Run pip install 'phosphene[formats]', or switch compression off.")
        )  # fmt: skip
