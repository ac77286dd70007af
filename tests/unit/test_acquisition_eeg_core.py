from __future__ import annotations

from itertools import cycle, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.eeg.channels import ChannelFlag
from acquisition.eeg.config import EegConfig, EpochConfig, FilterConfig, QualityConfig, WindowConfig
from acquisition.eeg.core import EegCore, EegStep
from phosphene.errors import CausalityError, ConfigError, InputError

FS_HZ = 100.0
NAMES = ("Pz", "O1", "Oz", "O2")


def config(**changes: object) -> EegConfig:
    values: dict[str, object] = {
        "fs_hz": FS_HZ,
        "channel_names": NAMES,
        "epoch": EpochConfig(start_s=-0.1, stop_s=0.5, baseline_s=(-0.2, 0.0)),
        "window": WindowConfig(length_s=0.7, hop_s=0.33),
        "filter": FilterConfig(low_hz=1.0, high_hz=20.0),
        "quality": QualityConfig(large_uv=500.0),
        "history_s": 2.0,
    }
    return EegConfig(**(values | changes))


def recording(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = 300.0 + np.cumsum(rng.normal(0.0, 3.0, (n, len(NAMES))), axis=0)
    x[rng.random(x.shape) < 0.002] = np.nan
    return x


def play(
    core: EegCore,
    x: np.ndarray,
    cuts: list[int],
    markers: list[tuple[float, str]],
    ahead: list[bool] | None = None,
) -> list[EegStep]:
    """Feed chunks; a marker comes before the first chunk that ends after it."""
    turns = cycle(ahead or [False])
    steps: list[EegStep] = []
    waiting = sorted(markers)
    edges = sorted({0, len(x), *(c for c in cuts if c < len(x))})
    for begin, end in pairwise(edges):
        while waiting and waiting[0][0] * FS_HZ < end:
            steps += core.marker(*waiting.pop(0))
        steps += core.push(x[begin:end], begin)
        if next(turns):
            core.work_ahead()
    return steps


def same(a: EegStep, b: EegStep) -> None:
    np.testing.assert_array_equal(a.features, b.features)
    np.testing.assert_array_equal(a.quality, b.quality)
    assert (a.kind, a.index, a.t_event_s, a.t_last_s, a.label, a.ready, a.rejected, a.n_held) == (
        (b.kind, b.index, b.t_event_s, b.t_last_s, b.label, b.ready, b.rejected, b.n_held)
    )


@settings(max_examples=30, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 700), max_size=20),
    reference=st.sampled_from(["none", "average"]),
    times=st.lists(st.floats(0.3, 6.9), max_size=8, unique=True),
    ahead=st.lists(st.booleans(), max_size=3),
)
def test_chunks_and_work_ahead_never_change_a_bit(
    cuts: list[int], reference: str, times: list[float], ahead: list[bool]
) -> None:
    x = recording(700)
    markers = [(t, f"m{k}") for k, t in enumerate(sorted(times))]
    whole = play(EegCore(config(reference=reference)), x, [], markers)
    cut = play(EegCore(config(reference=reference)), x, cuts, markers, ahead)
    assert len(whole) == len(cut)
    for a, b in zip(whole, cut, strict=True):
        same(a, b)


@settings(max_examples=30, deadline=None)
@given(late_s=st.floats(0.0, 1.5), t_s=st.floats(0.5, 4.0))
def test_a_late_marker_gives_the_same_epoch(late_s: float, t_s: float) -> None:
    x = recording(700)
    early = EegCore(config(window=None))
    early.marker(t_s, "a")
    (expected,) = early.push(x, 0)
    late = EegCore(config(window=None))
    stop = int((t_s + late_s) * FS_HZ)
    steps = late.push(x[:stop], 0) + late.marker(t_s, "a") + late.push(x[stop:], stop)
    assert len(steps) == 1
    same(steps[0], expected)


