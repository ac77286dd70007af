"""The parts of a DICOM file that every vendor writes alike."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from acquisition.simulate.series import NOBODY, Series

__all__ = [
    "ENHANCED_MR_IMAGE",
    "MR_IMAGE",
    "add_pixels",
    "clock",
    "cosines_of",
    "date_time",
    "decimal",
    "new_file",
    "save",
    "spacing_of",
]

MR_IMAGE = UID("1.2.840.10008.5.1.4.1.1.4")
ENHANCED_MR_IMAGE = UID("1.2.840.10008.5.1.4.1.1.4.1")
_DATE = "20000101"


def new_file(series: Series, number: int, sop_class: UID, start_s: float, end_s: float) -> Dataset:
    """Begin a file: identifiers, invented person, date and times.

    Parameters
    ----------
    series : Series
        Its series.
    number : int
        Instance number, from 1.
    sop_class : UID
        Kind of file.
    start_s, end_s : float
        Seconds from the start of the series to the start and end of the measurement.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(series.instance_uid(number))
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = UID(series.instance_uid(number))
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = _DATE
    dataset.ContentDate = _DATE
    dataset.StudyTime = dataset.SeriesTime = clock(0.0)
    dataset.AcquisitionTime, dataset.ContentTime = clock(start_s), clock(end_s)
    dataset.Modality = "MR"
    dataset.PatientName = dataset.PatientID = NOBODY
    dataset.PatientBirthDate = _DATE
    dataset.PatientSex = "O"
    dataset.InstitutionName = dataset.StationName = NOBODY
    dataset.MagneticFieldStrength = "3"
    dataset.PatientPosition = "HFS"
    dataset.StudyInstanceUID = series.study_uid
    dataset.SeriesInstanceUID = series.series_uid
    dataset.FrameOfReferenceUID = series.instance_uid(0)
    dataset.SeriesNumber = series.series_number
    dataset.InstanceNumber = number
    return dataset


def add_pixels(dataset: Dataset, pixels: npt.NDArray[np.integer], stored_bits: int) -> None:
    """Add pixels (rows, columns) or (frames, rows, columns); 16 stored bits are signed."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[-2], pixels.shape[-1]
    if pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    dataset.BitsAllocated = 16
    dataset.BitsStored, dataset.HighBit = stored_bits, stored_bits - 1
    dataset.PixelRepresentation = int(stored_bits == 16)
    dataset.PixelData = pixels.astype("<i2" if stored_bits == 16 else "<u2").tobytes()


def save(dataset: Dataset) -> bytes:
    """Return the file's bytes."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def cosines_of(lps: npt.NDArray[np.float64]) -> list[str]:
    """Direction cosines of a row, then of a column, as decimal strings."""
    unit = lps[:3, :2] / np.linalg.norm(lps[:3, :2], axis=0)
    return [decimal(v) for v in unit.T.ravel()]


def spacing_of(lps: npt.NDArray[np.float64]) -> tuple[list[str], str]:
    """Distance between rows and between columns, and between slices, in millimetres."""
    size = np.linalg.norm(lps[:3, :3], axis=0)
    return [decimal(size[1]), decimal(size[0])], decimal(size[2])


def decimal(value: float) -> str:
    """DICOM decimal string: 16 characters at most."""
    return f"{value:.9g}"


def clock(after_noon_s: float) -> str:
    """Time of day of a moment that many seconds after noon."""
    hours, rest = divmod(round(after_noon_s, 6), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{12 + int(hours):02d}{int(minutes):02d}{seconds:09.6f}"


def date_time(after_noon_s: float) -> str:
    """Date and time of a moment that many seconds after noon."""
    return _DATE + clock(after_noon_s)
