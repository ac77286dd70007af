"""Writes volumes as classic DICOM with one file per slice: GE and Philips."""

from __future__ import annotations

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
from acquisition.simulate.enhanced import PHILIPS_GAIN
from acquisition.simulate.series import Series, as_stored

__all__ = ["ge_files", "philips_files"]

_GE_FIRST_IMAGE = 1_000_000


def ge_files(data: npt.NDArray[np.int16], series: Series, index: int) -> list[tuple[str, bytes]]:
    """Write one volume as GE's real-time export does: names and files, slice after slice.

    Instance numbers run through the slices of the first volume, then of the second. The count of
    slices stands in private element (0021,104F). Arguments as those of `mosaic.mosaic_bytes`.
    """
    stack, lps = as_stored(data, series.affine)
    n_slices = stack.shape[2]
    files = []
    for k in range(n_slices):
        number = index * n_slices + k + 1
        dataset = _slice(series, lps, index, k, number)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "EPI", "NONE"]
        dataset.Manufacturer = "GE MEDICAL SYSTEMS"
        dataset.ManufacturerModelName = "Synthetic"
        dataset.ScanningSequence = ["EP", "GR"]
        dataset.AcquisitionNumber = 1
        dataset.NumberOfTemporalPositions = series.n_volumes
        dataset.ImagesInAcquisition = n_slices
        dataset.StackID = "1"
        dataset.InStackPositionNumber = k + 1
        block = dataset.private_block(0x0021, "GEMS_RELA_01", create=True)
        block.add_new(0x4F, "SS", n_slices)
        add_pixels(dataset, stack[:, :, k].T, stored_bits=16)
        name = f"s{series.series_number:04d}/i{_GE_FIRST_IMAGE + number}.MRDC.{number}"
        files.append((name, save(dataset)))
    return files


def philips_files(
    data: npt.NDArray[np.int16], series: Series, index: int
) -> list[tuple[str, bytes]]:
    """Write one dynamic as classic Philips files; see `ge_files`.

    Instance numbers run through all dynamics of the first slice, then of the second, so they do not
    tell the order in time; TemporalPositionIdentifier does.
    """
    stack, lps = as_stored(data, series.affine)
    n_slices = stack.shape[2]
    files = []
    for k in range(n_slices):
        number = k * series.n_volumes + index + 1
        dataset = _slice(series, lps, index, k, number)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"]
        dataset.Manufacturer = "Philips Medical Systems"
        dataset.ManufacturerModelName = "Synthetic"
        dataset.ScanningSequence = "GR"
        dataset.AcquisitionNumber = 1
        dataset.TemporalPositionIdentifier = index + 1
        dataset.NumberOfTemporalPositions = series.n_volumes
        dataset.RescaleIntercept, dataset.RescaleSlope = "0", decimal(1.0 / PHILIPS_GAIN)
        dataset.RescaleType = "normalized"
        block = dataset.private_block(0x2001, "Philips Imaging DD 001", create=True)
        block.add_new(0x0A, "IS", k + 1)
        block.add_new(0x18, "SL", n_slices)
        block.add_new(0x81, "IS", series.n_volumes)
        block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
        # floating point value = displayed value / (rescale slope * scale slope): both agree here
        block.add_new(0x0E, "FL", float(PHILIPS_GAIN))
        add_pixels(dataset, PHILIPS_GAIN * stack[:, :, k].T, stored_bits=15)
        files.append((f"IM_{series.series_number:04d}_{number:06d}", save(dataset)))
    return files


def _slice(
    series: Series, lps: npt.NDArray[np.float64], index: int, k: int, number: int
) -> Dataset:
    start_s = series.slice_time_s(index, k)
    dataset = new_file(series, number, MR_IMAGE, start_s, (index + 1) * series.tr_s)
    dataset.MRAcquisitionType = "2D"
    dataset.RepetitionTime = decimal(1000 * series.tr_s)
    dataset.EchoTime = "30"
    position = lps[:3, 3] + k * lps[:3, 2]
    dataset.ImagePositionPatient = [decimal(v) for v in position]
    dataset.ImageOrientationPatient = cosines_of(lps)
    dataset.PixelSpacing, dataset.SliceThickness = spacing_of(lps)
    dataset.SpacingBetweenSlices = dataset.SliceThickness
    normal = lps[:3, 2] / np.linalg.norm(lps[:3, 2])
    dataset.SliceLocation = decimal(float(position @ normal))
    return dataset
