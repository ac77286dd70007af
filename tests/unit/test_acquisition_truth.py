"""The truth of the synthetic person is written beside what was simulated."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from acquisition.simulate.calibration import head_of
from acquisition.simulate.truth import AREAS, write_truth


def test_both_areas_are_images_in_the_place_of_the_head(tmp_path: Path) -> None:
    paths = write_truth(tmp_path / "calibration.npz", 0)
    assert [path.name for path in paths] == [
        "calibration-early.nii.gz",
        "calibration-higher.nii.gz",
    ]
    head = head_of(0)
    for path, name in zip(paths, AREAS, strict=True):
        image: nib.Nifti1Image = nib.load(path)
        np.testing.assert_array_equal(np.asarray(image.dataobj) > 0, head.mask(name))
        np.testing.assert_allclose(image.affine, head.affine)
    assert not (head.mask("early") & head.mask("higher")).any()
