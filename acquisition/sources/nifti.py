"""NIfTI to `Volume`: one 4-D file, a folder of 3-D files, or a single mask."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from acquisition.errors import ForeignFileError, MatrixError
from acquisition.fmri.volume import Volume, to_ras
from acquisition.sources.identity import new_key, public_name
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["NiftiReader", "read_mask", "read_picture", "read_series"]

_SECONDS_PER_UNIT = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


class NiftiReader:
    """Reads 3-D NIfTI files, one volume per file; the last number in the name counts them.

    Parameters
    ----------
    tr_s : float
        Repetition time in seconds; 3-D files seldom say.
    first_number : int
        Number in the name of the first volume.
    shape : tuple of int, optional
        Matrix size to accept; by default that of the first file.
    key : bytes, optional
        Random key of the run, see `acquisition.sources.identity`; by default a new one.
    """

    def __init__(
        self,
        tr_s: float = 0.0,
        first_number: int = 1,
        shape: tuple[int, ...] | None = None,
        key: bytes | None = None,
    ) -> None:
        self._key = key or new_key()
        self._tr_s = tr_s
        self._first_number = first_number
        self._shape = shape

    def read(self, raw: bytes, name: str) -> list[Volume]:
        """Read one file; see `acquisition.sources.dicom.DicomReader.read` for the errors."""
        own = Path(name).name
        shown = public_name(own, self._key)
        number = _LAST_NUMBER.search(own.removesuffix(".gz").removesuffix(".nii"))
        if number is None or int(number[1]) < self._first_number:
            raise InputError(
                problem(shown, "no volume number", f"a number from {self._first_number} in the "
                        "name", "Let the export number its files.")
            )  # fmt: skip
        data, affine, _ = _load(raw, shown)
        if data.ndim == 4 and data.shape[3] == 1:
            data = data[..., 0]
        if data.ndim != 3:
            raise ForeignFileError(
                problem(shown, f"{data.ndim} dimensions", "3-D files", "Use read_series for 4-D.")
            )
        turned, affine, slice_axis, _ = to_ras(data, affine)
        if self._shape is not None and turned.shape != self._shape:
            raise MatrixError(
                problem(shown, f"matrix {turned.shape}", f"matrix {self._shape}",
                        "Export one series only.")
            )  # fmt: skip
        self._shape = turned.shape
        index = int(number[1]) - self._first_number
        return [Volume(turned, affine, index, self._tr_s, slice_axis=slice_axis)]


def read_series(path: str | Path, tr_s: float | None = None) -> Iterator[Volume]:
    """Yield the volumes of a 3-D or 4-D file in order.

    Parameters
    ----------
    path : str or Path
        A ``.nii`` or ``.nii.gz`` file.
    tr_s : float, optional
        Repetition time in seconds, where the header is known to be wrong.

    Yields
    ------
    Volume
        With the index along the fourth dimension.

    Raises
    ------
    InputError
        If the file is not NIfTI, ends early, or has other dimensions.
    """
    path = Path(path)
    data, affine, header_tr_s = _load(_bytes_of(path), path.name)
    if data.ndim not in (3, 4):
        raise ForeignFileError(
            problem(path.name, f"{data.ndim} dimensions", "3 or 4", "Split the file.")
        )
    for index in range(data.shape[3] if data.ndim == 4 else 1):
        one = data[..., index] if data.ndim == 4 else data
        turned, ras, slice_axis, _ = to_ras(one, affine)
        yield Volume(
            turned, ras, index, header_tr_s if tr_s is None else tr_s, slice_axis=slice_axis
        )


def read_mask(path: str | Path) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Read a mask in the voxel order of `Volume`: true where the file is above 0.

    Parameters
    ----------
    path : str or Path
        A 3-D NIfTI file.

    Returns
    -------
    mask : array of bool (X, Y, Z)
    affine : array (4, 4)
    """
    data, affine = read_picture(path)
    return data > 0, affine


def read_picture(path: str | Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Read one 3-D image, axes turned as those of volumes are.

    Parameters
    ----------
    path : str or Path
        A 3-D NIfTI file.

    Returns
    -------
    data : array of float32 (X, Y, Z)
    affine : array (4, 4)
    """
    path = Path(path)
    data, affine, _ = _load(_bytes_of(path), path.name)
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise ForeignFileError(problem(path.name, f"{data.ndim} dimensions", "3", "Split it."))
    turned, ras, _, _ = to_ras(data, affine)
    return turned, ras


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            problem(path.name, error.strerror, "a readable file", "Check the path.")
        ) from error


_Loaded = tuple[npt.NDArray[np.generic], npt.NDArray[np.float64], float]


def _load(raw: bytes, shown: str) -> _Loaded:
    if not shown.endswith((".nii", ".nii.gz")):
        raise ForeignFileError(
            problem(shown, "another ending", ".nii or .nii.gz", "Keep other files out.")
        )
    try:
        plain = zlib.decompress(raw, wbits=31) if shown.endswith(".gz") else raw
        image = nib.Nifti1Image.from_stream(BytesIO(plain))
        data = np.asanyarray(image.dataobj)
    except (zlib.error, EOFError, OSError, ValueError, WrapStructError) as error:
        # both a short file and a short gzip stream end here; neither can be told from damage
        raise TruncatedError(
            problem(shown, f"{len(raw)} bytes ({error})", "a whole NIfTI file",
                    "Wait for it, or copy it again.")
        ) from error  # fmt: skip
    except (ImageFileError, HeaderDataError) as error:
        raise ForeignFileError(
            problem(shown, str(error), "a NIfTI-1 file", "Convert it to NIfTI-1.")
        ) from error
    zooms = image.header.get_zooms()  # type: ignore[no-untyped-call]
    unit = image.header.get_xyzt_units()[1]  # type: ignore[no-untyped-call]
    tr_s = float(zooms[3]) * _SECONDS_PER_UNIT.get(unit, 1.0) if len(zooms) > 3 else 0.0
    return data, np.asarray(image.affine, np.float64), tr_s
