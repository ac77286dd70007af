"""Realignment finds the true movement, and nothing else."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.io import loadmat

from acquisition.fmri.quality import power_displacement
from acquisition.fmri.realign import RealignConfig, Realigner, can_realign
from acquisition.fmri.rigid import centre_of, matrix_of, params_of
from acquisition.simulate.head import RunConfig, SimulatedVolume, SyntheticHead, simulate
from acquisition.sources.dicom import DicomReader
from phosphene.errors import ConfigError, InputError
from phosphene.stimuli import make_programme
from tests.finished_series import read_folder

HEAD = SyntheticHead(seed=2)
PROGRAMME = make_programme(seed=1, n_blocks=4)
QUIET = RunConfig(thermal_psc=0.3, physiological_psc=0.0, global_psc=0.0, drift_psc=0.0)


@cache
def run(n: int, **changes: object) -> list[SimulatedVolume]:
    return list(simulate(HEAD, PROGRAMME, n, 1.0, RunConfig(**changes)))  # type: ignore[arg-type]


def image(volume: SimulatedVolume) -> np.ndarray:
    return volume.data.astype(np.float32)


def test_true_movement_is_found_in_noise() -> None:
    volumes = run(30, seed=4, step_mm=0.06, step_deg=0.05)
    realigner = Realigner(image(volumes[0]), HEAD.affine)
    found = np.stack([realigner.estimate(image(v)).params for v in volumes])
    truth = np.stack([v.motion for v in volumes])
    assert np.abs(truth).max(0).min() > 0.1  # there was something to find
    error = np.sqrt(((found - truth) ** 2).mean(0))
    assert error[:3].max() < 0.02  # mm
    assert error[3:].max() < 0.05  # degrees
    np.testing.assert_allclose(found[0], 0, atol=1e-4)


def test_resampling_brings_the_head_back() -> None:
    still, moved = (
        next(simulate(HEAD, PROGRAMME, 1, 1.0, replace(QUIET, placement=placement)))
        for placement in ((0.0,) * 6, (1.5, -1.0, 2.0, 1.0, -1.5, 2.0))
    )
    realigner = Realigner(image(still), HEAD.affine)
    motion = realigner.estimate(image(moved))
    assert motion.converged
    back = realigner.resample(image(moved), motion)
    brain = HEAD.anatomy.brain.copy()
    brain[:, :, :3] = brain[:, :, -4:] = False  # the head left the field of view here
    before = np.std(image(moved)[brain] - image(still)[brain])
    after = np.std(back[brain] - image(still)[brain])
    assert after < 0.15 * before


@pytest.mark.parametrize(
    "placement", [(9.0, -6.0, 7.0, 5.0, -4.0, 7.0), (-4.0, 10.0, -5.0, -6.0, 3.0, 2.0)]
)
def test_a_person_put_back_in_another_place_is_found(placement: tuple[float, ...]) -> None:
    reference = image(run(1)[0])
    moved = next(simulate(HEAD, PROGRAMME, 1, 1.0, RunConfig(seed=8, placement=placement)))
    motion = Realigner(reference, HEAD.affine).estimate(image(moved))
    np.testing.assert_allclose(motion.params[:3], placement[:3], atol=0.15)
    np.testing.assert_allclose(motion.params[3:], placement[3:], atol=0.15)


def test_a_jump_in_the_middle_of_a_run_is_followed() -> None:
    volumes = run(4, seed=2)
    jumped = next(
        simulate(HEAD, PROGRAMME, 1, 1.0, RunConfig(seed=9, placement=(6.0, 0, 5.0, 6.0, 0, 0)))
    )
    realigner = Realigner(image(volumes[0]), HEAD.affine)
    for volume in volumes:
        realigner.estimate(image(volume))
    found = realigner.estimate(image(jumped)).params
    np.testing.assert_allclose(found, jumped.motion, atol=0.15)
    np.testing.assert_allclose(
        realigner.estimate(image(volumes[3])).params, volumes[3].motion, atol=0.06
    )


@pytest.mark.parametrize("kind", ["empty", "noise"])
def test_a_volume_without_a_head_is_lost_and_the_next_is_found(kind: str) -> None:
    volumes = run(4, seed=2)
    realigner = Realigner(image(volumes[0]), HEAD.affine)
    before = [realigner.estimate(image(v)) for v in volumes[:3]][-1]
    shape, rng = HEAD.shape, np.random.default_rng(0)
    bad = np.zeros(shape) if kind == "empty" else rng.uniform(0, 1000, shape)
    lost = realigner.estimate(bad.astype(np.float32))
    assert lost.lost
    assert not lost.converged
    np.testing.assert_array_equal(lost.matrix, before.matrix)
    assert np.isfinite(realigner.resample(bad.astype(np.float32), lost)).all()
    again = realigner.estimate(image(volumes[3]))
    assert not again.lost
    np.testing.assert_allclose(again.params, volumes[3].motion, atol=0.06)


def test_activity_brightness_and_a_local_artefact_are_not_movement() -> None:
    first, second = run(2, step_mm=0.0, step_deg=0.0)
    changed = image(second)
    plain = Realigner(image(first), HEAD.affine).estimate(changed).params
    changed[HEAD.mask("early") | HEAD.mask("higher")] *= 1.05
    changed[40:50, 40:50, 10:14] *= 0.5
    changed *= 1.1
    found = Realigner(image(first), HEAD.affine).estimate(changed).params
    np.testing.assert_allclose(found[:3], plain[:3], atol=0.04)
    np.testing.assert_allclose(found[3:], plain[3:], atol=0.04)


def test_a_moved_field_of_view_is_no_movement_of_the_head() -> None:
    reference = image(run(1)[0])
    affine = HEAD.affine.copy()
    affine[:3, 3] += HEAD.affine[:3, :3] @ [1, 0, 0]  # as prospective correction does
    shifted = np.roll(reference, -1, axis=0)
    realigner = Realigner(reference, HEAD.affine)
    motion = realigner.estimate(shifted, affine)
    np.testing.assert_allclose(motion.params, 0, atol=2e-3)
    back = realigner.resample(shifted, motion, affine)
    np.testing.assert_allclose(back[4:-4], reference[4:-4], rtol=0.02, atol=5.0)


def test_same_volumes_same_bits() -> None:
    results = []
    for _ in range(2):
        realigner = Realigner(image(run(4)[0]), HEAD.affine)
        motions = [realigner.estimate(image(v)) for v in run(4)]
        results.append(realigner.resample(image(run(4)[3]), motions[3]).tobytes())
    assert results[0] == results[1]


def test_noise_that_grows_slowly_is_no_reason_to_search(monkeypatch: pytest.MonkeyPatch) -> None:
    (still,) = run(1)
    rng = np.random.default_rng(5)
    noise = [rng.normal(0, 1, HEAD.shape) for _ in range(2)]
    realigner, searches = Realigner(image(still), HEAD.affine), []
    search = realigner._search
    monkeypatch.setattr(realigner, "_search", lambda *a: (searches.append(1), search(*a))[1])
    for k in range(40):  # four times as much in the end
        realigner.estimate((image(still) + (5 + 0.4 * k) * noise[k % 2]).astype(np.float32))
    assert len(searches) == 1  # that of the first volume


def test_single_slices_empty_pictures_and_bad_settings_are_refused() -> None:
    assert can_realign((64, 64, 8))
    assert not can_realign((40, 20, 1))
    with pytest.raises(InputError, match="single slices"):
        Realigner(np.ones((40, 20, 1), np.float32), np.eye(4))
    with pytest.raises(InputError, match="shows a head"):
        Realigner(np.zeros((16, 16, 16), np.float32), np.eye(4))
    with pytest.raises(ConfigError, match=r"2 problem"):
        RealignConfig(n_points=0, fwhm_mm=-1.0)


@pytest.mark.realdata
def test_known_motion_of_a_real_volume_is_found(realdata: Path) -> None:
    path = next((realdata / "fmri" / "siemens-mosaic" / "dicom").glob("*_000040.dcm"))
    (volume,) = DicomReader(b"k").read(path.read_bytes(), path.name)
    centre = centre_of(volume.data.shape, volume.affine)
    realigner = Realigner(volume.data, volume.affine)
    for known in ([3.0, -2.0, 2.5, -3.0, 2.0, 1.5], [-1.0, 3.0, -3.0, 1.0, 3.0, -2.0]):
        back = np.linalg.inv(volume.affine) @ np.linalg.inv(matrix_of(known, centre))
        back = back @ volume.affine
        moved = ndimage.affine_transform(
            volume.data, back[:3, :3], back[:3, 3], order=5, mode="nearest"
        )
        found = realigner.estimate(moved)
        assert not found.lost
        assert np.linalg.norm(found.params[:3] - known[:3]) < 0.02  # mm
        assert np.linalg.norm(found.params[3:] - known[3:]) < 0.02  # degrees


def spm_matrix(p: np.ndarray) -> np.ndarray:
    """Matrix of SPM's six numbers; it turns about x and z the other way round."""
    return matrix_of([*p[:3], *np.degrees(p[3:] * [-1, 1, -1])], np.zeros(3))


