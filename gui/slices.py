"""Three slices of the reference with the brain's outline and the map over them. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from gui.colours import CURVES
from gui.region_grid import RegionGrid
from phosphene.messages import Message, StatMap

__all__ = ["MIDDLE", "PEAK", "T_SHOWN", "Slices", "cut"]

MIDDLE, PEAK = "", "peak"
"""Where the slices are: through the middle of the brain, or the strongest t; or a region's name."""

T_SHOWN = 3.0
"""Smaller t values are not coloured."""
_GAP_PX = 2
_LETTER_PX = 6
_OUTLINE = (86, 200, 216)
_WARM, _COLD = ((200, 40, 20), (255, 235, 90)), ((40, 70, 220), (140, 240, 255))
_GREY = 150.0
"""Brightest grey of the reference: colours stand out from it."""

Rgb = npt.NDArray[np.uint8]
_Kind = TypeVar("_Kind", bound=np.generic)


@dataclass(frozen=True)
class Slices:
    """What the slice view shows.

    Attributes
    ----------
    picture : ndarray of uint8 (height, width, 3)
        Sagittal, coronal and axial slice side by side, on square pixels; the axial and the coronal
        one show the person's left on the left.
    contrast : str
        What is compared.
    index : int
        Newest volume in the map.
    strongest : float
        Largest t value in the mask, of either sign.
    at_mm : tuple of float
        Where that is: right, forward, up of the coordinates' origin, in millimetres.
    """

    picture: Rgb
    contrast: str
    index: int
    strongest: float
    at_mm: tuple[float, float, float]


def cut(message: Message | None, regions: RegionGrid | None = None, at: str = MIDDLE) -> Slices:
    """Cut three slices of a map, with the outlines of regions over it.

    Parameters
    ----------
    message : Message or None
        A `StatMap` with its arrays; None before there is one, then only regions are shown.
    regions : RegionGrid or None
        Where the regions lie.
    at : str
        What the slices go through: `MIDDLE`, `PEAK` or the name of a region.

    Raises
    ------
    ValueError
        If there is neither a map nor a region.
    """
    affine, grey, t, header = _volumes(message, regions)
    labels = np.zeros(t.shape, np.uint8) if regions is None else regions.on(t.shape, affine)
    peak = np.unravel_index(int(np.argmax(np.abs(t))), t.shape)
    at_mm = affine[:3] @ np.array([*peak, 1.0])
    axes, signs, sizes_mm = _towards_ras(affine)
    t, grey = _turned(t, axes, signs), _turned(grey, axes, signs)
    labels = _turned(labels, axes, signs)
    place = _place(t, labels, () if regions is None else regions.names, at)
    views = []
    for axis in range(3):
        across, up = (k for k in range(3) if k != axis)
        planes = (np.take(volume, place[axis], axis).T[::-1] for volume in (grey, t, labels))
        view = _square(_painted(*planes), sizes_mm[up], sizes_mm[across], min(sizes_mm))
        if across == 0:
            _mark_left(view)
        views.append(view)
    return Slices(
        picture=_side_by_side(views),
        contrast="" if header is None else header.contrast,
        index=0 if header is None else header.index,
        strongest=float(t.flat[int(np.argmax(np.abs(t)))]),
        at_mm=(float(at_mm[0]), float(at_mm[1]), float(at_mm[2])),
    )


def _volumes(
    message: Message | None, regions: RegionGrid | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8], npt.NDArray[np.float32], StatMap | None]:
    """Return affine, reference and t values of what there is, and the map's header."""
    if message is not None:
        header = message.header_as(StatMap)
        t = np.nan_to_num(np.asarray(message.arrays["t"], np.float32))
        below = message.arrays.get("underlay")
        grey = np.zeros(t.shape, np.uint8) if below is None else np.asarray(below, np.uint8)
        return np.asarray(header.affine, np.float64).reshape(4, 4), grey, t, header
    if regions is None:
        raise ValueError("there is neither a map nor a region to show")
    grey = regions.underlay
    return regions.affine, grey, np.zeros(grey.shape, np.float32), None


