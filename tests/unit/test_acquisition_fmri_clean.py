"""Causal cleaning against the same thing done offline."""

from __future__ import annotations

import numpy as np
import pytest

from acquisition.fmri.clean import BaselineStats, CleanConfig, Cleaner, CleanStep
from phosphene.errors import ConfigError, InputError

N, V = 120, 40
STILL = np.zeros(6)


def noise(seed: int = 0, n: int = N) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sd = rng.uniform(2, 20, V)
    return (500 + rng.uniform(-100, 100, V) + sd * rng.standard_normal((n, V))).astype(np.float32)


def motions(seed: int = 0) -> np.ndarray:
    steps = 0.05 * np.random.default_rng(seed).standard_normal((N, 6))
    return np.cumsum(steps, 0) - steps[0]


def run(
    data: np.ndarray,
    cleaner: Cleaner | None = None,
    motion: np.ndarray | None = None,
    tr_s: float = 2.0,
) -> list[CleanStep]:
    cleaner = cleaner or Cleaner(V)
    motion = np.zeros((len(data), 6)) if motion is None else motion
    return [cleaner.step(data[k], k * tr_s, motion[k]) for k in range(len(data))]


def test_each_step_equals_ridge_regression_on_the_past() -> None:
    config = CleanConfig(drift_order=2, memory_s=np.inf)
    data, motion = noise(), motions()
    steps = run(data, Cleaner(V, config), motion)
    t = np.arange(N) * 2.0 / 300.0
    X = np.c_[np.ones(N), t, t**2, motion]
    penalty = np.diag([1e-8, *[4.0] * 8])  # 1 / prior variance
    for k in (5, 30, N - 1):
        normal = X[:k].T @ X[:k] + penalty
        predicted = X[k] @ np.linalg.solve(normal, X[:k].T @ data[:k])
        unknown = np.sqrt(1 + X[k] @ np.linalg.solve(normal, X[k]))
        np.testing.assert_allclose(steps[k].baseline, predicted, atol=0.01)
        np.testing.assert_allclose(steps[k].deviation, (data[k] - predicted) / unknown, atol=0.01)


