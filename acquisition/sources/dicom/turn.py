"""Turns volumes to right, anterior, superior; remembers how, as long as the geometry stays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from nibabel.orientations import inv_ornt_aff, io_orientation

from acquisition.sources.geometry import Parsed

__all__ = ["Turner"]

_Turned = tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], int, tuple[float, ...] | None]


class Turner:
    """`acquisition.fmri.volume.to_ras` for one series, with all but the pixels worked out once.

    The affine and the matrix are the key: another geometry is worked out anew.
    """

    def __init__(self) -> None:
        self._key: tuple[bytes, tuple[int, ...]] = (b"", ())
        self._axes: tuple[int, ...] = ()
        self._flips: tuple[slice, ...] = ()
        self._affine = np.eye(4)
        self._slice_axis, self._step = 2, 1

    def __call__(self, parsed: Parsed) -> _Turned:
        """Turn one volume.

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
        """
        key = (parsed.affine.tobytes(), parsed.data.shape)
        if key != self._key:
            self._learn(parsed)
            self._key = key
        turned = parsed.data[self._flips].transpose(self._axes)
        times = parsed.slice_times_s
        return (
            np.ascontiguousarray(turned, dtype=np.float32),
            self._affine.copy(),
            self._slice_axis,
            None if times is None else times[:: self._step],
        )

    def _learn(self, parsed: Parsed) -> None:
        moves = io_orientation(parsed.affine)  # type: ignore[no-untyped-call]
        self._axes = tuple(int(axis) for axis in np.argsort(moves[:, 0]))
        self._flips = tuple(slice(None, None, int(step)) for step in moves[:, 1])
        turn = inv_ornt_aff(moves, parsed.data.shape)  # type: ignore[no-untyped-call]
        self._affine = parsed.affine @ turn
        self._slice_axis, self._step = int(moves[2, 0]), int(moves[2, 1])
