"""Where the regions of a run lie, on the grid of whatever is drawn. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.messages import Message, Regions

__all__ = ["RegionGrid", "labels_on"]

_ALIGNED = 1e-4

Labels = npt.NDArray[np.uint8]


def labels_on(
    labels: Labels,
    affine: npt.NDArray[np.float64],
    shape: tuple[int, ...],
    wanted: npt.NDArray[np.float64],
) -> Labels:
    """Return labels on another grid, from the nearest voxel; 0 outside.

    Parameters
    ----------
    labels : ndarray of uint8 (x, y, z)
        As they came.
    affine : ndarray (4, 4)
        Their voxels to millimetres.
    shape : tuple of int
        The other grid.
    wanted : ndarray (4, 4)
        Its voxels to millimetres.
    """
    between = np.linalg.inv(affine) @ wanted
    turn, shift = between[:3, :3], between[:3, 3]
    if np.abs(turn - np.diag(np.diag(turn))).max() < _ALIGNED:
        # Same axes, as where voxels were left out: each axis by itself.
        axes = [
            np.rint(turn[k, k] * np.arange(n) + shift[k]).astype(np.intp)
            for k, n in enumerate(shape)
        ]
        clipped = [np.clip(a, 0, n - 1) for a, n in zip(axes, labels.shape, strict=True)]
        found: Labels = labels[np.ix_(*clipped)]
        for k, (at, n) in enumerate(zip(axes, labels.shape, strict=True)):
            outside: list[Any] = [np.s_[:]] * 3
            outside[k] = (at < 0) | (at >= n)
            found[tuple(outside)] = 0
        return found
    places = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    voxels = np.rint(places @ turn.T + shift).astype(np.intp)
    within = ((voxels >= 0) & (voxels < labels.shape)).all(axis=-1)
    out = np.zeros(shape, np.uint8)
    out[within] = labels[tuple(voxels[within].T)]
    return out


class RegionGrid:
    """The regions of a message, laid on grids as they are asked for; the last one is kept.

    Parameters
    ----------
    message : Message
        A `Regions` with its arrays.
    """

    def __init__(self, message: Message) -> None:
        header = message.header_as(Regions)
        self.message, self.names, self.how = message, header.names, header.how
        self.affine = np.asarray(header.affine, np.float64).reshape(4, 4)
        self._labels = np.asarray(message.arrays["labels"], np.uint8)
        self._key: tuple[object, ...] = ()
        self._found = self._labels

    @property
    def underlay(self) -> npt.NDArray[np.uint8]:
        """The reference volume, on the regions' own grid."""
        return np.asarray(self.message.arrays["underlay"], np.uint8)

    def on(self, shape: tuple[int, ...], affine: npt.NDArray[np.float64]) -> Labels:
        """Return the labels on a grid."""
        key = (shape, affine.tobytes())
        if key != self._key:
            self._key, self._found = key, labels_on(self._labels, self.affine, shape, affine)
        return self._found
