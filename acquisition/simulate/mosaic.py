"""Writes volumes as Siemens mosaic DICOM, the way a scanner of software E11 exports them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from acquisition.simulate.dicomfile import (
    MR_IMAGE,
    add_pixels,
    cosines_of,
    decimal,
    new_file,
    save,
    spacing_of,
)
from acquisition.simulate.series import Series, as_stored, make_series
from acquisition.sources.csa import build_csa

__all__ = ["file_name", "make_series", "mosaic_bytes", "tile"]


def file_name(series_number: int, index: int) -> str:
    """Name that the scanner gives to a volume's file."""
    return f"001_{series_number:06d}_{index + 1:06d}.dcm"


def tile(stack: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Lay the slices of a stack (columns, rows, slices) out as one picture (rows, columns)."""
    columns, rows, n_slices = stack.shape
    side = math.ceil(math.sqrt(n_slices))
    full = np.zeros((columns, rows, side * side), stack.dtype)
    full[:, :, :n_slices] = stack
    tiles = full.reshape(columns, rows, side, side).transpose(2, 1, 3, 0)
    return tiles.reshape(side * rows, side * columns)


def mosaic_bytes(data: npt.NDArray[np.int16], series: Series, index: int) -> bytes:
    """Write one volume.

    Parameters
    ----------
    data : array of int16 (X, Y, Z)
        Intensities of 0 or more.
    series : Series
        Identifiers, timing and place.
    index : int
        Number of the volume, from 0.

    Returns
    -------
    bytes
        A DICOM file.
    """
    stack, lps = as_stored(data, series.affine)
    picture = tile(stack)
    start_s = index * series.tr_s
    dataset = new_file(series, index + 1, MR_IMAGE, start_s, start_s + series.tr_s)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "NORM", "MOSAIC"]
    dataset.Manufacturer = "SIEMENS"
    dataset.ManufacturerModelName = "Synthetic"
    dataset.AcquisitionNumber = index + 1
    dataset.ScanningSequence = "EP"
    dataset.MRAcquisitionType = "2D"
    dataset.RepetitionTime = decimal(1000 * series.tr_s)
    dataset.EchoTime = "30"
    _place(dataset, lps, picture.shape, data.shape)
    add_pixels(dataset, picture, stored_bits=12)
    _add_csa(dataset, series, lps, data.shape)
    return save(dataset)


def _place(
    dataset: Dataset,
    lps: npt.NDArray[np.float64],
    mosaic_shape: tuple[int, ...],
    shape: tuple[int, ...],
) -> None:
    # the position given is the corner of a slice as large as the mosaic, with the same middle
    corner = (
        lps[:3, 3]
        - lps[:3, 0] * (mosaic_shape[1] - shape[0]) / 2
        - lps[:3, 1] * (mosaic_shape[0] - shape[1]) / 2
    )
    dataset.ImagePositionPatient = [decimal(v) for v in corner]
    dataset.ImageOrientationPatient = cosines_of(lps)
    dataset.PixelSpacing, dataset.SliceThickness = spacing_of(lps)
    dataset.SpacingBetweenSlices = dataset.SliceThickness
    dataset.AcquisitionMatrix = [shape[1], 0, 0, shape[0]]


def _add_csa(
    dataset: Dataset, series: Series, lps: npt.NDArray[np.float64], shape: tuple[int, ...]
) -> None:
    normal = lps[:3, 2] / np.linalg.norm(lps[:3, 2])
    csa = build_csa(
        {
            "AcquisitionMatrixText": ("SH", [f"{shape[1]}*{shape[0]}"]),
            "NumberOfImagesInMosaic": ("US", [str(shape[2])]),
            "SliceNormalVector": ("FD", [f"{v:.10f}" for v in normal]),
            "MosaicRefAcqTimes": ("FD", [f"{1000 * t:.8f}" for t in series.slice_times_s]),
            "RepetitionTime": ("DS", [decimal(1000 * series.tr_s)]),
        }
    )
    dataset.add_new(0x00290010, "LO", "SIEMENS CSA HEADER")
    dataset.add_new(0x00291008, "CS", "IMAGE NUM 4")
    dataset.add_new(0x00291010, "OB", csa + b"\0" * (len(csa) % 2))