def test_drift_and_movement_go_and_a_response_stays() -> None:
    motion = motions(3)
    response = np.tile(np.repeat([0.0, 1.0], 6), N // 12)
    rng = np.random.default_rng(3)
    ramp, sway = np.linspace(0, 30, N), 10 * motion[:, 1]
    data = noise(3) + (ramp + sway)[:, None] + 30 * response[:, None] * (np.arange(V) < V // 2)
    left = np.stack([s.deviation for s in run(data.astype(np.float32), None, motion)])[24:]

    def follows(what: np.ndarray, voxels: slice) -> float:
        return float(np.corrcoef(left[:, voxels].mean(1), what[24:])[0, 1])

    assert follows(response, slice(0, V // 2)) > 0.9
    assert abs(follows(sway, slice(V // 2, V))) < 0.5
    assert abs(follows(ramp, slice(V // 2, V))) < 0.5
    assert abs(follows(rng.permutation(response), slice(0, V // 2))) < 0.4  # chance


def test_features_have_unit_spread_and_warm_up_is_told() -> None:
    steps = run(noise(), Cleaner(V, CleanConfig(warmup_volumes=15)))
    assert [s.ready for s in steps].index(True) == 14
    z = np.stack([s.z for s in steps[60:]])
    assert np.median(z.std(0)) == pytest.approx(1.0, abs=0.1)
    assert z.dtype == np.float32
    assert abs(z.mean()) < 0.1


def test_memory_decides_how_fast_a_new_level_is_taken() -> None:
    data = noise(1)
    data[60:] += 50
    late = {}
    for memory_s in (40.0, 400.0):
        config = CleanConfig(drift_order=0, motion=False, memory_s=memory_s)
        steps = run(data, Cleaner(V, config))
        late[memory_s] = np.mean([s.deviation.mean() for s in steps[100:]])
    assert abs(late[40.0]) < 10 < late[400.0]


def test_nothing_later_matters_and_bits_repeat() -> None:
    data, motion = noise(), motions()
    changed = data.copy()
    changed[50:] *= 2
    a, b, again = run(data, None, motion), run(changed, None, motion), run(data, None, motion)
    for k in range(N):
        assert a[k].z.tobytes() == again[k].z.tobytes()
        assert (a[k].z.tobytes() == b[k].z.tobytes()) == (k < 50)


def test_a_spike_teaches_nothing() -> None:
    data = noise()
    with_spike, without = Cleaner(V), Cleaner(V)
    for k in range(30):
        with_spike.step(data[k], 2.0 * k, STILL)
        without.step(data[k], 2.0 * k, STILL)
    odd = with_spike.step(data[30] * 3, 60.0, STILL, learn=False)
    assert odd.z.min() > 5
    after, never = (c.step(data[31], 62.0, STILL) for c in (with_spike, without))
    np.testing.assert_array_equal(after.z, never.z)


def test_a_spike_in_one_voxel_teaches_little() -> None:
    data = noise()
    odd = data.copy()
    odd[40, 0] += 50 * data[:40, 0].std()
    spoiled, clean = run(odd), run(data)
    assert spoiled[40].z[0] > 30
    sd = data[:40, 0].std()
    assert abs(spoiled[41].baseline[0] - clean[41].baseline[0]) < 0.5 * sd
    late = [abs(steps[60].z[0]) for steps in (spoiled, clean)]
    assert late[0] == pytest.approx(late[1], rel=0.4, abs=0.2)
    # Young spreads are drawn towards the median of all, which one voxel hardly moves.
    np.testing.assert_allclose(spoiled[70].z[1:], clean[70].z[1:], rtol=0.02)


def test_given_statistics_work_from_the_first_volumes_on() -> None:
    calibration = Cleaner(V)
    run(noise(0), calibration)
    stats = calibration.stats()
    today = 1.3 * noise(0, 200)[N:]  # the same voxels later, a brighter receiver
    cleaner = Cleaner(V, CleanConfig(given_warmup_volumes=3), stats)
    steps = run(today.astype(np.float32), cleaner)
    assert [s.ready for s in steps[:3]] == [False, False, True]
    z = np.stack([s.z for s in steps[3:]])
    assert np.median(z.std(0)) == pytest.approx(1.0, abs=0.15)
    assert np.abs(z[:5]).mean() < 1.2


def test_given_baseline_goes_on_learning() -> None:
    calibration = Cleaner(V)
    run(noise(0), calibration)
    shifted = noise(5) + np.where(np.arange(V) % 2, 15.0, -15.0)
    shifted = (shifted - noise(5).mean(0) + calibration.stats().mean).astype(np.float32)
    steps = run(shifted, Cleaner(V, stats=calibration.stats()))
    first = np.median(shifted[0] / calibration.stats().mean) * calibration.stats().mean
    np.testing.assert_allclose(steps[0].baseline, first)
    late = np.mean([s.deviation for s in steps[60:]], 0)
    assert np.abs(late).mean() < 3.0


def test_wrong_statistics_and_settings_are_refused() -> None:
    with pytest.raises(InputError, match="40 voxels"):
        Cleaner(V, stats=BaselineStats(np.ones(3), np.ones(3)))
    with pytest.raises(InputError, match="dead voxels"):
        BaselineStats(np.ones(3), np.array([1.0, 0.0, 1.0]))
    with pytest.raises(InputError, match="finite"):
        BaselineStats(np.array([np.nan]), np.ones(1))
    with pytest.raises(InputError, match="two vectors"):
        BaselineStats(np.ones(3), np.ones(2))
    with pytest.raises(ConfigError, match=r"4 problem"):
        CleanConfig(drift_order=9, memory_s=0.0, warmup_volumes=1, given_warmup_volumes=0)


def test_constant_voxels_give_zeros_not_infinities() -> None:
    steps = run(np.full((30, V), 7.0, np.float32))
    assert np.isfinite([s.z for s in steps]).all()
    assert np.abs(steps[-1].z).max() < 1.0
