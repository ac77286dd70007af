"""NIfTI to `Volume`: a folder of 3-D files, one 4-D file, or a single mask."""

from __future__ import annotations

import re
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, SpatialImage
from nibabel.wrapstruct import WrapStructError

from acquisition.errors import ForeignFileError, MatrixError
from acquisition.fmri.volume import Volume, to_ras
from acquisition.sources.identity import new_key, public_name
from acquisition.sources.name_series import NameSeries
from acquisition.sources.pairs import Pairs
from acquisition.sources.sidecar import Sidecar, parse_sidecar, sidecar_in, stem_of
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["NiftiReader", "read_mask", "read_picture"]

_LAST_NUMBER = re.compile(r"(\d+)\D*$")
_PAIR = (".hdr", ".img")


class NiftiReader:
    """Reads 3-D files, one volume per file; the last number in the name counts them.

    What else the name says tells the series, see `NameSeries`.
    NIfTI (``.nii``, ``.nii.gz``) and pairs of ``.hdr`` and ``.img`` (also Analyze 7.5) are read. A
    JSON file (BIDS sidecar) tells the timing of the volumes that come after it: of the one of the
    same name or, where none has it, of all.

    Parameters
    ----------
    tr_s : float
        Repetition time in seconds, which outdoes sidecars; 0 where it is not known. 3-D files
        seldom say.
    first_number : int
        Number in the name of the first volume.
    shape : tuple of int, optional
        Matrix size to accept; by default that of the first file.
    key : bytes, optional
        Random key of the run, see `acquisition.sources.identity`; by default a new one.
    folder : Path, optional
        Where the files are: a sidecar that lay there before is looked for once.
    """

    def __init__(
        self,
        tr_s: float = 0.0,
        first_number: int = 1,
        shape: tuple[int, ...] | None = None,
        key: bytes | None = None,
        folder: Path | None = None,
    ) -> None:
        self._key = key or new_key()
        self._tr_s = tr_s
        self._first_number = first_number
        self._shape = shape
        self._folder = folder
        self._pairs = Pairs(*_PAIR)
        self._series = NameSeries(self._key)
        self._sidecars: dict[str, Sidecar] = {}
        self._common: Sidecar | None = None

    def read(self, raw: bytes, name: str) -> list[Volume]:
        """Read one file; see `acquisition.sources.dicom.DicomReader.read` for the errors."""
        shown = public_name(name, self._key)
        if name.lower().endswith(".json"):
            told = parse_sidecar(raw, shown=shown)
            if told != Sidecar():  # another program's file tells nothing
                self._common = told
                self._sidecars[stem_of(name)] = told
            return []
        index = self._index(name, shown)
        if not name.lower().endswith(_PAIR):
            return [self._volume(_load(raw, shown), name, shown, index)]
        pair = self._pairs.add(name, raw)
        if pair is None:
            return []
        try:
            volume = self._volume(_load_pair(*pair, shown), name, shown, index)
        except TruncatedError:
            self._pairs.forget(name, _PAIR[1])
            raise
        except InputError:
            self._pairs.forget(name)
            raise
        self._pairs.forget(name)
        return [volume]

    def _index(self, name: str, shown: str) -> int:
        number = _LAST_NUMBER.search(stem_of(name))
        if number is None or int(number[1]) < self._first_number:
            raise InputError(
                problem(shown, "no volume number", f"a number from {self._first_number} in the "
                        "name", "Let the export number its files.")
            )  # fmt: skip
        return int(number[1]) - self._first_number

    def _volume(self, image: SpatialImage, name: str, shown: str, index: int) -> Volume:
        data, affine = _picture(image, shown)
        if data.ndim == 4 and data.shape[3] == 1:
            data = data[..., 0]
        if data.ndim != 3:
            raise ForeignFileError(
                problem(shown, f"{data.ndim} dimensions", "one 3-D file for each volume",
                        "A 4-D file that grows cannot be followed: replay it when it is finished.")
            )  # fmt: skip
        sidecar = self._sidecar(name)
        data, affine, slice_axis, times = to_ras(
            data, affine, slice_times_s=sidecar.along_k(data.shape[2])
        )
        if self._shape is not None and data.shape != self._shape:
            raise MatrixError(
                problem(shown, f"matrix {data.shape}", f"matrix {self._shape}",
                        "Export one series only.")
            )  # fmt: skip
        series = self._series.take(name, stem_of(name), index, shown)
        self._shape = data.shape
        tr_s = self._tr_s or sidecar.tr_s or 0.0
        return Volume(data, affine, index, tr_s, series, times, slice_axis)

    def _sidecar(self, name: str) -> Sidecar:
        if self._common is None:
            folder, self._folder = self._folder, None
            self._common = Sidecar() if folder is None else sidecar_in((folder / name).parent)
        return self._sidecars.get(stem_of(name), self._common)


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
    data, affine = _picture(_load(_bytes_of(path), path.name), path.name)
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


def _load(raw: bytes, shown: str) -> SpatialImage:
    if not shown.lower().endswith((".nii", ".nii.gz")):
        raise ForeignFileError(
            problem(shown, "another ending", ".nii or .nii.gz", "Keep other files out.")
        )
    try:
        plain = zlib.decompress(raw, wbits=31) if shown.lower().endswith(".gz") else raw
        return nib.Nifti1Image.from_stream(BytesIO(plain))
    except (zlib.error, EOFError, OSError, OverflowError, ValueError, WrapStructError) as error:
        # both a short file and a short gzip stream end here; neither can be told from damage
        raise _truncated(shown, len(raw), error) from error
    except (ImageFileError, HeaderDataError) as error:
        raise ForeignFileError(
            problem(shown, str(error), "a NIfTI-1 file", "Convert it to NIfTI-1.")
        ) from error


def _load_pair(header: bytes, pixels: bytes, shown: str) -> SpatialImage:
    parts = {"header": BytesIO(header), "image": BytesIO(pixels)}
    if header[344:347] == b"ni1":
        kind: Any = nib.Nifti1Pair
    else:  # the header tells no orientation: SPM's is taken, columns from right to left
        kind, parts["mat"] = nib.Spm99AnalyzeImage, BytesIO()
    files = kind.make_file_map(parts)
    try:
        made: SpatialImage = kind.from_file_map(files)
    except (OSError, OverflowError, ValueError, WrapStructError) as error:
        raise _truncated(shown, len(header), error) from error
    except (ImageFileError, HeaderDataError) as error:
        raise ForeignFileError(
            problem(shown, str(error), "an Analyze or NIfTI header", "Keep other files out.")
        ) from error
    return made


def _picture(
    image: SpatialImage, shown: str
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.float64]]:
    try:
        data = np.asanyarray(image.dataobj)
    except (OSError, OverflowError, ValueError) as error:
        raise _truncated(shown, 0, error) from error
    return data, np.asarray(image.affine, np.float64)


def _truncated(shown: str, count: int, error: Exception) -> TruncatedError:
    got = f"{count} bytes ({error})" if count else str(error)
    return TruncatedError(
        problem(shown, got, "a whole NIfTI file", "Wait for it, or copy it again.")
    )
