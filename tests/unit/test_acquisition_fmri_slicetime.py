"""Slices at one moment: exact on what polynomials follow, causal, honest about gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.fmri.config import FmriConfig
from acquisition.fmri.core import FmriCore
from acquisition.fmri.slicetime import SliceTimer
from acquisition.fmri.volume import Volume
from phosphene.errors import ConfigError, InputError

TR_S = 2.0
TIMES_S = (1.0, 0.0, 1.5, 0.5)


def measured(f: object, index: int, axis: int = 2) -> np.ndarray:
    """Volume whose slices hold a function of the time at which each is measured."""
    at = index * TR_S + np.asarray(TIMES_S)
    shape = [3, 3, 3]
    shape[axis] = 4
    line = np.asarray(f(at), np.float32)  # type: ignore[operator]
    return np.ascontiguousarray(
        np.broadcast_to(np.expand_dims(line, [a for a in range(3) if a != axis]), shape)
    )


def corrected(f: object, indices: list[int], order: int, axis: int = 2) -> list[np.ndarray]:
    timer = SliceTimer(TIMES_S, axis, 4, TR_S, order)
    return [timer.step(measured(f, k, axis), k) for k in indices]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_straight_line_comes_out_as_it_was_at_the_first_slice(axis: int) -> None:
    found = corrected(lambda t: 5 + 3 * t, [0, 1, 2, 4], 1, axis)
    for volume, index in zip(found[1:], [1, 2, 4], strict=True):
        np.testing.assert_allclose(volume, 5 + 3 * index * TR_S, rtol=1e-6)
    np.testing.assert_array_equal(found[0], measured(lambda t: 5 + 3 * t, 0, axis))


def test_cubic_follows_cubics_and_slow_waves_better() -> None:
    found = corrected(lambda t: 1 + t - t**2 / 9 + t**3 / 200, list(range(8)), 3)
    for index in range(3, 8):
        t_s = index * TR_S
        np.testing.assert_allclose(found[index], 1 + t_s - t_s**2 / 9 + t_s**3 / 200, rtol=1e-4)

    def wave(t: np.ndarray) -> np.ndarray:
        return np.sin(2 * np.pi * 0.04 * t)

    truth = wave(TR_S * np.arange(30))[4:, None, None, None]
    error = [
        float(np.abs(np.stack(corrected(wave, list(range(30)), order))[4:] - truth).max())
        for order in (1, 3)
    ]
    uncorrected = np.abs(np.stack([measured(wave, k) for k in range(4, 30)]) - truth).max()
    assert error[1] < 0.3 * error[0] < 0.3 * 0.2 * uncorrected


@given(st.data())
@settings(max_examples=20, deadline=None)
def test_nothing_later_counts_and_gaps_begin_anew(data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=8))
    indices = np.cumsum(steps).tolist()
    cut = data.draw(st.integers(1, len(indices) - 1))
    rng = np.random.default_rng(0)
    volumes = rng.normal(100, 5, (len(indices), 3, 3, 4)).astype(np.float32)
    order = data.draw(st.sampled_from([1, 3]))
    one, other = (SliceTimer(TIMES_S, 2, 4, TR_S, order) for _ in range(2))
    whole = [one.step(v, k) for v, k in zip(volumes, indices, strict=True)]
    part = [other.step(v, k) for v, k in zip(volumes[:cut], indices[:cut], strict=True)]
    for a, b in zip(whole, part, strict=False):
        np.testing.assert_array_equal(a, b)
    for k, (volume, step) in enumerate(zip(volumes, steps, strict=True)):
        np.testing.assert_array_equal(whole[k][:, :, 1], volume[:, :, 1], "the first is as it is")
        if k and step > 3:
            np.testing.assert_array_equal(whole[k], volume, "the past is too old")


def test_times_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="one per slice"):
        SliceTimer(TIMES_S, 2, 5, TR_S)
    with pytest.raises(InputError, match="within one TR"):
        SliceTimer((0.0, 2.5), 2, 2, TR_S)


def test_the_core_corrects_first_and_says_when_it_cannot() -> None:
    volume = Volume(measured(lambda t: 100 + t, 0), np.diag([3.0, 3.0, 3.0, 1.0]), 0, TR_S)
    told = replace(volume, slice_times_s=TIMES_S)
    mask = np.ones((3, 3, 4), np.bool_)
    core = FmriCore(FmriConfig(mask=mask, slice_timing="linear"))
    with pytest.raises(InputError, match="slice times in the files"):
        core.step(volume)
    core.step(told)
    assert core.sampled_s == 0.0
    later = replace(told, data=measured(lambda t: 100 + t, 1), index=1)
    np.testing.assert_allclose(core.step(later).realigned, 102.0, rtol=1e-6)
    off = FmriCore(FmriConfig(mask=mask))
    np.testing.assert_array_equal(off.step(volume).realigned, volume.data)
    assert off.sampled_s == TR_S / 2
    with pytest.raises(ConfigError, match="slice_timing"):
        FmriConfig(slice_timing="sinc")  # type: ignore[arg-type]
