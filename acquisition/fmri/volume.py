"""One fMRI volume and its place in space and time, without anything about the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, check_all, problem

__all__ = ["Volume", "to_ras", "usable_affine"]

FloatVolume = npt.NDArray[np.float32]
Affine = npt.NDArray[np.float64]

_FARTHEST_MM, _FLATTEST = 1e6, 1e-6


@dataclass(frozen=True)
class Volume:
    """One volume, with its axes in the order nearest to right, anterior, superior.

    Attributes
    ----------
    data : array of float32 (X, Y, Z)
        Image intensity in scanner units.
    affine : array of float64 (4, 4)
        Voxel index to scanner coordinates (RAS+), in millimetres.
    index : int
        Number of the volume in its series, from 0.
    tr_s : float
        Repetition time in seconds; 0 when the file does not say.
    series_hash : str
        Keyed hash of the series identifier; "" when the file has none.
    slice_times_s : tuple of float or None
        Acquisition time of each slice after the volume's start, in seconds.
    slice_axis : int
        Axis of `data` along which slices were acquired.
    arrived_s : float or None
        When its last file was complete on this machine, on the LSL clock in seconds; None in a
        replay.
    header_s : float or None
        Acquisition time by the scanner's own clock, in seconds since the first volume that was
        read. Scanner clocks drift: kept for the record, never used for latency.
    """

    data: FloatVolume = field(repr=False)
    affine: Affine = field(repr=False)
    index: int
    tr_s: float = 0.0
    series_hash: str = ""
    slice_times_s: tuple[float, ...] | None = None
    slice_axis: int = 2
    arrived_s: float | None = None
    header_s: float | None = None

    def __post_init__(self) -> None:
        found = []
        if self.data.ndim != 3 or self.data.dtype != np.float32:
            got = f"{self.data.shape} {self.data.dtype}"
            found.append(problem("data", got, "3-D float32", "Convert it."))
        if self.affine.shape != (4, 4) or not np.isfinite(self.affine).all():
            got = str(self.affine.tolist())
            found.append(problem("affine", got, "finite 4 x 4", "Give the image's own."))
        if self.index < 0:
            found.append(problem("index", self.index, "0 or more", "Count from 0."))
        check_all(found, InputError, "volume")

    @property
    def voxel_mm(self) -> tuple[float, float, float]:
        """Length of the three voxel edges in millimetres."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)


def usable_affine(affine: npt.NDArray[np.floating]) -> bool:
    """Tell whether an affine can place voxels: finite, of bodily size, with three true axes."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        return False
    if np.abs(affine).max() > _FARTHEST_MM or not np.array_equal(affine[3], (0, 0, 0, 1)):
        return False
    lengths_mm = np.linalg.norm(affine[:3, :3], axis=0)
    if lengths_mm.min() < _FLATTEST:
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / lengths_mm)) > _FLATTEST)


def to_ras(
    data: npt.NDArray[np.generic],
    affine: Affine,
    slice_axis: int = 2,
    slice_times_s: Sequence[float] | None = None,
) -> tuple[FloatVolume, Affine, int, tuple[float, ...] | None]:
    """Flip and swap whole axes until they run right, anterior, superior as nearly as possible.

    No value is interpolated. The affine keeps every voxel where it is in the scanner.

    Parameters
    ----------
    data : array (I, J, K)
        Image.
    affine : array (4, 4)
        Voxel index to RAS millimetres.
    slice_axis : int
        Axis of `data` that counts slices.
    slice_times_s : sequence of float, optional
        Times of the slices along that axis, in seconds.

    Returns
    -------
    data : array of float32 (X, Y, Z)
        C-contiguous.
    affine : array (4, 4)
        Of the new voxel order.
    slice_axis : int
        Axis that counts slices now.
    slice_times_s : tuple of float or None
        In the new slice order.

    Raises
    ------
    InputError
        If the image has other than three dimensions, or the affine cannot place voxels.
    """
    found = []
    if data.ndim != 3:
        found.append(problem("image", f"{data.ndim} dimensions", "3", "Give one volume."))
    if not usable_affine(affine):
        found.append(
            problem("affine", "one that places no voxel", "finite, with three true axes",
                    "Check the export.")
        )  # fmt: skip
    check_all(found, InputError, "volume")
    # imported here: nibabel takes a third of a second, and what comes over LSL is turned already
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    moves = io_orientation(affine)  # type: ignore[no-untyped-call]
    turned = apply_orientation(data, moves)  # type: ignore[no-untyped-call]
    new_affine = affine @ inv_ornt_aff(moves, data.shape)  # type: ignore[no-untyped-call]
    times = None
    if slice_times_s is not None:
        step = int(moves[slice_axis, 1])
        times = tuple(float(t) for t in list(slice_times_s)[::step])
    return (
        np.ascontiguousarray(turned, dtype=np.float32),
        new_affine,
        int(moves[slice_axis, 0]),
        times,
    )
