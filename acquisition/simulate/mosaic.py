"""Writes volumes as Siemens mosaic DICOM, the way a scanner of software E11 exports them.

All names, dates and identifiers are made up; identifiers lie under 2.25, the branch for numbers
that nobody has to register.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from uuid import UUID

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from acquisition.sources.csa import build_csa
from phosphene.errors import ConfigError, check_all, problem

__all__ = ["MosaicSeries", "file_name", "make_series", "mosaic_bytes", "tile"]

_MR_IMAGE = UID("1.2.840.10008.5.1.4.1.1.4")
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_DATE = "20000101"


@dataclass(frozen=True)
class MosaicSeries:
    """What all files of a series share.

    Attributes
    ----------
    study_uid, series_uid : str
        Identifiers; instances are numbered from the series'.
    series_number : int
        Number of the series.
    tr_s : float
        Repetition time in seconds.
    slice_times_s : tuple of float
        Time of each slice along the third axis, in seconds.
    affine : array (4, 4)
        Voxel index of the data to RAS millimetres; axes nearest to right, anterior, superior.
    """

    study_uid: str
    series_uid: str
    series_number: int
    tr_s: float
    slice_times_s: tuple[float, ...]
    affine: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        found = []
        if not self.tr_s > 0:
            found.append(problem("tr_s", self.tr_s, "above 0 seconds", "Correct it."))
        axes = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-4):
            found.append(problem("affine", "sheared", "right angles", "DICOM has no shear."))
        check_all(found, ConfigError, "mosaic series")


def make_series(
    seed: int,
    affine: npt.NDArray[np.float64],
    tr_s: float,
    slice_times_s: npt.ArrayLike,
    series_number: int = 7,
) -> MosaicSeries:
    """Invent the identifiers of a series from a seed."""
    rng = np.random.default_rng([seed, series_number])
    study, series = (f"2.25.{UUID(bytes=rng.bytes(16), version=4).int}" for _ in range(2))
    times = tuple(float(t) for t in np.asarray(slice_times_s).ravel())
    return MosaicSeries(study, series, series_number, tr_s, times, affine)


def file_name(series_number: int, index: int) -> str:
    """Name that the scanner gives to a volume's file."""
    return f"001_{series_number:06d}_{index + 1:06d}.dcm"


