"""Siemens mosaic: all slices of a volume as tiles of one large picture."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from acquisition.sources.csa import parse_csa
from acquisition.sources.geometry import Parsed, pixels, stack_affine

__all__ = ["MosaicParser", "untile"]

_CSA_IMAGE_HEADER = (0x0029, 0x1010)
_N_SLICES, _NORMAL, _TIMES = (
    "NumberOfImagesInMosaic",
    "SliceNormalVector",
    "MosaicRefAcqTimes",
)


def untile(picture: npt.NDArray[np.generic], n_slices: int) -> npt.NDArray[np.generic]:
    """Cut a mosaic (rows, columns) into a stack (columns, rows, slices)."""
    side = math.ceil(math.sqrt(n_slices))
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    tiles = picture.reshape(side, rows, side, columns).transpose(3, 1, 0, 2)
    return tiles.reshape(columns, rows, side * side)[:, :, :n_slices]


class MosaicParser:
    """Parses the mosaics of one series; remembers the last CSA header, which seldom changes."""

    def __init__(self) -> None:
        self._csa_raw = b""
        self._csa: dict[str, list[str]] = {}

    def parse(self, dataset: Dataset) -> Parsed:
        """Take pixels, place and timing from a mosaic.

        Parameters
        ----------
        dataset : Dataset
            With all its pixel data.

        Raises
        ------
        AttributeError, IndexError, TypeError, ValueError
            If an element is missing or malformed.
        """
        csa = self._read_csa(bytes(dataset[_CSA_IMAGE_HEADER].value))
        n_slices = int(csa[_N_SLICES][0])
        times_ms = [float(t) for t in csa.get(_TIMES, [])]
        data = untile(pixels(dataset, 1)[0], n_slices)
        slope, offset = dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0)
        if slope != 1 or offset != 0:
            data = data.astype(np.float32) * float(slope) + float(offset)
        return Parsed(
            data=data,
            affine=_affine(dataset, csa, data.shape),
            tr_s=float(dataset.RepetitionTime) / 1000,
            slice_times_s=tuple(t / 1000 for t in times_ms) if len(times_ms) == n_slices else None,
        )

    def _read_csa(self, raw: bytes) -> dict[str, list[str]]:
        if raw != self._csa_raw:
            csa = parse_csa(raw, (_N_SLICES, _NORMAL, _TIMES))
            missing = [name for name in (_N_SLICES, _NORMAL) if not csa.get(name)]
            if missing:
                raise ValueError(f"CSA header without {' and '.join(missing)}")
            self._csa_raw, self._csa = raw, csa
        return self._csa


def _affine(
    dataset: Dataset, csa: dict[str, list[str]], shape: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """Place the stack; the file's position is that of the mosaic as if it were one slice.

    The scanner centres the mosaic where the slice's centre is, so the slice's own corner lies half
    the difference of the two extents further inside.
    """
    cosines = np.asarray(dataset.ImageOrientationPatient, np.float64)
    spacing = [float(v) for v in dataset.PixelSpacing]
    gap = float(dataset.get("SpacingBetweenSlices") or dataset.SliceThickness)
    normal = np.asarray([float(v) for v in csa[_NORMAL]])
    extra_columns = (int(dataset.Columns) - shape[0]) / 2
    extra_rows = (int(dataset.Rows) - shape[1]) / 2
    corner = (
        np.asarray(dataset.ImagePositionPatient, np.float64)
        + cosines[:3] * spacing[1] * extra_columns
        + cosines[3:] * spacing[0] * extra_rows
    )
    return stack_affine(list(cosines), spacing, corner, normal * gap)
