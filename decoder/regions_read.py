"""Regions from files: mask images, atlases with numbered regions, or numbers voxel by voxel.

A region is written ``NAME=FILE`` or ``NAME=FILE:3+17``: the voxels of an image (NIfTI) that are
above 0, or that carry one of these numbers. An image in another grid is looked up, voxel by voxel
of the bundle's mask, at the same place in millimetres (nearest neighbour), so it must be in the
space of the participant's own images. ``.npy`` files hold one number for each feature and need no
place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.spatialimages import SpatialImage

from decoder.regions import Head, Regions
from phosphene.errors import InputError, PhospheneError, check_all, problem

__all__ = ["RegionSource", "parse_region", "read_regions", "resampled"]

Mask = npt.NDArray[np.bool_]
Affine = npt.NDArray[np.float64]
_WRITTEN = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)=(?P<file>.+?)(?::(?P<labels>\d+(?:\+\d+)*))?")


@dataclass(frozen=True)
class RegionSource:
    """Where a region comes from: its name, its file, and its numbers in it (none = above 0)."""

    name: str
    file: Path
    labels: tuple[int, ...] = ()


def parse_region(text: str) -> RegionSource:
    """Read ``NAME=FILE`` or ``NAME=FILE:3+17``.

    Raises
    ------
    InputError
        If it is written otherwise.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        allowed = "NAME=FILE or NAME=FILE:3+17"
        raise InputError(problem("region", text, allowed, "Name the region and its image."))
    labels = tuple(int(part) for part in (found["labels"] or "").split("+") if part)
    return RegionSource(found["name"], Path(found["file"]), labels)


def read_regions(
    sources: Sequence[RegionSource],
    heads: Mapping[Head, Sequence[str]],
    features: int,
    mask: Mask | None = None,
    affine: Affine | None = None,
    banded: bool = False,
) -> Regions:
    """Read regions into the features of a dataset.

    Parameters
    ----------
    sources : Sequence of RegionSource
        One for each region; several of one name are joined.
    heads : mapping of str to Sequence of str
        Regions that "z", "c" and "class" are decoded from.
    features : int
        Of one volume.
    mask : array of bool (X, Y, Z), optional
        Voxels of the features; needed for images, with `affine` (4, 4), voxel to mm.
    banded : bool
        See `decoder.regions.Regions`.

    Returns
    -------
    Regions

    Raises
    ------
    InputError
        Listing every file that cannot be read and every region that lies outside the mask.
    """
    members: dict[str, Mask] = {}
    found: list[str] = []
    for source in sources:
        try:
            inside = _read(source, features, mask, affine)
        except PhospheneError as error:
            found.append(str(error))
            continue
        members[source.name] = members.get(source.name, np.zeros(features, np.bool_)) | inside
    check_all(found, InputError, "regions")
    return Regions(members, {head: tuple(names) for head, names in heads.items()}, banded)


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


def _read(source: RegionSource, features: int, mask: Mask | None, affine: Affine | None) -> Mask:
    where = f"region {source.name}"
    if source.file.suffix == ".npy":
        values = _numbers(source.file, features)
        there, words = values, ""
    else:
        if mask is None or affine is None:
            cure = "Give numbers voxel by voxel (.npy)."
            raise InputError(problem(where, str(source.file), "data that know their place", cure))
        there, own = _image(source.file)
        values = resampled(there, own, mask, affine)
        words = f"; image {_span(there != 0, own)}, mask {_span(mask, affine)}"
    inside = _members(values, source.labels)
    if not inside.any():
        raise InputError(
            problem(
                where, f"{int(_members(there, source.labels).sum())} voxels, none in the mask",
                f"1 or more of the {features} decoded voxels{words}",
                "Check numbers and space: standard-space images must first be registered.",
            )
        )  # fmt: skip
    return inside


def _members(values: npt.NDArray[Any], labels: Sequence[int]) -> Mask:
    inside = np.isin(values, labels) if labels else np.nan_to_num(values) > 0
    return np.asarray(inside, np.bool_)


def _numbers(path: Path, features: int) -> npt.NDArray[Any]:
    try:
        values: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(problem(str(path), str(error), "numbers (.npy)", "Mend it.")) from error
    if values.shape != (features,) or values.dtype.kind not in "buif":
        got = f"{values.dtype} {values.shape}"
        raise InputError(problem(str(path), got, f"{features} numbers", "Use the same voxels."))
    return values


def _image(path: Path) -> tuple[npt.NDArray[Any], Affine]:
    try:
        image = nib.load(path)
    except (OSError, nib.filebasedimages.ImageFileError) as error:
        raise InputError(problem(str(path), str(error), "a NIfTI image", "Mend it.")) from error
    if not isinstance(image, SpatialImage) or image.affine is None:
        raise InputError(problem(str(path), type(image).__name__, "a NIfTI image", "Convert it."))
    values = np.asarray(image.dataobj)
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise InputError(problem(str(path), values.shape, "one volume", "Take one of them."))
    return values, np.asarray(image.affine, np.float64)


def _span(mask: Mask, affine: Affine) -> str:
    """Say where the voxels of a mask lie."""
    at = np.argwhere(mask)
    if not len(at):
        return "empty"
    places = at @ affine[:3, :3].T + affine[:3, 3]
    low, high = np.rint(places.min(axis=0)).astype(int), np.rint(places.max(axis=0)).astype(int)
    return (
        " ".join(f"{axis} {a} to {b}" for axis, a, b in zip("xyz", low, high, strict=True)) + " mm"
    )