def _place(
    t: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8], names: tuple[str, ...], at: str
) -> tuple[int, ...]:
    """Return the voxel through which the slices go."""
    if at == PEAK and t.any():
        return tuple(int(k) for k in np.unravel_index(int(np.argmax(np.abs(t))), t.shape))
    inside = labels == names.index(at) + 1 if at in names else np.zeros(t.shape, np.bool_)
    if inside.any():
        # The voxel of the region that is nearest to its centre: a bent one need not hold that.
        voxels = np.argwhere(inside)
        off = ((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1)
        return tuple(int(k) for k in voxels[int(np.argmin(off))])
    return _middle(t != 0 if t.any() else labels != 0)


def _towards_ras(
    affine: npt.NDArray[np.float64],
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...]]:
    """Return, for right, forward and up: the nearest voxel axis, its sense and voxel size (mm)."""
    matrix = affine[:3, :3]
    sizes_mm = np.linalg.norm(matrix, axis=0)
    strength = np.abs(matrix / np.maximum(sizes_mm, 1e-9))
    axes: list[int] = []
    for world in range(3):
        free = [k for k in range(3) if k not in axes]
        axes.append(max(free, key=lambda k, w=world: strength[w, k]))  # type: ignore[misc]
    signs = tuple(1 if matrix[w, k] >= 0 else -1 for w, k in enumerate(axes))
    return tuple(axes), signs, tuple(float(sizes_mm[k]) for k in axes)


def _turned(
    volume: npt.NDArray[_Kind], axes: tuple[int, ...], signs: tuple[int, ...]
) -> npt.NDArray[_Kind]:
    """Return the volume with its axes to the right, forward and up."""
    return volume.transpose(axes)[tuple(np.s_[::sign] for sign in signs)]


def _middle(inside: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the middle of the mask's bounding box, or of the volume where the mask is empty."""
    if not inside.any():
        return tuple(n // 2 for n in inside.shape)
    places = np.argwhere(inside)
    return tuple(int(k) for k in (places.min(axis=0) + places.max(axis=0)) // 2)


def _painted(
    grey: npt.NDArray[np.generic], t: npt.NDArray[np.generic], labels: npt.NDArray[np.generic]
) -> Rgb:
    """Colour one slice: grey reference, outline of the mask, strong t values, regions' edges."""
    shade = np.asarray(grey, np.float32) * (_GREY / 255.0)
    picture = np.repeat(shade.astype(np.uint8)[:, :, np.newaxis], 3, axis=2)
    inside = np.asarray(t) != 0
    picture[_edge(inside)] = _OUTLINE
    values = np.asarray(t, np.float32)
    for sign, (weak, strong) in ((1.0, _WARM), (-1.0, _COLD)):
        shown = sign * values >= T_SHOWN
        part = np.clip((sign * values[shown] - T_SHOWN) / (2 * T_SHOWN), 0, 1)[:, np.newaxis]
        picture[shown] = (np.array(weak) * (1 - part) + np.array(strong) * part).astype(np.uint8)
    for label in np.unique(labels[labels != 0]):
        colour = CURVES[(int(label) - 1) % len(CURVES)]
        picture[_rim(labels == label)] = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return picture


def _edge(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the voxels just outside the mask."""
    near = np.zeros_like(inside)
    near[1:] |= inside[:-1]
    near[:-1] |= inside[1:]
    near[:, 1:] |= inside[:, :-1]
    near[:, :-1] |= inside[:, 1:]
    return near & ~inside


def _rim(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the outermost voxels of a region."""
    return _edge(~inside)


def _square(picture: Rgb, row_mm: float, column_mm: float, pixel_mm: float) -> Rgb:
    """Return the slice on square pixels of `pixel_mm`, by repeating its nearest voxels."""
    height, width = picture.shape[:2]
    rows = _nearest(height, row_mm / pixel_mm)
    columns = _nearest(width, column_mm / pixel_mm)
    return picture[rows][:, columns]


def _nearest(n: int, stretch: float) -> npt.NDArray[np.intp]:
    m = max(1, round(n * stretch))
    return np.minimum(((np.arange(m) + 0.5) * n / m).astype(np.intp), n - 1)


def _mark_left(view: Rgb) -> None:
    """Write a small L into the corner at the person's left."""
    if min(view.shape[:2]) > _LETTER_PX + 2:
        view[-_LETTER_PX - 1 : -1, 1] = _OUTLINE
        view[-2, 1 : _LETTER_PX - 1] = _OUTLINE


def _side_by_side(views: list[Rgb]) -> Rgb:
    """Return the slices in one row, each in the middle of its height."""
    height = max(view.shape[0] for view in views)
    width = sum(view.shape[1] for view in views) + _GAP_PX * (len(views) - 1)
    row = np.zeros((height, width, 3), np.uint8)
    left = 0
    for view in views:
        top = (height - view.shape[0]) // 2
        row[top : top + view.shape[0], left : left + view.shape[1]] = view
        left += view.shape[1] + _GAP_PX
    return row
