"""From DICOM's way of placing slices (LPS, row and column cosines) to an affine in RAS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

__all__ = ["Parsed", "pixels", "stack_affine"]

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Parsed:
    """What a parser takes from one file.

    Attributes
    ----------
    data : array (columns, rows, slices)
        Pixels in the file's own order, with the rescale applied.
    affine : array (4, 4)
        Voxel index to RAS millimetres.
    tr_s : float
        Repetition time in seconds.
    slice_times_s : tuple of float or None
        Time of each slice, in seconds.
    """

    data: npt.NDArray[np.generic]
    affine: npt.NDArray[np.float64]
    tr_s: float
    slice_times_s: tuple[float, ...] | None


def stack_affine(
    orientation: Sequence[float],
    spacing_mm: Sequence[float],
    first_centre_mm: npt.NDArray[np.float64],
    slice_step_mm: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Affine of a stack of parallel slices (DICOM PS3.3, C.7.6.2.1.1, equation C.7.6.2.1-1).

    Parameters
    ----------
    orientation : sequence of 6 float
        Direction cosines of a row, then of a column (LPS).
    spacing_mm : sequence of 2 float
        Distance between rows, then between columns.
    first_centre_mm : array (3,)
        Centre of the first voxel of the first slice (LPS).
    slice_step_mm : array (3,)
        From one slice to the next (LPS).

    Returns
    -------
    array (4, 4)
        (column, row, slice) index to RAS millimetres.
    """
    cosines = np.asarray(orientation, np.float64)
    affine = np.eye(4)
    affine[:3, 0] = cosines[:3] * float(spacing_mm[1])
    affine[:3, 1] = cosines[3:] * float(spacing_mm[0])
    affine[:3, 2] = slice_step_mm
    affine[:3, 3] = first_centre_mm
    return _LPS_TO_RAS @ affine


def pixels(dataset: Dataset, n_frames: int) -> npt.NDArray[np.generic]:
    """Pixels as stored, 16 bit, (frames, rows, columns)."""
    kind = "<i2" if dataset.PixelRepresentation == 1 else "<u2"
    shape = (n_frames, int(dataset.Rows), int(dataset.Columns))
    return np.frombuffer(dataset.PixelData, kind, count=int(np.prod(shape))).reshape(shape)
