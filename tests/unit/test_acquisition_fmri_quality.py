"""Displacement, change, stability, spikes, and the brain mask."""

from __future__ import annotations

import numpy as np
import pytest

from acquisition.fmri.mask import brain_mask, check_masks, mask_sha256, otsu_threshold
from acquisition.fmri.quality import (
    QualityConfig,
    QualityTracker,
    jenkinson_displacement,
    power_displacement,
)
from acquisition.fmri.rigid import matrix_of
from acquisition.simulate.head import SyntheticHead, simulate
from phosphene.errors import ConfigError, InputError
from phosphene.stimuli import Programme

STILL = (np.zeros(6), np.eye(4))
HEAD = SyntheticHead(seed=1)


def test_power_displacement_is_the_sum_with_arcs_on_50_mm() -> None:
    now = [0.1, -0.2, 0.3, 1.0, 0.0, -2.0]
    expected = 0.6 + 50 * np.pi / 180 * 3
    assert power_displacement(np.zeros(6), now) == pytest.approx(expected)
    assert power_displacement(now, now) == 0


def test_jenkinson_displacement_is_the_mean_over_a_ball() -> None:
    centre = np.array([5.0, -3.0, 20.0])
    before = matrix_of([0.3, 0.1, -0.2, 0.5, 0.2, -0.1], centre)
    now = matrix_of([-0.2, 0.4, 0.6, -0.6, 0.9, 0.4], centre)
    rng = np.random.default_rng(0)
    points = rng.uniform(-80, 80, (400_000, 3))
    points = points[np.linalg.norm(points, axis=1) < 80] + centre
    change = now @ np.linalg.inv(before) - np.eye(4)
    moved = points @ change[:3, :3].T + change[:3, 3]
    expected = np.sqrt((moved**2).sum(1).mean())
    assert jenkinson_displacement(before, now, centre) == pytest.approx(expected, rel=0.005)


def test_change_and_stability_are_what_arrays_say() -> None:
    rng = np.random.default_rng(1)
    data = (100 + rng.standard_normal((30, 500)) * rng.uniform(0.5, 3, 500)).astype(np.float32)
    tracker = QualityTracker(np.zeros(3))
    steps = [tracker.step(*STILL, volume, float(k)) for k, volume in enumerate(data)]
    assert np.isnan([steps[0].fd_mm, steps[0].dvars_psc, steps[8].tsnr]).all()
    expected = 100 * np.sqrt(((data[7] - data[6]) ** 2).mean()) / data[7].mean()
    assert steps[7].dvars_psc == pytest.approx(expected, rel=1e-5)
    last = data.astype(np.float64)
    tsnr = np.median(last.mean(0) / last.std(0, ddof=1))
    assert steps[-1].tsnr == pytest.approx(tsnr, rel=1e-5)
    assert not any(s.spike for s in steps)


def test_spikes_are_jumps_of_the_head_or_of_the_signal() -> None:
    rng = np.random.default_rng(2)
    tracker = QualityTracker(np.zeros(3), QualityConfig(spike_fd_mm=0.5))
    found = []
    for k in range(30):
        params = np.array([0.6 if k == 15 else 0.0, 0, 0, 0, 0, 0])
        volume = 100 + rng.standard_normal(200).astype(np.float32)
        volume += 10 if k == 22 else 0
        step = tracker.step(params, matrix_of(params, np.zeros(3)), volume, float(k))
        found.append(step.spike)
    # a jump there and back stands out twice
    assert np.flatnonzero(found).tolist() == [15, 16, 22, 23]
    with pytest.raises(ConfigError, match="spike_fd_mm"):
        QualityConfig(spike_fd_mm=0.0)


def test_ordinary_noise_of_a_still_head_is_no_spike() -> None:
    rng = np.random.default_rng(5)
    tracker = QualityTracker(np.zeros(3))
    level = rng.uniform(80, 120, 20_000)
    for k in range(60):
        # A few percent more or less noise than usual, now and then, as scanners have it.
        noise = rng.standard_normal(level.size) * (1.0 + 0.08 * (k % 13 == 12))
        brain = (level + noise).astype(np.float32)
        assert not tracker.step(np.zeros(6), np.eye(4), brain, float(k)).spike
    jump = (level * 1.05).astype(np.float32)
    assert tracker.step(np.zeros(6), np.eye(4), jump, 60.0).spike