@pytest.mark.realdata
def test_real_series_agrees_with_spm(realdata: Path) -> None:
    root = realdata / "fmri" / "siemens-mosaic"
    volumes = list(read_folder(root / "dicom", DicomReader(b"k")))
    realigner = Realigner(volumes[0].data, volumes[0].affine)
    ours = [realigner.estimate(v.data) for v in volumes]
    spm = loadmat(root / "reference" / "mc_matlab_dcm.mat")["mc_series_matlab"]
    # SPM reports where the volume has to go, we where the head went
    theirs = [np.linalg.inv(spm_matrix(p)) for p in spm]
    centre = centre_of(volumes[0].data.shape, volumes[0].affine)
    mine = np.stack([m.params for m in ours])
    rotations = np.stack([params_of(t, centre)[3:] for t in theirs])
    assert np.sqrt(((rotations - mine[:, 3:]) ** 2).mean()) < 0.03  # degrees
    # the origin of SPM's coordinates is not recorded: one point for the whole series is fitted
    left = np.concatenate([np.eye(3) - t[:3, :3] for t in theirs])
    right = np.concatenate([m.matrix[:3, 3] - t[:3, 3] for m, t in zip(ours, theirs, strict=True)])
    origin = np.linalg.lstsq(left, right, rcond=None)[0]
    corners = centre + 35 * np.array(list(itertools.product([-1, 1], repeat=3)))  # 60 mm away
    squares = []
    for m, t in zip(ours, theirs, strict=True):
        moved = corners @ m.matrix[:3, :3].T + m.matrix[:3, 3]
        spm_moved = (corners - origin) @ t[:3, :3].T + t[:3, 3] + origin
        squares.append(((moved - spm_moved) ** 2).sum(1))
    assert np.sqrt(np.mean(squares)) < 0.05  # mm
    fd = [power_displacement(a, b) for a, b in itertools.pairwise(mine)]
    assert np.mean(fd) == pytest.approx(0.058, abs=0.005)
    assert max(fd) == pytest.approx(0.15, abs=0.02)