@settings(max_examples=25, deadline=None)
@given(future=st.integers(0, 300))
def test_nothing_later_than_the_last_sample_is_used(future: int) -> None:
    x = recording(700)
    core = EegCore(config())
    core.marker(2.0, "a")
    before = [s for s in core.push(x[:300], 0) if s.t_last_s < 3.0]
    y = x.copy()
    y[300 + future :] += 1e4
    other = EegCore(config())
    other.marker(2.0, "a")
    after = [s for s in other.push(y, 0) if s.t_last_s < 3.0]
    assert len(before) == len(after) > 3
    for a, b in zip(before, after, strict=True):
        same(a, b)


def test_the_epoch_holds_the_samples_around_the_marker() -> None:
    plain = config(
        filter=FilterConfig(low_hz=None, high_hz=None),
        epoch=EpochConfig(start_s=0.0, stop_s=0.4),
        window=None,
        feature_rate_max_hz=50.0,
    )
    x = np.tile(np.arange(300.0)[:, np.newaxis], (1, 4)) + np.array([0.0, 0.5, 1.0, 1.5])
    core = EegCore(plain)
    core.marker(1.003, "seen")
    (step,) = core.push(x, 0)
    assert step.features.shape == (4, 20)
    assert step.features.dtype == np.float32
    assert step.features[0].tolist() == [100.5 + 2 * k for k in range(20)]
    assert step.t_last_s == 1.39
    assert (step.label, step.t_event_s, step.kind, step.index) == ("seen", 1.003, "epoch", 0)


def test_the_baseline_is_subtracted() -> None:
    plain = config(
        filter=FilterConfig(low_hz=None, high_hz=None),
        epoch=EpochConfig(start_s=0.0, stop_s=0.2, baseline_s=(-0.1, 0.0)),
        window=None,
        feature_rate_max_hz=10.0,
    )
    x = np.zeros((200, 4))
    x[:, 0] = np.tile([29.0, 30.0, 31.0, 30.0, 33.0, 27.0, 30.0, 30.0, 32.0, 28.0], 20)
    x[100:, 0] += 7.0
    core = EegCore(plain)
    core.marker(1.0, None)
    (step,) = core.push(x, 0)
    assert step.features[0] == pytest.approx(7.0)


def test_a_marker_whose_samples_are_gone_is_counted() -> None:
    core = EegCore(config(window=None, history_s=0.5))
    core.push(recording(1500), 0)
    assert core.marker(1.0, "old") == []
    assert core.counts.too_late == 1
    core.marker(14.8, "new")
    assert len(core.push(recording(100), 1500)) == 1


def test_waiting_markers_are_bounded() -> None:
    core = EegCore(config(window=None, max_pending=5))
    for k in range(8):
        core.marker(10.0 + k, "far")
    assert core.counts.dropped == 3


def test_other_labels_are_ignored() -> None:
    core = EegCore(config(window=None, epoch=EpochConfig(labels=("face", "house"))))
    core.marker(1.0, "pause")
    core.marker(1.2, "face")
    steps = core.push(recording(300), 0)
    assert [s.label for s in steps] == ["face"]
    assert core.counts.ignored == 1


def test_a_short_gap_is_bridged_and_flagged() -> None:
    x = recording(400)
    core = EegCore(config(window=None))
    core.marker(2.0, "a")
    steps = core.push(x[:210], 0) + core.push(x[220:], 220)
    assert core.counts.lost == 10
    assert len(steps) == 1
    assert (steps[0].quality & ChannelFlag.HELD).all()
    assert steps[0].n_held >= 40
    assert np.isfinite(steps[0].features).all()


