"""Regions from mask files or arrays to features, for the heads that read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.readers.arrays import open_arrays
from decoder.regions import Head, Regions
from decoder.regions_data import RegionsFromData
from decoder.regions_read import image_region, parted
from phosphene.dataset import PreparedData
from phosphene.errors import InputError, check_all, problem

__all__ = ["FROM_DATA", "read_region", "takagi_regions"]

Bools = npt.NDArray[np.bool_]

_IMAGES = (".nii", ".nii.gz")
FROM_DATA = "data"


def takagi_regions(
    early: str | None, higher: str | None, prepared: PreparedData, source: Path, banded: bool
) -> Regions | RegionsFromData | None:
    """Say which voxels each head reads: z the early, c and categories the higher visual cortex.

    Parameters
    ----------
    early, higher : str or None
        Mask image (.nii, .nii.gz) in the space of the data, a .npy file, or the name of an array of
        the source, with one entry for each of its voxels. ``FILE:3+17`` takes the regions 3 and 17
        of an atlas. Both ``data``: found in the training data.
    prepared : PreparedData
        The data.
    source : Path
        Where arrays are looked for.
    banded : bool
        Whether every head reads both and weighs them against each other.

    Returns
    -------
    Regions or None
        None where no region is named: every head reads all voxels.

    Raises
    ------
    InputError
        Listing every region that cannot be read or is empty; also if there is nothing to weigh.
    """
    asked = {name: where for name, where in (("early", early), ("higher", higher)) if where}
    if not asked:
        if banded:
            raise InputError(
                problem("--banded", "no regions", "two regions to weigh against each other",
                        "Name them with --early and --higher, or leave --banded out.")
            )  # fmt: skip
        return None
    if FROM_DATA in asked.values():
        if len(asked) == 2 and set(asked.values()) == {FROM_DATA}:
            return RegionsFromData(banded)
        allowed = f"--early {FROM_DATA} --higher {FROM_DATA}"
        raise InputError(problem("regions", asked, allowed, "Find both in the data, or neither."))
    members: dict[str, Bools] = {}
    found = []
    for name, where in asked.items():
        try:
            members[name] = read_region(where, prepared, source)
        except InputError as error:
            found.append(f"--{name}: {error}")
    check_all(found, InputError, "regions")
    both = tuple(members)
    if banded:
        return Regions(members, {"z": both, "c": both}, banded=True)
    heads: dict[Head, tuple[str, ...]] = {}
    if "early" in members:
        heads["z"] = ("early",)
    if "higher" in members:
        heads |= {"c": ("higher",), "class": ("higher",)}
    return Regions(members, heads)


def read_region(where: str, prepared: PreparedData, source: Path) -> Bools:
    """Return which features a region has, (features,) bool; see `takagi_regions`."""
    where, labels = parted(where)
    if where.lower().endswith(_IMAGES):
        return _of_image(Path(where), labels, prepared)
    if where.lower().endswith(".npy"):
        try:
            values = np.load(where, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{where}: cannot be read: {error}") from error
    else:
        file = open_arrays(source)
        if where not in file:
            raise InputError(
                problem("region", where, f"a .nii or .npy file, or one of: {file.held()}",
                        "Correct the name.")
            )  # fmt: skip
        values = file.load(where)
    return _of_vector(where, values.ravel(), labels, prepared)


def _of_vector(
    where: str, values: npt.NDArray[Any], labels: tuple[int, ...], prepared: PreparedData
) -> Bools:
    features = prepared.responses.shape[1]
    # Columns that were left out are left out of a region too.
    kept = prepared.further.get("voxels", np.arange(features)).astype(np.intp)
    inside = np.isin(values, labels) if labels else values > 0
    if len(values) == features:
        return np.asarray(inside)
    if len(values) > int(kept.max()):
        return np.asarray(inside[kept])
    allowed = f"one entry for each of {features} voxels"
    raise InputError(problem("region", f"{where} of {len(values)}", allowed, "Correct it."))


def _of_image(path: Path, labels: tuple[int, ...], prepared: PreparedData) -> Bools:
    if not prepared.mask.size or not prepared.meta.affine:
        raise InputError(
            problem("region", str(path), "an array, since it is not known where voxels lie",
                    "Name an array of the source or a .npy file.")
        )  # fmt: skip
    affine = np.array(prepared.meta.affine, np.float64).reshape(4, 4)
    return image_region(path, labels, prepared.mask, affine)
