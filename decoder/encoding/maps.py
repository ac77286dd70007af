"""Values of voxels as images, where it is known where the voxels lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from decoder.encoding.material import Encoded
from phosphene.dataset import PreparedData

__all__ = ["Places", "maps_of", "places_of", "write_maps"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Places:
    """Where voxels lie.

    Attributes
    ----------
    mask : array of bool (X, Y, Z)
        Voxels, in C order.
    affine : array (4, 4)
        Voxel to millimetres.
    background : array (X, Y, Z) or None
        What the data were aligned to.
    """

    mask: npt.NDArray[np.bool_] = field(repr=False)
    affine: npt.NDArray[np.float64] = field(repr=False)
    background: Array | None = field(default=None, repr=False)

    def filled(self, values: Array, outside: float = 0.0) -> Array:
        """Put values (voxels,) where they belong."""
        volume = np.full(self.mask.shape, outside, np.float32)
        volume[self.mask] = values
        return volume

    def mm(self) -> Array:
        """Centre of each voxel in millimetres, (voxels, 3)."""
        return np.argwhere(self.mask) @ self.affine[:3, :3].T + self.affine[:3, 3]


def places_of(prepared: PreparedData) -> Places | None:
    """Tell where voxels lie; None where the data do not say."""
    meta, mask = prepared.meta, prepared.mask
    if meta.modality != "fmri" or mask.ndim != 3 or not mask.any() or not meta.affine:
        return None
    if int(mask.sum()) != prepared.responses.shape[1]:
        return None
    affine = np.array(meta.affine, np.float64).reshape(4, 4)
    return Places(mask, affine, prepared.reference)


def maps_of(found: Encoded) -> dict[str, Array]:
    """Return values (voxels,) by the name of their map.

    Correlation of every set; p, q and penalty of z, c and zc; p and q of what is unique; the
    ceiling.
    """
    maps: dict[str, Array] = {}
    for own in found.found.values():
        name = _plain(own.name)
        maps[name if own.kind == "unique" else f"r_{name}"] = own.value
        if own.kind != "layer":
            maps |= {f"p_{name}": own.p, f"q_{name}": own.q}
        if own.kind in ("main", "noise"):
            maps[f"alpha_{name}"] = own.alpha
    if found.ceiling is not None:
        maps["ceiling"] = found.ceiling
    return maps


def write_maps(folder: Path, maps: Mapping[str, Array], places: Places) -> list[str]:
    """Write each map as NIfTI; returns the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, values in maps.items():
        # Outside the mask nothing is significant.
        outside = 1.0 if name.startswith(("p_", "q_")) else 0.0
        image: Any = nib.Nifti1Image
        names.append(f"{name}.nii.gz")
        nib.save(image(places.filled(values, outside), places.affine), folder / names[-1])
    return names


def _plain(name: str) -> str:
    """Make a name that files can have: ``layer mid_block 2`` becomes ``layer-mid_block-2``."""
    return name.replace(" ", "-").replace("z+c", "joint")
