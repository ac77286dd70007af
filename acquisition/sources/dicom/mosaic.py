"""Siemens mosaic: all slices of a volume as tiles of one large picture.

Number of slices and their normal come from the private CSA image header (software VB to E11). Where
there is none (exports of XA for older receivers, or files whose private header was removed), they
come from the classic private elements, or from the protocol text.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from acquisition.sources.csa import parse_csa
from acquisition.sources.dicom.clock import clock_of
from acquisition.sources.dicom.elements import Elements
from acquisition.sources.dicom.frames import Frames
from acquisition.sources.dicom.protocol import SliceProtocol, parse_protocol
from acquisition.sources.geometry import Parsed, plausible_times, stack_affine
from phosphene.errors import InputError, problem

__all__ = ["MosaicParser", "untile"]

_N_SLICES, _NORMAL, _TIMES = (
    "NumberOfImagesInMosaic",
    "SliceNormalVector",
    "MosaicRefAcqTimes",
)
_UPRIGHT = 0.99


def untile(picture: npt.NDArray[np.generic], n_slices: int) -> npt.NDArray[np.generic]:
    """Cut a mosaic (rows, columns) into a stack (columns, rows, slices)."""
    side = math.ceil(math.sqrt(n_slices))
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    tiles = picture.reshape(side, rows, side, columns).transpose(3, 1, 0, 2)
    return tiles.reshape(columns, rows, side * side)[:, :, :n_slices]


class MosaicParser:
    """Parses the mosaics of one series; remembers the last private header, which seldom changes."""

    def __init__(self) -> None:
        self._raw: dict[str, memoryview] = {}
        self._csa: dict[str, list[str]] = {}
        self._protocol = SliceProtocol()

    def parse(self, elements: Elements, frames: Frames) -> Parsed:
        """Take pixels, place and timing from a mosaic.

        Raises
        ------
        InputError
            If an element is missing or malformed.
        """
        self._read_private(elements)
        n_slices = self._count(elements)
        side = math.ceil(math.sqrt(n_slices))
        if frames.rows % side or frames.columns % side:
            raise InputError(
                problem("mosaic", "a size that its slices do not divide",
                        f"{side} x {side} tiles for {n_slices} slices", "Export it unchanged.")
            )  # fmt: skip
        data = untile(frames.one(0), n_slices)
        slope, offset = elements.number("RescaleSlope", 1.0), elements.number("RescaleIntercept", 0)
        if slope != 1 or offset != 0:
            data = data.astype(np.float32) * slope + offset
        tr_s = elements.number("RepetitionTime") / 1000
        times = self._times_ms(elements)
        return Parsed(
            data=data,
            affine=self._affine(elements, frames, data.shape),
            index=elements.whole("InstanceNumber") - 1,
            tr_s=tr_s,
            slice_times_s=plausible_times([t / 1000 for t in times], tr_s)
            if len(times) == n_slices
            else None,
            clock_s=clock_of(elements),
        )

    def _read_private(self, elements: Elements) -> None:
        """Parse the private headers, if they have changed."""
        raw = elements.value("CSAImageHeaderInfo")
        if self._changed("image", raw):
            self._csa = parse_csa(bytes(raw), (_N_SLICES, _NORMAL, _TIMES)) if raw else {}
        if self._csa.get(_N_SLICES) and self._csa.get(_NORMAL):
            return
        text = elements.value("PhoenixProtocol") or elements.value("CSASeriesHeaderInfo")
        if self._changed("series", text):
            self._protocol = parse_protocol(bytes(text))

    def _changed(self, name: str, raw: memoryview) -> bool:
        if name in self._raw and self._raw[name] == raw:
            return False
        self._raw[name] = memoryview(bytes(raw))
        return True

    def _count(self, elements: Elements) -> int:
        found = [
            *(_whole(text) for text in self._csa.get(_N_SLICES, [])),
            elements.whole("NumberOfImagesInMosaic", 0),
            len(elements.numbers("MosaicRefAcqTimes")) if "MosaicRefAcqTimes" in elements else 0,
            self._protocol.n_slices,
        ]
        count = next((n for n in found if n > 0), 0)
        if not 0 < count < 1000:
            raise InputError(
                problem(_N_SLICES, "nothing or no number", "the number of slices of a mosaic",
                        "Export with private elements, or as enhanced DICOM.")
            )  # fmt: skip
        return count

    def _times_ms(self, elements: Elements) -> list[float]:
        if self._csa.get(_TIMES):
            return [_decimal(text, _TIMES) for text in self._csa[_TIMES]]
        if "MosaicRefAcqTimes" in elements:
            return list(elements.numbers("MosaicRefAcqTimes"))
        return []

    def _affine(
        self, elements: Elements, frames: Frames, shape: tuple[int, ...]
    ) -> npt.NDArray[np.float64]:
        """Place the stack; the file's position is that of the mosaic as if it were one slice.

        The scanner centres the mosaic where the slice's centre is, so the slice's own corner lies
        half the difference of the two extents further inside.
        """
        cosines = np.asarray(elements.numbers("ImageOrientationPatient", 6))
        spacing = elements.numbers("PixelSpacing", 2)
        gap = elements.number("SpacingBetweenSlices", 0.0) or elements.number("SliceThickness")
        corner = (
            np.asarray(elements.numbers("ImagePositionPatient", 3))
            + cosines[:3] * spacing[1] * (frames.columns - shape[0]) / 2
            + cosines[3:] * spacing[0] * (frames.rows - shape[1]) / 2
        )
        return stack_affine(list(cosines), spacing, corner, self._normal(cosines) * gap)

    def _normal(self, cosines: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the direction from one tile to the next."""
        across = np.cross(cosines[:3], cosines[3:])
        stored = self._csa.get(_NORMAL, [])
        if len(stored) == 3:
            normal = np.asarray([_decimal(text, _NORMAL) for text in stored])
            if abs(normal @ across) < _UPRIGHT:
                raise InputError(
                    problem(_NORMAL, "not at right angles to the slices", "their normal",
                            "Export it unchanged.")
                )  # fmt: skip
            return normal
        way = self._protocol.way_mm
        if way is None:
            # the scanner's preset counts towards left, back and head
            way = np.eye(3)[np.argmax(np.abs(across))]
        return across if across @ way > 0 else -across


def _whole(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 6 else 0


def _decimal(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(
            problem(name, "no number", "numbers", "Export it unchanged.")
        ) from error.__cause__
