"""Regions from elsewhere: where they come to lie, and when they are refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from acquisition.fmri.affine import register_affine
from acquisition.fmri.register import Picture, Placement, place, placement
from acquisition.fmri.rigid import matrix_of
from acquisition.fmri.volume import Volume
from acquisition.regions import Found, RegionFiles, RegionFinder, drawn, find_regions, given_mask
from acquisition.simulate.head import RunConfig, SyntheticHead, simulate
from phosphene.errors import InputError
from phosphene.session import FmriSettings
from phosphene.stimuli import Programme

HEAD = SyntheticHead(seed=3, shape=(32, 32, 14), voxel_mm=(6.0, 6.0, 7.0), n_early=80, n_higher=80)
HERE = Placement(np.eye(4), "")


@cache
def seen(*placement_mm_deg: float) -> Volume:
    config = RunConfig(seed=1, placement=placement_mm_deg or (0.0,) * 6)  # type: ignore[arg-type]
    volume = next(iter(simulate(HEAD, Programme(0, 1.0, ()), 1, 1.0, config)))
    return Volume(volume.data.astype(np.float32), HEAD.affine, 0, 1.0)


def ball(
    shape: tuple[int, ...], affine: np.ndarray, at_mm: tuple[float, ...], r_mm: float
) -> np.ndarray:
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    mm = grid @ affine[:3, :3].T + affine[:3, 3]
    return np.asarray(((mm - at_mm) ** 2).sum(-1) < r_mm**2)


def saved(path: Path, data: np.ndarray, affine: np.ndarray) -> Path:
    nib.save(nib.Nifti1Image(data.astype(np.float32), affine), path)
    return path


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_a_mask_of_a_finer_grid_lies_where_it_was_drawn() -> None:
    fine = np.diag([2.0, 2.0, 2.0, 1.0])
    fine[:3, 3] = -80.0
    mask = ball((80, 80, 80), fine, (10.0, -8.0, 6.0), 25.0)
    coarse = np.diag([4.0, 4.0, 5.0, 1.0])
    coarse[:3, 3] = (-70.0, -60.0, -50.0)
    placed = place(mask, fine, HERE, (36, 32, 20), coarse)
    assert placed.inside == 1.0
    assert dice(placed.mask, ball((36, 32, 20), coarse, (10.0, -8.0, 6.0), 25.0)) > 0.95
    assert placed.mask.sum() * 80 == pytest.approx(mask.sum() * 8, rel=0.03)
    same = place(mask, fine, HERE, mask.shape, fine)
    np.testing.assert_array_equal(same.mask, mask)


def test_what_lies_outside_the_volumes_is_told() -> None:
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    mask = ball((30, 30, 30), affine, (58.0, 58.0, 58.0), 30.0)
    half = place(mask, affine, HERE, (30, 30, 15), affine)
    assert half.inside == pytest.approx(0.5, abs=0.05)


def test_another_session_of_the_same_head_is_followed() -> None:
    moved = (4.0, -6.0, 8.0, 5.0, -4.0, 6.0)
    reference, earlier = seen(), seen(*moved)
    at = placement(reference, Picture(earlier.data, earlier.affine), "rigid")
    truth = matrix_of(moved, _centre(reference))
    points = np.c_[np.random.default_rng(0).uniform(-60, 60, (50, 3)), np.ones(50)].T
    apart = np.linalg.norm(((at.matrix - truth) @ points)[:3], axis=0)
    assert apart.max() < 0.6
    assert "same head" in at.how


def _centre(volume: Volume) -> np.ndarray:
    middle = (np.asarray(volume.data.shape) - 1) / 2
    return np.asarray(volume.affine[:3, :3] @ middle + volume.affine[:3, 3])


def test_a_picture_of_something_else_is_refused() -> None:
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.normal(0, 1, HEAD.shape), 2).astype(np.float32)
    with pytest.raises(InputError, match="correlates by"):
        placement(seen(), Picture(1000 + 500 * noise, HEAD.affine), "rigid")
    with pytest.raises(InputError, match="brains that overlap"):
        far = HEAD.affine.copy()
        far[:3, :3] *= 4.0
        small = np.zeros(HEAD.shape, np.float32)
        small[15:17, 15:17, 6:8] = 1.0
        placement(seen(), Picture(small, far / 40 + np.diag([0, 0, 0, 39 / 40])), "affine")


@pytest.mark.parametrize("cut", [0, 4])
def test_another_head_is_laid_on_this_one(cut: int) -> None:
    """A template stretched, turned and shifted by known amounts, in another contrast."""
    reference = seen()
    brain = HEAD.anatomy.brain
    turn = matrix_of((0, 0, 0, 6.0, -3.0, 4.0), np.zeros(3))
    turn[:3, :3] = turn[:3, :3] @ np.diag([1.12, 1.06, 0.93])
    turn[:3, 3] = (6.0, -14.0, 22.0)
    affine = turn @ HEAD.affine
    template = np.where(brain, 2000.0 - reference.data, 0.0).astype(np.float32)
    kept = slice(cut, None)
    grid = reference.affine.copy()
    grid[:3, 3] += cut * grid[:3, 2]
    fit = register_affine(
        reference.data[:, :, kept], grid, brain[:, :, kept], template, affine, brain
    )
    inside = np.argwhere(brain[:, :, kept]) @ grid[:3, :3].T + grid[:3, 3]
    inside = np.c_[inside, np.ones(len(inside))].T
    apart = np.linalg.norm(((fit.matrix - turn) @ inside)[:3], axis=0)
    assert np.median(apart) < 4.0
    assert np.percentile(apart, 95) < 8.0
    assert fit.dice > 0.93


def test_regions_are_taken_or_told_why_not(tmp_path: Path) -> None:
    reference = seen()
    good = saved(tmp_path / "good.nii", HEAD.mask("early"), HEAD.affine)
    away = HEAD.affine.copy()
    away[:3, 3] += 150.0
    gone = saved(tmp_path / "gone.nii", HEAD.mask("early"), away)
    settings = FmriSettings(rois={"v1": good, "gone": gone}, mask=good)
    found = find_regions(RegionFiles.of(settings), settings, reference)
    np.testing.assert_array_equal(found.regions["v1"], HEAD.mask("early"))
    np.testing.assert_array_equal(found.mask, HEAD.mask("early"))
    assert list(found.regions) == ["v1"]
    assert "'gone' lies within the volumes by 0 % only" in found.trouble
    with pytest.raises(InputError, match="mask lies within"):
        find_regions(
            RegionFiles.of(FmriSettings(mask=gone)), FmriSettings(mask=gone), reference
        )  # fmt: skip
    np.testing.assert_array_equal(given_mask(settings, reference), HEAD.mask("early"))
    with pytest.raises(InputError, match="region 'lost'"):
        RegionFiles.of(FmriSettings(rois={"lost": tmp_path / "none.nii"}))
    with pytest.raises(InputError, match="rois_reference"):
        RegionFiles.of(FmriSettings(rois={"a": good}, rois_reference=tmp_path / "none.nii"))
    labels = drawn(found.regions, reference.data)["labels"]
    np.testing.assert_array_equal(labels == 1, HEAD.mask("early"))


def test_a_thread_finds_regions_and_hands_over_what_goes_wrong(tmp_path: Path) -> None:
    assert RegionFinder(RegionFiles(), FmriSettings()).result() == Found()
    path = saved(tmp_path / "v1.nii", HEAD.mask("early"), HEAD.affine)
    settings = FmriSettings(mask=path)
    finder = RegionFinder(RegionFiles.of(settings), settings)
    assert not finder.begun
    assert not finder.wait(0.0)
    finder.begin(seen())
    finder.close()
    assert finder.done
    assert finder.result().mask is not None
    away = saved(tmp_path / "away.nii", HEAD.mask("early"), 3 * HEAD.affine)
    lost = RegionFinder(RegionFiles.of(FmriSettings(mask=away)), settings)
    lost.begin(seen())
    lost.close()
    with pytest.raises(InputError, match="mask lies within"):
        lost.result()
