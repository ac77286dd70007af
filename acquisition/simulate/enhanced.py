"""Writes volumes as enhanced multi-frame DICOM: Siemens XA and Philips, one file per volume.

What all frames share stands once; position, timing and place in the order stand with each frame
(DICOM PS3.3, C.7.6.16 and C.7.6.17).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from acquisition.simulate.dicomfile import (
    ENHANCED_MR_IMAGE,
    add_pixels,
    clock,
    cosines_of,
    date_time,
    decimal,
    new_file,
    save,
    spacing_of,
)
from acquisition.simulate.series import Series, as_stored

__all__ = ["philips_enhanced_bytes", "xa_bytes"]

PHILIPS_GAIN = 2
"""Philips files store this many times the value, with a rescale slope to match."""


def xa_bytes(data: npt.NDArray[np.int16], series: Series, index: int) -> bytes:
    """Write one volume as Siemens software XA exports it; see `mosaic.mosaic_bytes`."""
    stack, lps = as_stored(data, series.affine)
    dataset = _new(series, index, ["ORIGINAL", "PRIMARY", "FMRI", "NONE"])
    dataset.Manufacturer = "Siemens Healthineers"
    dataset.ManufacturerModelName = "Synthetic"
    dataset.SoftwareVersions = "syngo MR XA30"
    dataset.AcquisitionNumber = index + 1
    dataset.NumberOfTemporalPositions = series.n_volumes
    dataset.SharedFunctionalGroupsSequence = Sequence([_shared(series)])
    frames = []
    for k in range(stack.shape[2]):
        frame = _frame(series, index, k, [1, k + 1, index + 1])
        frame.PlanePositionSequence = _position(lps, k)
        frame.PlaneOrientationSequence = _orientation(lps)
        frame.PixelMeasuresSequence = _measures(lps)
        frame.PixelValueTransformationSequence = _rescale(1.0)
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    add_pixels(dataset, stack.transpose(2, 1, 0), stored_bits=12)
    return save(dataset)


def philips_enhanced_bytes(data: npt.NDArray[np.int16], series: Series, index: int) -> bytes:
    """Write one dynamic of a Philips enhanced series; see `xa_bytes`.

    Pixel measures and orientation are shared; values have a rescale slope other than 1, as Philips
    files do.
    """
    stack, lps = as_stored(data, series.affine)
    dataset = _new(series, index, ["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"])
    dataset.Manufacturer = "Philips Medical Systems"
    dataset.ManufacturerModelName = "Synthetic"
    dataset.SoftwareVersions = "5.1.7"
    dataset.AcquisitionNumber = 1
    shared = _shared(series)
    shared.PixelMeasuresSequence = _measures(lps)
    shared.PlaneOrientationSequence = _orientation(lps)
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for k in range(stack.shape[2]):
        frame = _frame(series, index, k, [1, k + 1, index + 1])
        frame.PlanePositionSequence = _position(lps, k)
        frame.PixelValueTransformationSequence = _rescale(1.0 / PHILIPS_GAIN)
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    add_pixels(dataset, PHILIPS_GAIN * stack.transpose(2, 1, 0), stored_bits=15)
    return save(dataset)


def _new(series: Series, index: int, image_type: list[str]) -> Dataset:
    start_s = index * series.tr_s
    dataset = new_file(series, index + 1, ENHANCED_MR_IMAGE, start_s, start_s + series.tr_s)
    dataset.ImageType = image_type
    dataset.InstanceCreationTime = clock(start_s + series.tr_s)
    dataset.AcquisitionDateTime = date_time(start_s)
    dataset.MRAcquisitionType = "2D"
    dataset.EchoPlanarPulseSequence = "YES"
    dataset.VolumetricProperties = "VOLUME"
    dataset.PixelPresentation = "MONOCHROME"
    dataset.ComplexImageComponent = "MAGNITUDE"
    dataset.AcquisitionContrast = "T2_STAR"
    organisation = Dataset()
    organisation.DimensionOrganizationUID = series.instance_uid(0)
    dataset.DimensionOrganizationSequence = Sequence([organisation])
    names = ("StackID", "InStackPositionNumber", "TemporalPositionIndex")
    dataset.DimensionIndexSequence = Sequence([_dimension(series, name) for name in names])
    return dataset


def _dimension(series: Series, name: str) -> Dataset:
    item = Dataset()
    item.DimensionOrganizationUID = series.instance_uid(0)
    item.DimensionIndexPointer = _tag(name)
    item.FunctionalGroupPointer = _tag("FrameContentSequence")
    return item


def _tag(name: str) -> BaseTag:
    return Tag(name)


def _shared(series: Series) -> Dataset:
    shared, timing, echo = Dataset(), Dataset(), Dataset()
    timing.RepetitionTime = decimal(1000 * series.tr_s)
    timing.FlipAngle = "60"
    timing.EchoTrainLength = "1"
    shared.MRTimingAndRelatedParametersSequence = Sequence([timing])
    echo.EffectiveEchoTime = 30.0
    shared.MREchoSequence = Sequence([echo])
    return shared


def _frame(series: Series, index: int, k: int, place: list[int]) -> Dataset:
    content = Dataset()
    content.FrameAcquisitionDateTime = date_time(series.slice_time_s(index, k))
    content.FrameReferenceDateTime = content.FrameAcquisitionDateTime
    content.FrameAcquisitionDuration = 1000 * series.tr_s
    content.StackID = "1"
    content.InStackPositionNumber = k + 1
    content.TemporalPositionIndex = index + 1
    content.FrameAcquisitionNumber = 1
    content.DimensionIndexValues = place
    frame = Dataset()
    frame.FrameContentSequence = Sequence([content])
    return frame


def _position(lps: npt.NDArray[np.float64], k: int) -> Sequence:
    item = Dataset()
    item.ImagePositionPatient = [decimal(v) for v in lps[:3, 3] + k * lps[:3, 2]]
    return Sequence([item])


def _orientation(lps: npt.NDArray[np.float64]) -> Sequence:
    item = Dataset()
    item.ImageOrientationPatient = cosines_of(lps)
    return Sequence([item])


def _measures(lps: npt.NDArray[np.float64]) -> Sequence:
    item = Dataset()
    item.PixelSpacing, item.SliceThickness = spacing_of(lps)
    item.SpacingBetweenSlices = item.SliceThickness
    return Sequence([item])


def _rescale(slope: float) -> Sequence:
    item = Dataset()
    item.RescaleIntercept, item.RescaleSlope = "0", decimal(slope)
    item.RescaleType = "US"
    return Sequence([item])
