"""What all files of a simulated series share, whatever vendor writes them.

All names, dates and identifiers are made up; identifiers lie under 2.25, the branch for numbers
that nobody has to register.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, check_all, problem

__all__ = ["NOBODY", "Series", "as_stored", "make_series"]

NOBODY = "PHANTOM"
"""What stands wherever a file would name a person."""
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_ALWAYS_ENOUGH = 1000


@dataclass(frozen=True)
class Series:
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
    n_volumes : int
        Volumes that the protocol announces; slice-major vendors number their files by it.
    """

    study_uid: str
    series_uid: str
    series_number: int
    tr_s: float
    slice_times_s: tuple[float, ...]
    affine: npt.NDArray[np.float64]
    n_volumes: int = _ALWAYS_ENOUGH

    def __post_init__(self) -> None:
        found = []
        if not self.tr_s > 0:
            found.append(problem("tr_s", self.tr_s, "above 0 seconds", "Correct it."))
        if self.n_volumes < 1:
            found.append(problem("n_volumes", self.n_volumes, "1 or more", "Correct it."))
        axes = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-3):
            found.append(problem("affine", "sheared", "right angles", "DICOM has no shear."))
        check_all(found, ConfigError, "series")

    def instance_uid(self, number: int) -> str:
        """Return the identifier of a file; numbers count from 1 within the series."""
        return f"2.25.{int(self.series_uid.removeprefix('2.25.')) + number}"

    def slice_time_s(self, index: int, k: int) -> float:
        """Seconds from the start of the series to slice `k` of volume `index`."""
        return index * self.tr_s + (self.slice_times_s[k] if self.slice_times_s else 0.0)


def make_series(
    seed: int,
    affine: npt.NDArray[np.float64],
    tr_s: float,
    slice_times_s: npt.ArrayLike,
    series_number: int = 7,
    n_volumes: int = _ALWAYS_ENOUGH,
) -> Series:
    """Invent the identifiers of a series from a seed."""
    rng = np.random.default_rng([seed, series_number])
    study, series = (f"2.25.{UUID(bytes=rng.bytes(16), version=4).int}" for _ in range(2))
    times = tuple(float(t) for t in np.asarray(slice_times_s).ravel())
    return Series(study, series, series_number, tr_s, times, affine, n_volumes)


def as_stored(
    data: npt.NDArray[np.int16], affine: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float64]]:
    """Turn a volume to the order in which scanners store transverse slices.

    Rows run from right to left, columns from front to back, slices from feet to head.

    Parameters
    ----------
    data : array of int16 (X, Y, Z)
        Axes nearest to right, anterior, superior.
    affine : array (4, 4)
        Voxel index to RAS millimetres.

    Returns
    -------
    stack : array of int16 (columns, rows, slices)
    lps : array (4, 4)
        (column, row, slice) index to millimetres left, posterior, superior.
    """
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    flip[:2, 3] = np.asarray(data.shape[:2]) - 1
    return data[::-1, ::-1, :], _RAS_TO_LPS @ affine @ flip
