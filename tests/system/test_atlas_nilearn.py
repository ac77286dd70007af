"""Registration of a real head: where the truth is known, and an atlas (template from nilearn)."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from acquisition.fmri.affine import register_affine
from acquisition.fmri.mask import brain_mask
from acquisition.fmri.register import Picture, place, placement
from acquisition.fmri.rigid import centre_of, matrix_of
from acquisition.fmri.volume import Volume
from acquisition.sources.nifti import read_picture


def epi(realdata: Path) -> Volume:
    path = next((realdata / "fmri" / "siemens-mosaic").glob("epi_template*.nii"))
    return Volume(*read_picture(path), 0)


def apart_mm(found: np.ndarray, truth: np.ndarray, volume: Volume, brain: np.ndarray) -> float:
    """Largest distance in the brain, but for the worst twentieth, in millimetres."""
    at = np.argwhere(brain) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    moved = ((found - truth) @ np.c_[at, np.ones(len(at))].T)[:3]
    return float(np.percentile(np.linalg.norm(moved, axis=0), 95))


@pytest.mark.realdata
def test_another_session_of_a_real_head_is_found(realdata: Path) -> None:
    reference, rng = epi(realdata), np.random.default_rng(0)
    brain = brain_mask(reference.data)
    noise = rng.normal(0, 10, reference.data.shape).astype(np.float32)
    for _ in range(4):
        shift = [*rng.uniform(-25, 25, 3), *rng.uniform(-12, 12, 3)]
        truth = matrix_of(shift, centre_of(brain.shape, reference.affine))
        other = Picture(reference.data + noise, truth @ reference.affine)
        assert apart_mm(placement(reference, other, "rigid").matrix, truth, reference, brain) < 0.1


@pytest.mark.realdata
def test_a_real_head_in_another_shape_contrast_and_cut_is_found(realdata: Path) -> None:
    whole, rng = epi(realdata), np.random.default_rng(0)
    brain = brain_mask(whole.data)
    inverted = np.where(brain, 1.1 * np.percentile(whole.data[brain], 99) - whole.data, 0.0)
    cut = np.eye(4)
    cut[2, 3] = 3.0
    for _ in range(2):
        truth = matrix_of([*rng.uniform(-20, 20, 3), *rng.uniform(-11, 11, 3)], np.zeros(3))
        truth[:3, :3] = truth[:3, :3] @ np.diag(rng.uniform(0.87, 1.15, 3))
        fit = register_affine(
            whole.data[:, :, 3:-3], whole.affine @ cut, brain[:, :, 3:-3],
            inverted.clip(0).astype(np.float32), truth @ whole.affine, brain,
        )  # fmt: skip
        assert apart_mm(fit.matrix, truth, whole, brain) < 0.5


@pytest.mark.realdata
def test_atlas_regions_lie_in_the_back_of_a_real_head(realdata: Path) -> None:
    """No truth is known here: overlap of brains, and places that anatomy demands."""
    from nilearn.datasets import load_mni152_template

    reference = epi(realdata)
    data, affine = reference.data, reference.affine
    template = load_mni152_template(resolution=4)
    picture = Picture(np.asarray(template.dataobj, np.float32), template.affine)
    began_s = time.perf_counter()
    at = placement(reference, picture, "affine")
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