def tile(stack: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Lay the slices of a stack (columns, rows, slices) out as one picture (rows, columns)."""
    columns, rows, n_slices = stack.shape
    side = math.ceil(math.sqrt(n_slices))
    full = np.zeros((columns, rows, side * side), stack.dtype)
    full[:, :, :n_slices] = stack
    tiles = full.reshape(columns, rows, side, side).transpose(2, 1, 3, 0)
    return tiles.reshape(side * rows, side * columns)


def mosaic_bytes(data: npt.NDArray[np.int16], series: MosaicSeries, index: int) -> bytes:
    """Write one volume.

    Parameters
    ----------
    data : array of int16 (X, Y, Z)
        Intensities of 0 or more.
    series : MosaicSeries
        Identifiers, timing and place.
    index : int
        Number of the volume, from 0.

    Returns
    -------
    bytes
        A DICOM file.
    """
    # stored pictures run from right to left and from front to back
    stack = data[::-1, ::-1, :]
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    flip[:2, 3] = np.asarray(data.shape[:2]) - 1
    lps = _RAS_TO_LPS @ series.affine @ flip
    picture = tile(stack)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = _MR_IMAGE
    dataset.file_meta.MediaStorageSOPInstanceUID = _instance_uid(series, index)
    _describe(dataset, series, index)
    _place(dataset, lps, picture.shape, data.shape)
    _add_pixels(dataset, picture)
    _add_csa(dataset, series, lps, data.shape)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _instance_uid(series: MosaicSeries, index: int) -> UID:
    return UID(f"2.25.{int(series.series_uid.removeprefix('2.25.')) + index + 1}")


def _describe(dataset: Dataset, series: MosaicSeries, index: int) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "NORM", "MOSAIC"]
    dataset.SOPClassUID = _MR_IMAGE
    dataset.SOPInstanceUID = _instance_uid(series, index)
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = _DATE
    dataset.ContentDate = _DATE
    dataset.StudyTime = dataset.SeriesTime = "120000.000000"
    dataset.AcquisitionTime = _clock(index * series.tr_s)
    dataset.ContentTime = _clock((index + 1) * series.tr_s)
    dataset.Modality = "MR"
    dataset.Manufacturer = "SIEMENS"
    dataset.ManufacturerModelName = "Synthetic"
    dataset.PatientName = "Pilot^Synthetic"
    dataset.PatientID = "PILOT"
    dataset.PatientBirthDate = _DATE
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = series.study_uid
    dataset.SeriesInstanceUID = series.series_uid
    dataset.SeriesNumber = series.series_number
    dataset.AcquisitionNumber = index + 1
    dataset.InstanceNumber = index + 1
    dataset.ScanningSequence = "EP"
    dataset.MRAcquisitionType = "2D"
    dataset.RepetitionTime = _decimal(1000 * series.tr_s)
    dataset.EchoTime = "30"


def _place(
    dataset: Dataset,
    lps: npt.NDArray[np.float64],
    mosaic_shape: tuple[int, ...],
    shape: tuple[int, ...],
) -> None:
    size = np.linalg.norm(lps[:3, :3], axis=0)
    cosines = lps[:3, :3] / size
    # the position given is the corner of a slice as large as the mosaic, with the same middle
    corner = (
        lps[:3, 3]
        - lps[:3, 0] * (mosaic_shape[1] - shape[0]) / 2
        - lps[:3, 1] * (mosaic_shape[0] - shape[1]) / 2
    )
    dataset.ImagePositionPatient = [_decimal(v) for v in corner]
    dataset.ImageOrientationPatient = [_decimal(v) for v in cosines[:, :2].T.ravel()]
    dataset.PixelSpacing = [_decimal(size[1]), _decimal(size[0])]
    dataset.SliceThickness = dataset.SpacingBetweenSlices = _decimal(size[2])
    dataset.AcquisitionMatrix = [shape[1], 0, 0, shape[0]]
    dataset.Rows, dataset.Columns = mosaic_shape[0], mosaic_shape[1]


def _add_pixels(dataset: Dataset, picture: npt.NDArray[np.generic]) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = picture.astype("<u2").tobytes()


def _add_csa(
    dataset: Dataset, series: MosaicSeries, lps: npt.NDArray[np.float64], shape: tuple[int, ...]
) -> None:
    normal = lps[:3, 2] / np.linalg.norm(lps[:3, 2])
    csa = build_csa(
        {
            "AcquisitionMatrixText": ("SH", [f"{shape[1]}*{shape[0]}"]),
            "NumberOfImagesInMosaic": ("US", [str(shape[2])]),
            "SliceNormalVector": ("FD", [f"{v:.10f}" for v in normal]),
            "MosaicRefAcqTimes": ("FD", [f"{1000 * t:.8f}" for t in series.slice_times_s]),
            "RepetitionTime": ("DS", [_decimal(1000 * series.tr_s)]),
        }
    )
    dataset.add_new(0x00290010, "LO", "SIEMENS CSA HEADER")
    dataset.add_new(0x00291008, "CS", "IMAGE NUM 4")
    dataset.add_new(0x00291010, "OB", csa + b"\0" * (len(csa) % 2))


def _decimal(value: float) -> str:
    """DICOM decimal string: 16 characters at most."""
    return f"{value:.9g}"


def _clock(after_noon_s: float) -> str:
    hours, rest = divmod(after_noon_s, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{12 + int(hours):02d}{int(minutes):02d}{seconds:09.6f}"
