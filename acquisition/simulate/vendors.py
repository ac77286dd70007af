"""Every kind of file that the simulated scanner can write, by vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType

import nibabel as nib
import numpy as np
import numpy.typing as npt

from acquisition.simulate.enhanced import philips_enhanced_bytes, xa_bytes
from acquisition.simulate.mosaic import file_name, mosaic_bytes
from acquisition.simulate.parrec import parrec_files
from acquisition.simulate.series import Series
from acquisition.simulate.slices import ge_files, philips_files

__all__ = ["FOLDER_VENDORS", "LARGEST_VALUE", "Writer"]

Writer = Callable[[npt.NDArray[np.int16], Series, int], list[tuple[str, bytes]]]
"""Turns a volume (X, Y, Z), its series and its number from 0 into names and contents of files."""

LARGEST_VALUE = 4095
"""Largest intensity that every vendor's files can hold."""


def _mosaic(data: npt.NDArray[np.int16], series: Series, index: int) -> list[tuple[str, bytes]]:
    return [(file_name(series.series_number, index), mosaic_bytes(data, series, index))]


def _xa(data: npt.NDArray[np.int16], series: Series, index: int) -> list[tuple[str, bytes]]:
    name = f"{series.series_number:04d}_{index + 1:06d}_{series.instance_uid(index + 1)}.dcm"
    return [(name, xa_bytes(data, series, index))]


def _philips_enhanced(
    data: npt.NDArray[np.int16], series: Series, index: int
) -> list[tuple[str, bytes]]:
    name = f"IM_{series.series_number:04d}_{index + 1:06d}"
    return [(name, philips_enhanced_bytes(data, series, index))]


def _nifti(data: npt.NDArray[np.int16], series: Series, index: int) -> list[tuple[str, bytes]]:
    """One 3-D file; it does not tell the repetition time, as such exports seldom do."""
    image = nib.Nifti1Image(np.asarray(data), series.affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm", "sec")  # type: ignore[no-untyped-call]
    buffer = BytesIO()
    image.to_stream(buffer)
    return [(f"series{series.series_number:04d}_{index + 1:06d}.nii", buffer.getvalue())]


FOLDER_VENDORS: Mapping[str, Writer] = MappingProxyType(
    {
        "siemens-mosaic": _mosaic,
        "siemens-xa": _xa,
        "ge": ge_files,
        "philips": philips_files,
        "philips-enhanced": _philips_enhanced,
        "parrec": parrec_files,
        "nifti": _nifti,
    }
)
"""Vendors that export into a folder."""
