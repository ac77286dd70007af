"""What a run is aligned to: named by the session, registered once, and kept over a restart."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from acquisition.fmri.register import Picture
from acquisition.fmri.rigid import centre_of, matrix_of
from acquisition.fmri.volume import Volume
from acquisition.fmri_chain import FmriChain
from acquisition.fmri_reference import (
    AnchorFinder,
    check_reference,
    lay_reference,
    read_reference,
)
from acquisition.settings import FmriPrior
from phosphene.errors import BundleError, InputError
from phosphene.session import FmriSettings

SHAPE = (32, 32, 16)
AFFINE = np.diag([5.0, 5.0, 5.0, 1.0])
AFFINE[:3, 3] = (-80, -80, -40)


@cache
def head() -> np.ndarray:
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    rough = ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 1, SHAPE), 1.5)
    return np.asarray((rough * 900 + 1000) * np.exp(-4 * (at**2).sum(0)))


def at(params: list[float], index: int = 0, affine: np.ndarray = AFFINE) -> Volume:
    """The head, moved by millimetres and degrees, with noise."""
    motion = matrix_of(np.array(params), centre_of(SHAPE, AFFINE))
    to = np.linalg.inv(AFFINE) @ np.linalg.inv(motion) @ affine
    seen = ndimage.affine_transform(head(), to[:3, :3], to[:3, 3], order=3, mode="constant")
    noise = np.random.default_rng(index).normal(0, 3, SHAPE)
    return Volume((seen + noise).astype(np.float32), affine, index, 2.0)


STILL = [0.0] * 6


def motion(reference: Volume, volume: Volume) -> np.ndarray:
    return FmriChain(FmriSettings(), 2.0, reference=reference).step(volume).step.motion_mm_deg


def test_a_reference_in_place_is_taken_as_it_is() -> None:
    earlier = at(STILL)
    laid = lay_reference(at([2.0, 0, 0, 0, 0, 0], 3), Picture(earlier.data, earlier.affine))
    np.testing.assert_array_equal(laid.data, earlier.data)
    np.testing.assert_array_equal(laid.affine, AFFINE)
    found = motion(laid, at([2.0, 0, 0, 0, 0, 0], 3))
    np.testing.assert_allclose(found, [2.0, 0, 0, 0, 0, 0], atol=0.1)


def test_one_that_lies_elsewhere_is_registered_once() -> None:
    earlier, away = at(STILL), AFFINE.copy()
    away[:3, 3] += (60.0, -25.0, 15.0)
    first = at([1.0, -2.0, 0.5, 0, 2.0, 0], 4)
    laid = lay_reference(first, Picture(earlier.data, away))
    np.testing.assert_array_equal(laid.data, earlier.data)
    assert np.abs(motion(laid, first)).max() < 0.15, "the head is where the reference's is"


def test_one_on_another_grid_is_put_on_that_of_the_volumes() -> None:
    fine = np.diag([2.5, 2.5, 2.5, 1.0])
    fine[:3, 3] = AFFINE[:3, 3] - 1.25
    data = ndimage.zoom(head(), 2, order=1, grid_mode=True, mode="nearest").astype(np.float32)
    first = at([0.0, 3.0, 0, 0, 0, 0], 5)
    laid = lay_reference(first, Picture(data, fine))
    assert laid.data.shape == SHAPE
    np.testing.assert_array_equal(laid.affine, first.affine)
    assert np.abs(motion(laid, first)).max() < 0.2


def test_what_cannot_be_laid_is_told_and_the_first_volume_taken(tmp_path: Path) -> None:
    rng, away = np.random.default_rng(8), AFFINE.copy()
    away[:3, 3] += 20.0
    noise = Picture(rng.normal(100, 30, SHAPE).astype(np.float32), away)
    with pytest.raises(InputError, match=r"acquisition\.fmri\.reference"):
        lay_reference(at(STILL), noise)
    with pytest.raises(InputError, match="which are not realigned"):
        lay_reference(at(STILL), Picture(at(STILL).data, away), realign="off")
    finder = AnchorFinder(tmp_path / "kept", noise, "auto")
    first = at(STILL)
    finder.begin(first)
    finder.close()
    assert finder.wait(0.0)
    assert finder.found is not None
    assert finder.found.reference is first
    assert "the first volume is taken instead" in finder.found.trouble


def test_a_bundle_brings_its_own() -> None:
    one, n = at(STILL), 3
    mask = np.zeros(SHAPE, np.bool_)
    mask[:n, 0, 0] = True
    prior = FmriPrior(mask, AFFINE, np.ones(n), np.ones(n), 1.0, "", one.data)
    check_reference(None, prior)
    check_reference(Picture(one.data, AFFINE), None)
    check_reference(Picture(one.data, AFFINE), prior)
    with pytest.raises(BundleError, match="than the bundle's"):
        check_reference(Picture(at(STILL, 1).data, AFFINE), prior)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert read_reference(FmriSettings()) is None
    with pytest.raises(InputError, match=r"acquisition\.fmri\.reference"):
        read_reference(FmriSettings(reference=tmp_path / "none.nii"))
    path = tmp_path / "nan.nii"
    nib.save(nib.Nifti1Image(np.full((4, 4, 4), np.nan, np.float32), AFFINE), path)
    with pytest.raises(InputError, match="not finite"):
        read_reference(FmriSettings(reference=path))


def test_a_process_that_starts_again_finds_reference_and_mask(tmp_path: Path) -> None:
    path, results = tmp_path / "kept", {}
    for name, indices in {"first": range(4), "again": range(20, 22)}.items():
        chain = None
        finder = AnchorFinder(path, None, "auto")
        for k in indices:
            volume = at([0.1 * k, 0, 0, 0, 0, 0], k)
            finder.begin(volume)
            assert finder.found is not None
            if chain is None:
                anchor = finder.found
                chain = FmriChain(FmriSettings(), 2.0, mask=anchor.mask, reference=anchor.reference)
            results[name] = chain.step(volume)
        assert chain is not None
        assert chain.core.reference is not None
        assert chain.core.mask is not None
        finder.keep(chain.core.reference, chain.core.mask)
    assert results["again"].mask_hash == results["first"].mask_hash
    assert results["again"].step.motion_mm_deg[0] == pytest.approx(2.1, abs=0.1)
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(b"torn")
    torn = AnchorFinder(path, None, "auto")
    torn.begin(volume)
    assert torn.found is not None
    assert "is lost" in torn.found.trouble
