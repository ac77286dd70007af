"""An atlas on a real head: the template comes from nilearn, which only tests need."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from acquisition.fmri.register import Picture, place, placement
from acquisition.fmri.volume import Volume
from acquisition.sources.nifti import read_picture


@pytest.mark.realdata
def test_atlas_regions_lie_in_the_back_of_a_real_head(realdata: Path) -> None:
    """No truth is known here: overlap of brains, and places that anatomy demands."""
    from nilearn.datasets import load_mni152_template

    data, affine = read_picture(
        next((realdata / "fmri" / "siemens-mosaic").glob("epi_template*.nii"))
    )
    template = load_mni152_template(resolution=4)
    picture = Picture(np.asarray(template.dataobj, np.float32), template.affine)
    began_s = time.perf_counter()
    at = placement(Volume(data, affine, 0), picture, "affine")
    assert time.perf_counter() - began_s < 20
    assert float(at.how.rsplit(" ", 1)[1]) > 0.9
    masks = realdata / "recon" / "roi-masks-mni"
    middle = {}
    for name in ("EarlyVis", "PPA"):
        mask, own = read_picture(masks / f"{name}.nii.gz")
        placed = place(mask > 0, own, at, data.shape, affine)
        assert placed.inside > 0.95
        middle[name] = affine[:3, :3] @ np.argwhere(placed.mask).mean(0) + affine[:3, 3]
    brain_mm = affine[:3, :3] @ np.argwhere(data > 400).mean(0) + affine[:3, 3]
    assert middle["EarlyVis"][1] < middle["PPA"][1] < brain_mm[1]
    assert abs(middle["EarlyVis"][0] - brain_mm[0]) < 10
