"""Siemens DICOM to `Volume`: mosaics (up to software E11) and enhanced files (XA).

Only the named elements are decoded; whatever else a file says about the person is never looked at.
What stays with a `Volume` is geometry, timing, pixel data, the instance number, and a keyed hash of
the series identifier.
"""

from __future__ import annotations

import struct
import warnings
from io import BytesIO

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from acquisition.errors import ForeignFileError, MatrixError, OtherSeriesError
from acquisition.fmri.volume import Volume, to_ras
from acquisition.sources.assemble import Pending
from acquisition.sources.enhanced import EnhancedParser
from acquisition.sources.geometry import Parsed
from acquisition.sources.identity import keyed_hash, public_name
from acquisition.sources.mosaic import MosaicParser
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["DicomReader"]

_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
_ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.1"
_PLAIN_SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
_SHORTEST_DICOM = 132
_DAMAGE = (
    AttributeError,
    BytesLengthException,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom raises on damaged files."""
_TAGS = [
    "ImageType",
    "SOPClassUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
    "RepetitionTime",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "BitsAllocated",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "PixelData",
]
_WANTED = [Tag(name) for name in _TAGS] + [Tag(0x0029, 0x0010), Tag(0x0029, 0x1010)]


class DicomReader:
    """Reads the files of one series, one volume per file.

    The first image read fixes the series and the matrix size, unless they are given; images of
    another series or size are refused.

    Parameters
    ----------
    key : bytes
        Random key of the run, see `acquisition.sources.identity`.
    series_number : int, optional
        Number of the series to accept.
    shape : tuple of int, optional
        Matrix size (X, Y, Z) to accept, in the order of `Volume.data`.
    """

    def __init__(
        self,
        key: bytes,
        series_number: int | None = None,
        shape: tuple[int, int, int] | None = None,
    ) -> None:
        self._key = key
        self._series_number = series_number
        self._shape = shape
        self._series_hash: str | None = None
        self._mosaic = MosaicParser()
        self._enhanced = EnhancedParser()

    def read(self, raw: bytes, name: str) -> list[Volume]:
        """Read one file.

        Parameters
        ----------
        raw : bytes
            The whole file.
        name : str
            Its name, for messages.

        Returns
        -------
        list of Volume
            One volume; ``index`` is the instance number less one.

        Raises
        ------
        TruncatedError
            If the file ends early.
        ForeignFileError
            If it is not DICOM, or no Siemens MR image of a known layout.
        OtherSeriesError, MatrixError
            If it belongs to another series, or has another size than the series.
        InputError
            If elements that are needed are missing or cannot be.
        """
        shown = public_name(name, self._key)
        dataset = _parse(raw, shown)
        series_hash = self._series_of(dataset, shown)
        parser = self._mosaic if "MOSAIC" in dataset.get("ImageType", ()) else self._enhanced
        if parser is self._enhanced and dataset.SOPClassUID != _ENHANCED_MR_IMAGE:
            kind = "/".join(dataset.get("ImageType", ()))
            raise ForeignFileError(
                problem(
                    shown, kind, "a mosaic or an enhanced MR file", "Export it as one of these."
                )
            )
        try:
            index = int(dataset.InstanceNumber) - 1
            parsed = parser.parse(dataset)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            # pydicom reports a missing or empty element in one of these ways
            raise InputError(
                problem(shown, str(error), "all elements of an MR image", "Export it again.")
            ) from error
        volume = _to_volume(parsed, index, series_hash)
        self._check_shape(volume, shown)
        self._series_hash, self._shape = series_hash, _shape_of(volume.data)
        return [volume]

    def pending(self) -> list[Pending]:
        """Return the volumes that are incomplete, for the messages at the end."""
        return []

    def _series_of(self, dataset: Dataset, shown: str) -> str:
        series_hash = keyed_hash(self._key, str(dataset.SeriesInstanceUID))
        number = dataset.get("SeriesNumber")
        if self._series_number is not None and number != self._series_number:
            raise OtherSeriesError(
                problem(shown, f"series {number}", f"series {self._series_number}",
                        "Stop the other export or give its number.")
            )  # fmt: skip
        if self._series_hash is not None and series_hash != self._series_hash:
            raise OtherSeriesError(
                problem(shown, f"series {series_hash}", f"series {self._series_hash}",
                        "Start a new run for a new series.")
            )  # fmt: skip
        return series_hash

    def _check_shape(self, volume: Volume, shown: str) -> None:
        if self._shape is not None and volume.data.shape != self._shape:
            raise MatrixError(
                problem(shown, f"matrix {volume.data.shape}", f"matrix {self._shape}",
                        "Scan with the protocol that the session names.")
            )  # fmt: skip


def _parse(raw: bytes, shown: str) -> Dataset:
    try:
        # half a value at the end of a cut file is found below; a warning would show it
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            dataset = dcmread(BytesIO(raw), specific_tags=_WANTED)
            found = {element.keyword for element in dataset}
            syntax = dataset.file_meta.get("TransferSyntaxUID")
    except InvalidDicomError as error:
        if len(raw) < _SHORTEST_DICOM:
            raise _truncated(shown, len(raw)) from error
        raise ForeignFileError(
            problem(shown, "no DICM mark", "a DICOM file", "Keep other files out of the folder.")
        ) from error
    except _DAMAGE as error:
        raise InputError(
            problem(shown, f"damaged: {error}", "a readable DICOM file", "Copy the file again.")
        ) from error
    if syntax is None or not {"SOPClassUID", "SeriesInstanceUID"} <= found:
        raise _truncated(shown, len(raw))
    if dataset.SOPClassUID not in (_MR_IMAGE, _ENHANCED_MR_IMAGE):
        raise ForeignFileError(
            problem(shown, dataset.SOPClassUID.name, "MR images", "Keep other files out.")
        )
    if "PixelData" not in found:
        raise _truncated(shown, len(raw))
    if syntax not in _PLAIN_SYNTAXES:
        raise ForeignFileError(
            problem(shown, syntax.name, "uncompressed little-endian", "Switch compression off.")
        )
    _check_pixel_bytes(dataset, raw, shown)
    return dataset


def _check_pixel_bytes(dataset: Dataset, raw: bytes, shown: str) -> None:
    frames = int(dataset.get("NumberOfFrames") or 1)
    expected = 2 * frames * int(dataset.get("Rows", 0)) * int(dataset.get("Columns", 0))
    if dataset.get("BitsAllocated") != 16 or expected == 0:
        raise ForeignFileError(
            problem(shown, f"{dataset.get('BitsAllocated')} bits", "16-bit pixels", "Export again.")
        )
    if len(dataset.PixelData) < expected:
        raise _truncated(shown, len(raw))


def _truncated(shown: str, n_bytes: int) -> TruncatedError:
    return TruncatedError(
        problem(shown, f"{n_bytes} bytes", "the whole file", "Wait for it, or copy it again.")
    )


def _to_volume(parsed: Parsed, index: int, series_hash: str) -> Volume:
    data, affine, slice_axis, times = to_ras(
        parsed.data, parsed.affine, slice_axis=2, slice_times_s=parsed.slice_times_s
    )
    return Volume(
        data=data,
        affine=affine,
        index=index,
        tr_s=parsed.tr_s,
        series_hash=series_hash,
        slice_times_s=times,
        slice_axis=slice_axis,
    )


def _shape_of(data: npt.NDArray[np.float32]) -> tuple[int, int, int]:
    x, y, z = data.shape
    return x, y, z
