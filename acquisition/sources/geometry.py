"""From DICOM's way of placing slices (LPS, row and column cosines) to an affine in RAS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, problem

__all__ = ["Parsed", "even_step", "plausible_times", "stack_affine"]

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_UNEVEN_MM = 0.02
_LEAST_STEP_MM = 0.1


@dataclass(frozen=True)
class Parsed:
    """One volume as a file or several hold it.

    Attributes
    ----------
    data : array (columns, rows, slices)
        Pixels in the file's own order, with the rescale applied.
    affine : array (4, 4)
        Voxel index to RAS millimetres.
    index : int
        Number of the volume, from 0.
    tr_s : float
        Repetition time in seconds.
    slice_times_s : tuple of float or None
        Time of each slice after the earliest, in seconds.
    clock_s : float or None
        Acquisition time by the scanner's clock, in seconds; only differences count.
    """

    data: npt.NDArray[np.generic]
    affine: npt.NDArray[np.float64]
    index: int
    tr_s: float
    slice_times_s: tuple[float, ...] | None = None
    clock_s: float | None = None


def stack_affine(
    orientation: Sequence[float],
    spacing_mm: Sequence[float],
    first_centre_mm: npt.ArrayLike,
    slice_step_mm: npt.ArrayLike,
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

    Raises
    ------
    InputError
        If the voxels would have no volume.
    """
    cosines = np.asarray(orientation, np.float64)
    affine = np.eye(4)
    affine[:3, 0] = cosines[:3] * float(spacing_mm[1])
    affine[:3, 1] = cosines[3:] * float(spacing_mm[0])
    affine[:3, 2] = slice_step_mm
    affine[:3, 3] = first_centre_mm
    if abs(np.linalg.det(affine[:3, :3])) < _LEAST_STEP_MM**3:
        raise InputError(
            problem("voxels", "no volume", "three directions and distances", "Export again.")
        )
    return _LPS_TO_RAS @ affine


def even_step(
    centres_mm: npt.NDArray[np.float64], normal: npt.NDArray[np.float64], thickness_mm: float
) -> npt.NDArray[np.float64]:
    """Return the way from one slice to the next.

    Parameters
    ----------
    centres_mm : array (slices, 3)
        Centre of the first voxel of each slice, in order.
    normal : array (3,)
        Of the slices; used where there is but one.
    thickness_mm : float
        Distance to the next slice where there is but one.

    Raises
    ------
    InputError
        If the slices are not evenly spaced.
    """
    if len(centres_mm) == 1:
        return normal * thickness_mm
    steps = np.diff(centres_mm, axis=0)
    mean: npt.NDArray[np.float64] = (centres_mm[-1] - centres_mm[0]) / (len(centres_mm) - 1)
    if np.abs(steps - mean).max() > _UNEVEN_MM or np.abs(mean @ normal) < _LEAST_STEP_MM:
        raise InputError(
            problem("slices", "uneven positions", "evenly spaced slices of one volume",
                    "Export all slices of a volume, and one volume for each time.")
        )  # fmt: skip
    return mean


def plausible_times(times_s: Sequence[float | None], tr_s: float) -> tuple[float, ...] | None:
    """Count slice times from the earliest; None where they are unknown or cannot be.

    Some scanners write the times of another slice order, or of the whole run, into the first
    volume; what spans more than a repetition time is no time within a volume. Equal times for all
    slices mean that the scanner does not know them.

    Parameters
    ----------
    times_s : sequence of float or None
        Time of each slice in seconds.
    tr_s : float
        Repetition time in seconds.
    """
    known = [t for t in times_s if t is not None]
    if not known or len(known) != len(times_s):
        return None
    first = min(known)
    span = max(known) - first
    if len(known) > 1 and not 0 < span < tr_s:
        return None
    return tuple(round(t - first, 6) for t in known)