def test_the_mask_is_the_brain() -> None:
    volume = next(simulate(HEAD, Programme(0, 1.0, ()), 1)).data.astype(np.float32)
    mask, truth = brain_mask(volume), HEAD.anatomy.brain
    dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    assert dice > 0.93
    assert mask[HEAD.mask("early") | HEAD.mask("higher")].mean() > 0.97


def test_the_mask_of_a_single_slice() -> None:
    volume = next(simulate(HEAD, Programme(0, 1.0, ()), 1)).data.astype(np.float32)
    mask, truth = brain_mask(volume[:, :, 12:13]), HEAD.anatomy.brain[:, :, 12:13]
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.93


def test_nothing_to_see_is_an_error() -> None:
    with pytest.raises(InputError, match="voxels of brain"):
        brain_mask(np.zeros((16, 16, 16), np.float32))
    dot = np.zeros((16, 16, 16), np.float32)
    dot[8, 8, 8] = 1000
    with pytest.raises(InputError, match="voxels of brain"):
        brain_mask(dot)


def test_otsu_separates_two_heaps() -> None:
    rng = np.random.default_rng(0)
    heaps = np.concatenate([rng.normal(10, 3, 3000), rng.normal(100, 15, 2000)])
    level = otsu_threshold(heaps.astype(np.float32))
    assert (heaps[:3000] > level).mean() + (heaps[3000:] < level).mean() < 0.005


def test_a_mask_is_known_by_its_voxels_and_where_they_lie() -> None:
    mask = np.zeros((4, 3, 2), np.bool_)
    mask[1, 1] = True
    other = mask.copy()
    other[0, 0, 0] = True
    name = mask_sha256(mask, np.eye(4))
    assert len(name) == 64
    assert name == mask_sha256(mask.copy(), np.eye(4) + 1e-7)
    assert len({name, mask_sha256(other, np.eye(4)), mask_sha256(mask, 2 * np.eye(4))}) == 3


def test_wrong_masks_are_all_named() -> None:
    good, empty = np.ones((2, 2, 2), np.bool_), np.zeros((2, 2, 2), np.bool_)
    with pytest.raises(InputError, match=r"2 problem") as caught:
        check_masks({"a": good, "b": empty, "c": np.ones((3, 2, 2), np.bool_)}, (2, 2, 2))
    assert "b: got" in str(caught.value)
    assert "c: got" in str(caught.value)


def test_spikes_enter_neither_stability_nor_drift() -> None:
    rng = np.random.default_rng(3)
    data = (100 + 2 * np.arange(40)[:, None] / 60 + rng.standard_normal((40, 300))).astype(
        np.float32
    )
    clean, spiky = QualityTracker(np.zeros(3)), QualityTracker(np.zeros(3))
    for k, volume in enumerate(data):
        jolted, lost = volume + 40 * (k == 20), k == 30
        last = spiky.step(*STILL, jolted, float(k), lost=lost)
        assert last.spike == (k in (20, 21, 30))
        if not last.spike:
            expected = clean.step(*STILL, volume, float(k))
    assert last.tsnr == pytest.approx(expected.tsnr, rel=1e-6)
    assert last.drift_psc_per_min == pytest.approx(expected.drift_psc_per_min, rel=1e-6)
    assert last.drift_psc_per_min == pytest.approx(2.0, abs=0.4), "2 of 100 per 60 s"


def test_a_volume_beyond_all_measure_is_a_spike_and_no_overflow() -> None:
    tracker, rng = QualityTracker(np.zeros(3)), np.random.default_rng(0)
    brain = rng.normal(1000, 10, (13, 200)).astype(np.float32)
    for k in range(12):
        tracker.step(np.zeros(6), np.eye(4), brain[k], 2.0 * k)
    huge = tracker.step(np.zeros(6), np.eye(4), brain[12] * np.float32(1e33), 24.0)
    assert huge.spike
    assert huge.dvars_psc == pytest.approx(100, rel=0.01)
