from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.eeg.channels import (
    ChannelFlag,
    ChannelQuality,
    HoldLast,
    average_reference,
    channel_quality,
)
from acquisition.eeg.config import QualityConfig


def good(n: int = 200, channels: int = 6, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 10.0, (n, channels))


def check(raw: np.ndarray, held: np.ndarray | None = None, **limits: float) -> ChannelQuality:
    mask = np.zeros(raw.shape, dtype=bool) if held is None else held
    return channel_quality(raw, mask, raw, QualityConfig(**limits))


def test_good_channels_have_no_flags() -> None:
    found = check(good())
    assert found.flags.tolist() == [0] * 6
    assert found.usable.all()
    assert not found.rejected


def test_each_fault_has_its_flag() -> None:
    raw = good()
    raw[:, 0] = 7.0
    raw[:, 1] = np.clip(raw[:, 1] * 3, -12.0, 12.0)
    raw[:, 2] *= 20.0
    held = np.zeros(raw.shape, dtype=bool)
    held[5, 3] = True
    raw[100, 4] = 150.0
    found = check(raw, held)
    assert found.flags[0] == ChannelFlag.FLAT
    assert found.flags[1] == ChannelFlag.RAILED
    assert found.flags[2] & ChannelFlag.NOISY
    assert found.flags[3] == ChannelFlag.HELD
    assert found.flags[4] == ChannelFlag.LARGE
    assert found.flags[5] == 0
    assert found.usable.tolist() == [False, False, True, True, True, True]
    assert found.n_held == 1
    assert found.rejected


def test_a_large_bad_channel_alone_rejects_nothing() -> None:
    raw = good()
    raw[:, 2] *= 40.0
    found = check(raw)
    assert found.flags[2] & ChannelFlag.LARGE
    assert not found.rejected


def test_too_few_good_channels_reject() -> None:
    raw = good()
    raw[:, :4] = 0.0
    assert check(raw).rejected


def test_the_rail_can_be_named() -> None:
    raw = good()
    raw[:, 0] = 950.0 + np.arange(200) * 0.3
    assert check(raw, rail_uv=900.0).flags[0] & ChannelFlag.RAILED
    assert not check(raw).flags[0] & ChannelFlag.RAILED


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 60), max_size=6), seed=st.integers(0, 50))
def test_holding_does_not_depend_on_the_chunks(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 2))
    x[rng.random(x.shape) < 0.4] = np.nan
    x[3, 0] = np.inf
    whole, held = HoldLast(2)(x)
    hold = HoldLast(2)
    parts = [hold(part) for part in np.split(x, sorted(cuts))]
    np.testing.assert_array_equal(np.concatenate([p[0] for p in parts]), whole)
    np.testing.assert_array_equal(np.concatenate([p[1] for p in parts]), held)
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(held, ~np.isfinite(x))
    for column in range(2):
        last = 0.0
        for row in range(60):
            last = last if held[row, column] else x[row, column]
            assert whole[row, column] == last


def test_the_average_leaves_bad_channels_out() -> None:
    raw = good()
    raw[:, 0] = 1e6
    usable = np.array([False, True, True, True, True, True])
    out = average_reference(raw, usable)
    assert np.abs(out[:, 1:].mean(axis=1)).max() < 1e-9
    np.testing.assert_array_equal(average_reference(raw, np.zeros(6, dtype=bool)), raw)


def test_common_noise_goes_with_the_average() -> None:
    hum = 40.0 * np.sin(np.arange(200))[:, np.newaxis]
    out = average_reference(good() + hum, np.ones(6, dtype=bool))
    assert out == pytest.approx(average_reference(good(), np.ones(6, dtype=bool)))
