"""The synthetic person: same person, other run; sees, moves, and knows nothing of the future."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from acquisition.fmri.rigid import centre_of, matrix_of
from acquisition.fmri.shear import resample
from acquisition.simulate.haemodynamics import double_gamma
from acquisition.simulate.head import RunConfig, SyntheticHead, simulate, slice_times_s
from acquisition.simulate.vision import GRID, N_FEATURES, N_LOW, picture_features, scene_features
from phosphene.errors import ConfigError
from phosphene.stimuli import Programme, embed, make_programme, sample_scene

SMALL = SyntheticHead(seed=1, shape=(32, 32, 12), voxel_mm=(6.0, 6.0, 8.0), n_early=60, n_higher=60)
QUIET = RunConfig(thermal_psc=0.0, physiological_psc=0.0, global_psc=0.0, drift_psc=0.0,
                  step_mm=0.0, step_deg=0.0)  # fmt: skip
PROGRAMME = make_programme(seed=5, n_blocks=6)


def run(
    head: SyntheticHead = SMALL,
    programme: Programme = PROGRAMME,
    n: int = 60,
    config: RunConfig = QUIET,
) -> np.ndarray:
    return np.stack([v.data for v in simulate(head, programme, n, 1.0, config)]).astype(float)


def test_same_seeds_same_bits_other_seeds_other_noise() -> None:
    first = run(n=3, config=RunConfig(seed=1))
    np.testing.assert_array_equal(first, run(n=3, config=RunConfig(seed=1)))
    assert (first != run(n=3, config=RunConfig(seed=2))).mean() > 0.5


def test_the_person_is_the_heads_seed_not_the_runs() -> None:
    again, other = SyntheticHead(seed=0), SyntheticHead(seed=1)
    mine = SyntheticHead(seed=0)
    np.testing.assert_array_equal(mine.weights, again.weights)
    np.testing.assert_array_equal(mine.anatomy.image, again.anatomy.image)
    assert not np.array_equal(mine.weights, other.weights)
    assert not np.array_equal(mine.early, other.early)


def test_areas_are_separate_grey_and_where_they_belong() -> None:
    head = SyntheticHead()
    early, higher, brain = (head.mask(n) for n in ("early", "higher", "brain"))
    assert early.sum() == higher.sum() == 400
    assert not (early & higher).any()
    assert brain[early].all()
    assert brain[higher].all()
    assert head.anatomy.grey[early | higher].min() > 0.5
    y_mm = (head.affine @ [0, np.argwhere(early)[:, 1].mean(), 0, 1])[1]
    assert y_mm < -50  # at the back
    sides = np.argwhere(higher)[:, 0] < 31.5
    assert 0.3 < sides.mean() < 0.7
    with pytest.raises(ConfigError, match="brain, early, higher"):
        head.mask("cerebellum")


def test_image_has_air_skull_and_brighter_ventricles() -> None:
    head = SyntheticHead()
    image = head.anatomy.image
    assert image[0, 0].max() < 1
    assert 500 < image[head.anatomy.brain].mean() < 1000
    middle = image[28:36, 30:33, 13].max()
    assert middle > 1.1 * np.median(image[head.anatomy.brain])


def test_only_visual_voxels_follow_the_pictures_and_none_before_them() -> None:
    data = run()
    psc = 100 * (data / np.maximum(data[0], 1) - 1)
    visual = SMALL.mask("early") | SMALL.mask("higher")
    assert np.abs(psc[:, ~visual & SMALL.mask("brain")]).max() == 0
    onset = round(PROGRAMME.blocks[0].onset_s)
    assert np.abs(psc[:onset, visual]).max() == 0
    assert np.abs(psc[onset + 4 :, visual]).max() > 1


def test_rest_gives_a_flat_signal() -> None:
    assert np.ptp(run(programme=Programme(0, 60.0, ()), n=10), axis=0).max() == 0


def test_nothing_depends_on_the_future() -> None:
    later = list(PROGRAMME.blocks)
    later[2] = msgspec.structs.replace(later[2], clip=later[4].clip)
    changed = msgspec.structs.replace(PROGRAMME, blocks=tuple(later))
    onset = later[2].onset_s
    noisy = RunConfig(seed=3)
    a, b = run(config=noisy), run(programme=changed, config=noisy)
    same = int(onset)  # volumes that end before the change
    np.testing.assert_array_equal(a[:same], b[:same])
    assert (a[same + 5] != b[same + 5]).any()


def test_movement_is_real() -> None:
    placement = (3.0, -2.0, 4.0, 2.0, -1.0, 3.0)
    head = SyntheticHead()
    moved = next(simulate(head, PROGRAMME, 1, 1.0, RunConfig(**quiet(), placement=placement)))
    still = next(simulate(head, PROGRAMME, 1, 1.0, QUIET))
    np.testing.assert_array_equal(moved.motion, placement)
    forward = matrix_of(placement, centre_of(head.shape, head.affine))
    back = resample(
        moved.data.astype(np.float32), np.linalg.inv(head.affine) @ forward @ head.affine
    )
    inner = np.s_[8:-8, 8:-8, 4:-4]
    error = back[inner] - still.data[inner]
    before = moved.data[inner] - still.data[inner]
    assert error.std() < 0.1 * before.std()


def quiet(**changes: float) -> dict[str, float]:
    names = ("thermal_psc", "physiological_psc", "global_psc", "drift_psc", "step_mm", "step_deg")
    return dict.fromkeys(names, 0.0) | changes


def test_head_wanders_as_far_as_told() -> None:
    tiny = SyntheticHead(shape=(16, 16, 8), voxel_mm=(12.0, 12.0, 12.0), n_early=5, n_higher=5)
    config = RunConfig(**quiet(step_mm=0.02, step_deg=0.015))
    motion = np.stack([v.motion for v in simulate(tiny, PROGRAMME, 300, 1.0, config)])
    assert (motion[0] == 0).all()
    assert 0.05 < np.abs(motion[:, :3]).max() < 1.0
    assert 0.03 < np.abs(motion[:, 3:]).max() < 0.7


def test_noise_has_the_spread_and_memory_told() -> None:
    brain = SMALL.mask("brain") & ~SMALL.mask("early") & ~SMALL.mask("higher")
    mean = SMALL.anatomy.image[SMALL.anatomy.brain].mean()
    white = run(n=200, config=RunConfig(**quiet(thermal_psc=2.0)))[:, brain]
    assert np.median(white.std(0)) == pytest.approx(0.02 * mean, rel=0.1)
    coloured = run(n=200, config=RunConfig(**quiet(physiological_psc=3.0), autocorrelation=0.4))
    voxels = coloured[:, brain] - coloured[:, brain].mean(0)
    relative = voxels.std(0) / coloured[:, brain].mean(0)
    assert np.median(relative) == pytest.approx(0.03, rel=0.1)
    lag_one = (voxels[1:] * voxels[:-1]).mean(0) / voxels.var(0)
    assert np.median(lag_one) == pytest.approx(0.4, abs=0.05)


def test_early_voxels_look_where_they_should() -> None:
    head = SyntheticHead()
    low = head.weights[: len(head.early), 1 : 1 + N_LOW].reshape(-1, 4, GRID, GRID)
    energy = np.abs(low).sum(1)  # (voxels, rows, columns)
    column = (energy.sum(1) * np.arange(GRID)).sum(1) / energy.sum((1, 2))
    right_brain = np.unravel_index(head.early, head.shape)[0] > 31.5
    assert column[right_brain].mean() < 3.0  # the right brain sees the left half
    assert column[~right_brain].mean() > 4.0
    assert (head.weights[: len(head.early), 1 + N_LOW :] == 0).all()
    assert (head.weights[len(head.early) :, 1 : 1 + N_LOW] == 0).all()


def test_scene_features_hold_presence_picture_and_embedding() -> None:
    scene = sample_scene(np.random.default_rng(0), "house")
    features = scene_features(scene)
    assert features.shape == (N_FEATURES,)
    assert features[0] == 1
    np.testing.assert_array_equal(features[1 + N_LOW :], embed(scene))
    assert (scene_features(None) == 0).all()
    with pytest.raises(ValueError, match="read-only"):
        features[0] = 2


def test_picture_features_know_places_and_colours() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:8, 8:16] = (255, 0, 0)
    maps = picture_features(picture).reshape(4, GRID, GRID)
    assert maps[0, 0, 1] == pytest.approx(2 / 3 - 1)
    assert maps[0, 1, 1] == pytest.approx(-1)
    assert maps[1, 0, 1] == pytest.approx(1)
    assert maps[2, 0, 1] == pytest.approx(-0.5)
    assert maps[3, 0, 1] > 0.05
    assert maps[3, 5, 5] == 0


def test_response_peaks_at_five_seconds_and_undershoots() -> None:
    h = double_gamma(0.25)
    assert h.sum() == pytest.approx(1.0)
    assert 0.25 * int(np.argmax(h)) == pytest.approx(5.0, abs=0.3)
    assert h[int(12 / 0.25) : int(20 / 0.25)].min() < 0
    assert h[0] == 0


def test_slices_are_interleaved_within_the_repetition_time() -> None:
    times = slice_times_s(6, 1.5)
    np.testing.assert_allclose(times, [0, 0.75, 0.25, 1.0, 0.5, 1.25])


def test_impossible_people_and_runs_are_refused_with_all_reasons() -> None:
    with pytest.raises(ConfigError, match=r"2 problem") as caught:
        SyntheticHead(shape=(4, 64, 24), voxel_mm=(0.0, 3.0, 3.0))
    assert "shape" in str(caught.value)
    with pytest.raises(ConfigError, match="at most"):
        _ = SyntheticHead(n_early=10**6).early
    with pytest.raises(ConfigError, match="autocorrelation"):
        RunConfig(autocorrelation=1.0)
    with pytest.raises(ConfigError, match="tr_s"):
        next(simulate(SMALL, PROGRAMME, 1, 0.0))