def test_a_long_gap_restarts() -> None:
    x = recording(1500)
    core = EegCore(config())
    core.marker(2.0, "lost")
    core.marker(9.0, "kept")
    steps = core.push(x[:205], 0) + core.push(x[700:], 700)
    assert core.counts.restarts == 1
    assert core.counts.dropped == 1
    epochs = [s for s in steps if s.kind == "epoch"]
    assert [s.label for s in epochs] == ["kept"]
    windows = [s for s in steps if s.kind == "window"]
    assert not any(2.05 < s.t_event_s < 7.7 for s in windows)
    fresh = EegCore(config(), first_index=700)
    fresh.marker(9.0, "kept")
    (other,) = [s for s in fresh.push(x[700:], 700) if s.kind == "epoch"]
    np.testing.assert_array_equal(epochs[0].features, other.features)


def test_steps_are_not_ready_while_the_filter_settles() -> None:
    core = EegCore(config())
    steps = core.push(recording(700), 0)
    edge_s = core.ready_index / FS_HZ
    assert 0.3 < edge_s < 1.0
    for step in steps:
        assert step.ready == (step.t_event_s - 0.7 >= edge_s - 0.021)
    assert not steps[0].ready
    assert steps[-1].ready


def test_memory_stays_bounded() -> None:
    core = EegCore(config())
    for k in range(40):
        core.push(np.zeros((500, 4)), 500 * k)
    assert core._rings.clean._rows.shape[0] < 2 * (100 + 100 + 300)
    assert core._rings.clean.next_index == 20_000


def test_unusable_channels_carry_nothing() -> None:
    x = recording(300)
    x[:, 2] = np.nan
    core = EegCore(config(window=None))
    core.marker(1.5, "a")
    (step,) = core.push(x, 0)
    assert (step.features[2] == 0).all()
    assert step.quality[2] & ChannelFlag.FLAT
    assert core.counts.held[2] == 300
    assert (step.features[0] != 0).any()


def test_the_same_samples_twice_are_refused() -> None:
    core = EegCore(config())
    core.push(recording(50), 0)
    with pytest.raises(CausalityError, match="first_index: got 40; allowed: 50 or later"):
        core.push(recording(50), 40)
    with pytest.raises(InputError, match=r"allowed: \(n, 4\)"):
        core.push(np.zeros((5, 3)), 50)
    with pytest.raises(InputError, match="t_s"):
        core.marker(float("nan"), "a")


def test_the_delay_is_reported() -> None:
    assert 5.0 < EegCore(config()).delay_ms(6.0) < 60.0


def test_settings_report_every_problem() -> None:
    with pytest.raises(ConfigError) as caught:
        EegConfig.from_mapping(
            {"fs_hz": -1, "channel_names": ["a"], "filter": {"low_hz": 0}, "speed": 3}
        )
    for name in ("fs_hz", "filter.low_hz", "speed"):
        assert name in str(caught.value)
    assert "3 problem(s)" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"filter": {"high_hz": 60.0}}, "must lie below 50"),
        ({"filter": {"low_hz": 20.0, "high_hz": 10.0}}, "must lie below high_hz"),
        ({"channel_names": ["a", "a"]}, "unique"),
        ({"epoch": {"start_s": 1.0, "stop_s": 0.5}}, "must lie after"),
        ({"epoch": {"stop_s": 0.6, "baseline_s": (0.0, 0.9)}}, "wait for it"),
        ({"window": {"length_s": 0.001}}, "at least one feature sample"),
    ],
)
def test_settings_must_fit_together(changes: dict[str, object], words: str) -> None:
    values = {"fs_hz": 100.0, "channel_names": ["a", "b"], "filter": {}} | changes
    with pytest.raises(ConfigError, match=words):
        EegConfig.from_mapping(values)


def test_the_feature_rate_never_exceeds_the_limit() -> None:
    for fs_hz in (100.0, 250.0, 256.0, 512.0, 500.0):
        made = EegConfig(fs_hz=fs_hz, channel_names=NAMES)
        assert 16.0 < fs_hz / made.decimation <= 32.0
    assert EegConfig(fs_hz=256.0, channel_names=NAMES).decimation == 8
