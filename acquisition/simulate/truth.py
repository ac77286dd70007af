"""What is true of the synthetic person, as images: which voxels respond to what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from acquisition.simulate.calibration import head_of

__all__ = ["AREAS", "write_truth"]

AREAS = {"early": "picture features at a place", "higher": "the semantic embedding"}
"""Area to what its voxels respond to, and to nothing else; see `acquisition.simulate.vision`."""


def write_truth(beside: Path, seed: int) -> list[Path]:
    """Write a mask of each area beside a simulated recording.

    Parameters
    ----------
    beside : Path
        The recording: ``calibration.npz`` gets ``calibration-early.nii.gz`` and so on.
    seed : int
        The person.

    Returns
    -------
    list of Path
        In the order of `AREAS`.
    """
    head = head_of(seed)
    image: Any = nib.Nifti1Image
    paths = []
    for name, what in AREAS.items():
        made = image(head.mask(name).astype(np.uint8), head.affine)
        made.header["descrip"] = f"responds to {what}"[:79]
        paths.append(beside.with_name(f"{beside.stem}-{name}.nii.gz"))
        nib.save(made, paths[-1])
    return paths
