"""Artefact stages: any chunking gives the same samples, and they do what they are for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from acquisition.eeg.asr import AsrModel, AsrStage, calibrate_asr, clean_rows
from acquisition.eeg.channels import ChannelFlag
from acquisition.eeg.cleaner import Cleaner
from acquisition.eeg.config import AsrConfig, EegConfig, EpochConfig, FilterConfig, GradientConfig
from acquisition.eeg.core import EegCore
from acquisition.eeg.filters import band_delay_ms, design_sos
from acquisition.eeg.gradient import GradientStage
from acquisition.eeg.interpolate import spline_weights
from acquisition.eeg.montage import place_of, places
from phosphene.errors import ConfigError, InputError

FS_HZ = 128.0
NAMES = ("Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2")
N = len(NAMES)


def brain(n: int, seed: int = 0) -> np.ndarray:
    """Smooth activity that neighbours share, in microvolts, with electrode offsets."""
    rng = np.random.default_rng(seed)
    mixing = np.eye(N) + 0.4 * rng.normal(size=(N, N))
    noise = signal.lfilter([1.0], [1.0, -0.9], rng.normal(0, 4.0, (n, N)), axis=0)
    return noise @ mixing + 1000.0 * rng.normal(size=N)


def config(**changes: object) -> EegConfig:
    values: dict[str, object] = {
        "fs_hz": FS_HZ,
        "channel_names": NAMES,
        "filter": FilterConfig(low_hz=1.0, high_hz=30.0),
        "epoch": EpochConfig(stop_s=0.5),
    }
    return EegConfig(**(values | changes))


def gradients(n: int, period: int, size_uv: float = 2000.0) -> np.ndarray:
    """The artefact of a scan: the same in every volume, other in each channel."""
    rng = np.random.default_rng(5)
    wave = rng.normal(0, size_uv, (period, N))
    wave -= wave.mean(axis=0)
    return np.tile(wave, (n // period + 1, 1))[:n]


def chunked(stage: Cleaner, x: np.ndarray, cuts: list[int]) -> np.ndarray:
    return np.concatenate([stage(part)[1] for part in np.split(x, sorted(cuts))])


@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(0, 1500), max_size=25))
def test_any_chunking_gives_the_bits_of_one_pass(cuts: list[int]) -> None:
    x = brain(1500)
    x[:, :2] += 400.0 * ((np.arange(1500) // 60) % 9 == 0)[:, np.newaxis]
    x[640:] += gradients(860, 96)
    made = []
    for pieces in ([], cuts):
        stage = Cleaner(
            config(
                asr=AsrConfig(calibration_s=10.0),
                gradient=GradientConfig(tr_s=0.75, least=2, n_average=3, wait_s=0.05),
            ),
            calibrate_asr(np.random.default_rng(0).normal(0, 8.0, (2000, N)), FS_HZ, 5.0),
        )
        stage.restart(0)
        for start in range(640, 1500, 96):
            stage.trigger(start)
        made.append(chunked(stage, x, pieces))
    np.testing.assert_array_equal(made[0], made[1])
    assert 1500 - len(made[0]) <= stage.delay_samples


def test_without_artefact_stages_the_output_is_one_pass_of_sosfilt() -> None:
    x, sos = brain(700), design_sos(config().filter, FS_HZ)
    whole, _ = signal.sosfilt(sos, x, axis=0, zi=signal.sosfilt_zi(sos)[:, :, np.newaxis] * x[0])
    stage = Cleaner(config())
    np.testing.assert_array_equal(chunked(stage, x, [1, 2, 250, 251]), whole)


@settings(max_examples=15, deadline=None)
@given(at=st.integers(200, 1200))
def test_nothing_later_than_a_block_changes_it(at: int) -> None:
    model = calibrate_asr(np.random.default_rng(0).normal(0, 8.0, (2000, N)), FS_HZ, 5.0)
    x = np.random.default_rng(1).normal(0, 8.0, (1300, N))
    y = x.copy()
    y[at:] *= 40.0
    a, b = (AsrStage(model, FS_HZ, N, 5.0, 60.0)(z) for z in (x, y))
    known = at // 4 * 4
    np.testing.assert_array_equal(a[:known], b[:known])
    assert not np.array_equal(a[at + 8 :], b[at + 8 :])


def test_clean_data_pass_and_large_ones_are_put_together_anew() -> None:
    x = signal.sosfilt(design_sos(config().filter, FS_HZ), brain(8000), axis=0)
    model = calibrate_asr(x[:6000], FS_HZ, 20.0)
    stage = AsrStage(model, FS_HZ, N, 20.0, 60.0)
    later = x[6000:]
    np.testing.assert_allclose(stage(later), later)
    assert stage.n_repaired == 0
    blink = np.zeros(len(later))
    blink[900:980] = 3000.0 * np.hanning(80)
    pattern = np.array([1.0, 0.9, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05])
    spoiled = later + blink[:, np.newaxis] * pattern
    out = AsrStage(model, FS_HZ, N, 20.0, 60.0)(spoiled)
    during = slice(910, 970)
    before = np.sqrt(np.mean((spoiled - later)[during] ** 2))
    after = np.sqrt(np.mean((out - later)[during] ** 2))
    assert after < 0.05 * before
    np.testing.assert_allclose(out[:880], later[:880])
    np.testing.assert_allclose(out[1200:], later[1200:])


def test_the_model_comes_from_the_first_seconds_where_none_is_given() -> None:
    x = np.random.default_rng(0).normal(0, 8.0, (3000, N))
    stage = AsrStage(None, FS_HZ, N, 5.0, 10.0)
    assert stage.unready_samples == 1280 + 2 * 128
    np.testing.assert_array_equal(stage(x[:1279]), x[:1276])
    assert stage.learned() is None
    stage(x[1279:1290])
    assert stage.model is None, "it is applied from a sample on, not from a moment on"
    assert stage.learned() is not None
    stage(x[1290:])
    assert stage.model is not None
    np.testing.assert_allclose(stage.model.limits, calibrate_asr(x[:1280], FS_HZ, 5.0).limits)
    core = EegCore(config(asr=AsrConfig(calibration_s=10.0)))
    assert core.ready_index >= 1280


@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(1200, 1700), max_size=8), wait=st.booleans())
def test_when_the_learning_thread_is_ready_changes_nothing(cuts: list[int], wait: bool) -> None:
    x = np.random.default_rng(0).normal(0, 8.0, (1800, N))
    x[1500:1600] *= 30.0
    whole = AsrStage(None, FS_HZ, N, 5.0, 10.0)
    expected = whole(x)
    assert whole.n_repaired > 0
    stage, parts = AsrStage(None, FS_HZ, N, 5.0, 10.0), []
    for part in np.split(x, sorted(cuts)):
        parts.append(stage(part))
        if wait:
            stage.learned()
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    np.testing.assert_array_equal(expected[: stage.unready_samples], x[: stage.unready_samples])


def test_conspicuous_windows_teach_nothing() -> None:
    x = np.random.default_rng(0).normal(0, 8.0, (4000, N))
    y = x.copy()
    y[1000:1300] *= 50.0
    assert not clean_rows(y, FS_HZ)[1000:1300].any()
    assert clean_rows(x, FS_HZ).mean() > 0.95
    a, b = calibrate_asr(x, FS_HZ, 5.0), calibrate_asr(y, FS_HZ, 5.0)
    np.testing.assert_allclose(np.diag(b.mixing), np.diag(a.mixing), rtol=0.1)
    with pytest.raises(InputError, match="5 s or more"):
        calibrate_asr(x[:300], FS_HZ, 5.0)
    with pytest.raises(InputError, match="8 channels"):
        AsrStage(AsrModel(np.eye(3), np.eye(3)), FS_HZ, N, 5.0, 60.0)


def scanned(stage: GradientStage, x: np.ndarray, triggers: list[int]) -> np.ndarray:
    for trigger in triggers:
        stage.trigger(trigger)
    return np.concatenate([stage(part) for part in np.array_split(x, 37)])


def test_the_artefact_of_the_volumes_goes_and_the_brain_stays() -> None:
    period, begin, n = 100, 300, 6000
    x = brain(n) - brain(n).mean(axis=0)
    artefact = np.zeros_like(x)
    artefact[begin:5000] = gradients(4700, period)
    stage = GradientStage(N, period, n_average=25, least=5)
    out = scanned(stage, x + artefact, list(range(begin, 5000, period)))
    assert stage.learning == (begin, begin + 5 * period)
    late = slice(begin + 25 * period, 5000)
    left = np.sqrt(np.mean((out - x)[late] ** 2))
    assert left < 0.01 * np.sqrt(np.mean(artefact[late] ** 2))
    # What is left is the brain that went into the mean of 25 volumes.
    assert left < 0.35 * np.sqrt(np.mean(x[late] ** 2))
    np.testing.assert_array_equal(out[:begin], x[:begin])
    np.testing.assert_array_equal(out[5000:], x[5000:])


def test_only_past_volumes_are_in_the_template() -> None:
    period = 100
    x = brain(2000) + gradients(2000, period)
    y = x.copy()
    y[1500:] += 500.0
    triggers = list(range(0, 2000, period))
    a, b = (scanned(GradientStage(N, period), z, triggers) for z in (x, y))
    np.testing.assert_array_equal(a[:1500], b[:1500])


def test_triggers_may_come_late_but_not_later_than_that() -> None:
    period, wait = 100, 10
    x = brain(1200) + gradients(1200, period)
    at_once = scanned(GradientStage(N, period, least=2, wait=wait), x, list(range(0, 1200, period)))
    stage = GradientStage(N, period, least=2, wait=wait)
    parts = []
    for begin in range(0, 1200, 10):
        parts.append(stage(x[begin : begin + 10]))
        if begin % period == 0:
            stage.trigger(begin)
    np.testing.assert_array_equal(np.concatenate(parts), at_once)
    assert (stage.n_late, len(at_once)) == (0, 1190)
    stage.trigger(1100)
    assert stage.n_late == 1


def test_bounced_triggers_begin_no_volume_and_a_new_scan_learns_anew() -> None:
    period = 100
    x = brain(3000)
    x[:1000] += gradients(1000, period)
    x[2000:] += 3.0 * gradients(1000, period)
    stage = GradientStage(N, period, least=3)
    triggers = [t + d for t in range(0, 1000, period) for d in (0, 2)]
    out = scanned(stage, x, triggers + list(range(2000, 3000, period)))
    assert stage.learning == (2000, 2300)
    np.testing.assert_array_equal(out[1000:2300], x[1000:2300])
    assert np.abs(out[2300:] - brain(3000)[2300:]).max() < 0.02 * np.abs(x[2300:]).max()


def test_epochs_are_not_ready_while_gradients_are_learned() -> None:
    core = EegCore(config(gradient=GradientConfig(tr_s=1.0, least=3, wait_s=0.1)))
    x = brain(2000)
    x[512:] += gradients(1488, 128)
    for second in range(4, 15):
        core.trigger(float(second))
    for t_s in (2.0, 5.0, 12.0):
        core.marker(t_s, "a")
    steps = core.push(x, 0)
    assert [s.ready for s in steps] == [True, False, True]
    assert np.abs(steps[2].features).max() < 100.0
    assert core.next_index == 2000
    assert core.cleaner.delays_ms["gradient_delay_ms"] == pytest.approx(101.6, abs=0.1)


def test_electrodes_sit_where_their_names_say() -> None:
    known = {name: place_of(name) for name in ("Cz", "Fpz", "Oz", "T7", "T8", "C3", "TP10", "T3")}
    for place in known.values():
        assert place is not None
        assert np.linalg.norm(place) == pytest.approx(1.0)
    np.testing.assert_allclose(known["Cz"], [0, 0, 1], atol=1e-9)
    assert known["Fpz"][1] > 0.99
    assert known["Oz"][1] < -0.99
    np.testing.assert_array_equal(known["T3"], known["T7"])
    assert known["TP10"][0] > 0.5 > 0 > known["TP10"][2]
    for name in ("F", "FC", "C", "CP", "P"):
        left, right = place_of(f"{name}3"), place_of(f"{name}4")
        np.testing.assert_allclose(left * [-1, 1, 1], right, atol=1e-9)
    np.testing.assert_array_equal(place_of("EEG Pz-REF"), place_of("PZ"))
    assert place_of("ECG") is None
    assert places(["Cz", "AUX"]) is None


def test_a_smooth_potential_is_interpolated() -> None:
    names = [
        f"{row}{k}" for row in ("F", "C", "P") for k in ("7", "3", "z", "4", "8") if row != "C"
    ]
    names += ["T7", "C3", "Cz", "C4", "T8", "O1", "Oz", "O2", "Fp1", "Fp2"]
    where = places(names)
    assert where is not None
    potential = where @ np.array([0.5, 1.0, -0.7]) + 0.3 * where[:, 0] * where[:, 2]
    for bad in (2, 7, 12):
        rest = np.arange(len(names)) != bad
        weights = spline_weights(where[rest], where[[bad]])
        assert weights.sum() == pytest.approx(1.0)
        assert weights @ potential[rest] == pytest.approx([potential[bad]], abs=0.06)


def test_bad_channels_are_filled_in_where_places_are_known() -> None:
    x = brain(800)
    x[:, 4] = 0.0
    plain = EegCore(config(bad_channels=("O2",)))
    filled = EegCore(config(bad_channels=("O2",), interpolate=True))
    nowhere = EegCore(
        config(channel_names=tuple("abcdefgh"), bad_channels=("h",), interpolate=True)
    )
    steps = []
    for core in (plain, filled, nowhere):
        core.marker(4.0, "a")
        steps += core.push(x, 0)
    for step in (steps[0], steps[2]):
        assert (step.features[[4, 7]] == 0).all()
        assert step.quality[7] == ChannelFlag.LISTED
    assert (steps[1].features[[4, 7]] != 0).any(axis=1).all()
    assert steps[1].quality[4] == ChannelFlag.FLAT | ChannelFlag.INTERPOLATED
    np.testing.assert_array_equal(steps[1].features[:4], steps[0].features[:4])
    with pytest.raises(ConfigError, match="bad_channels"):
        EegConfig.from_mapping({"fs_hz": 100, "channel_names": ["a"], "bad_channels": ["b"]})


def test_the_delay_of_the_band_is_that_of_its_middle() -> None:
    mean, largest = band_delay_ms(FilterConfig(low_hz=0.3, high_hz=15.0), 256.0)
    assert 20.0 < mean < largest < 300.0
    wide, _ = band_delay_ms(FilterConfig(low_hz=1.0, high_hz=30.0, notch_hz=(20.0,)), 256.0)
    assert 5.0 < wide < mean
