from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from acquisition.eeg import filters
from acquisition.eeg.config import FilterConfig
from acquisition.eeg.filters import CausalFilter, design_sos, group_delay_ms, settling_samples
from phosphene.errors import InputError

FS_HZ = 250.0
CONFIGS = (
    FilterConfig(),
    FilterConfig(low_hz=None, notch_hz=(50.0, 100.0)),
    FilterConfig(low_hz=1.0, high_hz=None, low_order=3),
    FilterConfig(low_hz=None, high_hz=None),
)


def noise(n: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(5000.0, 20.0, (n, channels))


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=12), which=st.integers(0, len(CONFIGS) - 1))
def test_any_chunking_gives_the_bits_of_one_pass(cuts: list[int], which: int) -> None:
    x = noise(400)
    sos = design_sos(CONFIGS[which], FS_HZ)
    zi = signal.sosfilt_zi(sos)[:, :, np.newaxis] * x[0]
    whole, _ = signal.sosfilt(sos, x, axis=0, zi=zi)
    run = CausalFilter(sos, 3)
    parts = [run(part) for part in np.split(x, sorted(cuts))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_an_offset_makes_no_step() -> None:
    run = CausalFilter(design_sos(FilterConfig(low_hz=0.5), FS_HZ), 2)
    out = run(np.full((100, 2), 20_000.0))
    assert np.abs(out).max() < 1e-6


def test_reset_starts_anew() -> None:
    run = CausalFilter(design_sos(FilterConfig(), FS_HZ), 3)
    x = noise(50)
    first = run(x)
    run.reset()
    np.testing.assert_array_equal(run(x), first)


def test_the_pass_band_passes_and_the_rest_does_not() -> None:
    sos = design_sos(FilterConfig(low_hz=1.0, high_hz=20.0, notch_hz=(50.0,)), FS_HZ)
    _, gain = signal.sosfreqz(sos, worN=[0.01, 6.0, 50.0, 100.0], fs=FS_HZ)
    assert np.abs(gain[0]) < 0.02
    assert np.abs(gain[1]) > 0.95
    assert np.abs(gain[2]) < 1e-6
    assert np.abs(gain[3]) < 0.01


def test_the_group_delay_is_the_delay_of_a_burst() -> None:
    sos = design_sos(FilterConfig(low_hz=None, high_hz=15.0), FS_HZ)
    t = np.arange(1000) / FS_HZ
    burst = np.exp(-0.5 * ((t - 2.0) / 0.25) ** 2) * np.sin(2 * np.pi * 6.0 * t)
    out = signal.sosfilt(sos, burst)
    centre_s = [np.sum(t * e) / e.sum() for e in (np.abs(signal.hilbert(s)) for s in (burst, out))]
    assert group_delay_ms(sos, FS_HZ, 6.0)[0] == pytest.approx(
        1e3 * (centre_s[1] - centre_s[0]), abs=1.5
    )


def test_settling_follows_the_slowest_mode() -> None:
    slow = settling_samples(design_sos(FilterConfig(low_hz=0.1), FS_HZ))
    fast = settling_samples(design_sos(FilterConfig(low_hz=1.0), FS_HZ))
    # A first-order high-pass decays as exp(-2 pi f t): 5 % is left after 3 / (2 pi f) seconds.
    assert slow == pytest.approx(3.0 / (2 * np.pi * 0.1) * FS_HZ, rel=0.02)
    assert fast == pytest.approx(slow / 10, rel=0.02)
    assert settling_samples(design_sos(CONFIGS[3], FS_HZ)) == 0


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"allowed: \(n, 3\)"):
        CausalFilter(design_sos(FilterConfig(), FS_HZ), 3)(np.zeros((5, 4)))


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 300), max_size=12))
def test_the_loop_inside_scipy_and_its_door_give_the_same_bits(cuts: list[int]) -> None:
    sos = filters.design_sos(FilterConfig(low_hz=1.0, high_hz=40.0, notch_hz=(50.0,)), 250.0)
    x = np.random.default_rng(3).normal(500.0, 30.0, (300, 3))
    made = []
    for run in (filters._run, filters._run_publicly):
        state = np.ascontiguousarray(signal.sosfilt_zi(sos) * x[0][:, np.newaxis, np.newaxis])
        chunks = [part for part in np.split(x, sorted(cuts)) if len(part)]
        parts = [np.array(part.T, order="C") for part in chunks]
        for part in parts:
            run(sos, part, state)
        made.append((np.concatenate(parts, axis=1), state))
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)
