"""Regions from images: a mask, or some of the numbered regions of an atlas.

An image in another grid than the bundle's mask is looked up, voxel by voxel of that mask, at the
same place in millimetres (nearest neighbour). It must be in the space of the participant's own
images: what lies in a standard space has to be registered first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.spatialimages import SpatialImage

from phosphene.errors import InputError, problem

__all__ = ["image_region", "parted", "resampled"]

Mask = npt.NDArray[np.bool_]
Affine = npt.NDArray[np.float64]
_NUMBERED = re.compile(r"(?P<file>.+):(?P<labels>\d+(?:\+\d+)*)")


def parted(text: str) -> tuple[str, tuple[int, ...]]:
    """Part ``FILE:3+17`` into the file and the numbers of its regions; no numbers = above 0."""
    found = _NUMBERED.fullmatch(text)
    if found is None:
        return text, ()
    return found["file"], tuple(int(part) for part in found["labels"].split("+"))


def image_region(path: Path, labels: Sequence[int], mask: Mask, affine: Affine) -> Mask:
    """Read which voxels of a mask a region holds.

    Parameters
    ----------
    path : Path
        Image (NIfTI) of one volume.
    labels : Sequence of int
        Its numbers that belong to the region; none = everything above 0.
    mask : array of bool (X, Y, Z)
        Decoded voxels.
    affine : array (4, 4)
        Voxel of the mask to mm.

    Returns
    -------
    array of bool (voxels of the mask in C order,)

    Raises
    ------
    InputError
        If the image cannot be read, or no voxel of the region is in the mask.
    """
    there, own = _image(path)
    inside = _members(resampled(there, own, mask, affine), labels)
    if not inside.any():
        count = int(_members(there, labels).sum())
        where = f"image {_span(_members(there, labels), own)}; mask {_span(mask, affine)}"
        raise InputError(
            problem(
                f"region {path}", f"{count} voxels, none in the mask",
                f"1 or more of the {len(inside)} decoded voxels ({where})",
                "Check its numbers and its space: standard-space images must be registered first.",
            )
        )  # fmt: skip
    return inside


def resampled(values: npt.NDArray[Any], own: Affine, mask: Mask, affine: Affine) -> Any:
    """Look an image up at the voxels of a mask, nearest neighbour.

    Parameters
    ----------
    values : array (X', Y', Z')
        The image.
    own : array (4, 4)
        Its affine, voxel to mm.
    mask : array of bool (X, Y, Z)
        Where it is asked for.
    affine : array (4, 4)
        Of the mask, voxel to mm.

    Returns
    -------
    array (voxels of the mask in C order,)
        0 outside the image.
    """
    places = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    back = np.linalg.inv(own)
    index = np.rint(places @ back[:3, :3].T + back[:3, 3]).astype(int)
    inside = ((index >= 0) & (index < values.shape)).all(axis=1)
    taken = np.zeros(len(index), values.dtype)
    taken[inside] = values[tuple(index[inside].T)]
    return taken


def _members(values: npt.NDArray[Any], labels: Sequence[int]) -> Mask:
    inside = np.isin(values, labels) if labels else np.nan_to_num(values) > 0
    return np.asarray(inside, np.bool_)


def _image(path: Path) -> tuple[npt.NDArray[Any], Affine]:
    try:
        image = nib.load(path)
        values = np.asarray(image.dataobj) if isinstance(image, SpatialImage) else np.zeros(0)
    except (OSError, ValueError, EOFError, nib.filebasedimages.ImageFileError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if not isinstance(image, SpatialImage) or values.ndim != 3:
        raise InputError(problem(str(path), values.shape, "one volume", "Give a mask image."))
    return values, np.asarray(image.affine, np.float64)


def _span(mask: Mask, affine: Affine) -> str:
    """Say where the voxels of a mask lie."""
    at = np.argwhere(mask)
    if not len(at):
        return "empty"
    places = at @ affine[:3, :3].T + affine[:3, 3]
    low, high = np.rint(places.min(axis=0)).astype(int), np.rint(places.max(axis=0)).astype(int)
    parts = [f"{axis} {a} to {b}" for axis, a, b in zip("xyz", low, high, strict=True)]
    return f"{', '.join(parts)} mm"
