"""A long NIfTI file, read volume by volume: never more than one volume is in memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from acquisition.errors import ForeignFileError
from acquisition.fmri.volume import Volume, to_ras
from acquisition.sources.sidecar import Sidecar
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["NiftiSeries", "header_tr_s", "open_series"]

_SECONDS_PER_UNIT = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}


@dataclass(frozen=True)
class NiftiSeries:
    """A 3-D or 4-D file whose header has been read.

    Attributes
    ----------
    path : Path
        The file.
    stored_shape : tuple of int
        Voxels (I, J, K) as stored.
    affine : array (4, 4)
        Stored voxel index to RAS millimetres.
    n_volumes : int
        Length of the fourth dimension.
    tr_s : float
        Repetition time in seconds; 0 where nothing tells.
    slice_times_s : tuple of float or None
        Time of each slice along the third stored axis, in seconds.
    """

    path: Path
    stored_shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64] = field(repr=False)
    n_volumes: int
    tr_s: float
    slice_times_s: tuple[float, ...] | None = field(repr=False)
    _pixel: np.dtype[np.generic]
    _offset: int
    _scale: tuple[float, float] | None

    def volumes(self) -> Iterator[Volume]:
        """Yield the volumes in order.

        Raises
        ------
        TruncatedError
            Where the file ends too early; the volumes before are good.
        """
        count = int(np.prod(self.stored_shape))
        with _open(self.path) as file:
            _skip(file, self._offset, self.path.name)
            for index in range(self.n_volumes):
                raw = _exactly(file, count * self._pixel.itemsize, self.path.name)
                yield self._volume(np.frombuffer(raw, self._pixel), index)

    def _volume(self, flat: npt.NDArray[np.generic], index: int) -> Volume:
        image = flat.reshape(self.stored_shape, order="F")
        if self._scale is not None:
            image = image.astype(np.float64) * self._scale[0] + self._scale[1]
        data, affine, axis, times = to_ras(image, self.affine, slice_times_s=self.slice_times_s)
        return Volume(data, affine, index, self.tr_s, slice_times_s=times, slice_axis=axis)


def open_series(
    path: Path, tr_s: float | None = None, sidecar: Sidecar | None = None
) -> NiftiSeries:
    """Read the header of a ``.nii`` or ``.nii.gz`` file.

    Parameters
    ----------
    path : Path
        The file.
    tr_s : float, optional
        Repetition time in seconds that outdoes sidecar and header.
    sidecar : Sidecar, optional
        Timing from the JSON file.

    Raises
    ------
    InputError
        If the file is not NIfTI, ends early, or has other than 3 or 4 dimensions.
    """
    header = _header(path)
    stored = tuple(int(n) for n in header.get_data_shape())
    stored = stored[:4] if all(n == 1 for n in stored[4:]) else stored
    if len(stored) not in (3, 4):
        raise ForeignFileError(
            problem(path.name, f"{len(stored)} dimensions", "3 or 4", "Split the file.")
        )
    slope, intercept = header.get_slope_inter()
    sidecar = sidecar or Sidecar()
    pixel = header.get_data_dtype()
    if pixel.kind not in "iuf":
        raise ForeignFileError(problem(path.name, str(pixel), "real numbers", "Convert it."))
    scaled = slope is not None and (slope, intercept or 0.0) != (1.0, 0.0)
    return NiftiSeries(
        path=path,
        stored_shape=(stored[0], stored[1], stored[2]),
        affine=np.asarray(header.get_best_affine(), np.float64),
        n_volumes=stored[3] if len(stored) == 4 else 1,
        tr_s=tr_s or sidecar.tr_s or header_tr_s(header),
        slice_times_s=sidecar.along_k(stored[2]),
        _pixel=pixel,
        _offset=int(header.get_data_offset()),
        _scale=(float(slope), float(intercept or 0.0)) if scaled else None,
    )


def header_tr_s(header: Any) -> float:
    """Return the repetition time of a header with four dimensions, in seconds; 0 for others."""
    zooms, unit = header.get_zooms(), header.get_xyzt_units()[1]
    return float(zooms[3]) * _SECONDS_PER_UNIT.get(unit, 1.0) if len(zooms) > 3 else 0.0


def _header(path: Path) -> Any:  # nibabel's headers are not typed
    """Read a header of NIfTI-1 or NIfTI-2."""
    try:
        with _open(path) as file:
            size = int.from_bytes(file.read(4), "little")
            file.seek(0)
            kind = nib.Nifti2Header if size in (540, 0x1C020000) else nib.Nifti1Header
            return kind.from_fileobj(file)  # type: ignore[no-untyped-call]
    except (zlib.error, EOFError, WrapStructError, ValueError) as error:
        raise _truncated(path.name, str(error)) from error
    except (ImageFileError, HeaderDataError) as error:
        raise ForeignFileError(
            problem(path.name, str(error), "a NIfTI file", "Convert it to NIfTI.")
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _open(path: Path) -> IO[bytes]:
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise ForeignFileError(
            problem(path.name, "another ending", ".nii or .nii.gz", "Keep other files out.")
        )
    try:
        if path.name.lower().endswith(".gz"):
            return cast(IO[bytes], gzip.open(path, "rb"))
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> InputError:
    if isinstance(error, gzip.BadGzipFile):
        return ForeignFileError(
            problem(path.name, str(error), "a compressed NIfTI file", "Compress it with gzip.")
        )
    return InputError(problem(path.name, error.strerror, "a readable file", "Check the path."))


def _skip(file: IO[bytes], count: int, shown: str) -> None:
    while count:
        count -= len(_exactly(file, min(count, 2**16), shown))


def _exactly(file: IO[bytes], count: int, shown: str) -> bytes:
    try:
        raw = file.read(count)
    except (zlib.error, EOFError, OSError) as error:
        raise _truncated(shown, str(error)) from error
    if len(raw) < count:
        raise _truncated(shown, "the end too early")
    return raw


def _truncated(shown: str, got: str) -> TruncatedError:
    return TruncatedError(problem(shown, got, "a whole NIfTI file", "Copy it again."))
