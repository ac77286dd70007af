from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal as scipy_signal

from gui.eeg.averages import MOST_CLASSES, Averages
from gui.eeg.board import EegBoard
from gui.eeg.quality import ChannelState, quality_words, state_of
from gui.eeg.raster import EMPTY, HATCH, draw_traces, envelope, hatch, nice
from gui.eeg.ring import SampleRing
from gui.eeg.spectra import power_db, welch
from phosphene.eeg_flags import ChannelFlag
from phosphene.messages import Event, Message, Quality, Signal

FS_HZ, NAMES = 100.0, ("Fp1", "Cz", "Oz")
RNG = np.random.default_rng(1)
ROWS = (RNG.normal(0, 10, (700, 3)) + 500).astype(np.float32)
Rows = npt.NDArray[np.float32]


def stamped(kind: type, seq: int = 0, **fields: object) -> Message:
    header = kind(
        run="r", seq=seq, t_acquired=0.0, t_sent=0.0, producer="acquisition", **fields
    )  # fmt: skip
    return Message(header)


def chunk(rows: Rows, first: int, flags: tuple[int, ...] = (), stream: str = "amp") -> Message:
    made = stamped(
        Signal, stream=stream, first_index=first, fs_hz=FS_HZ, t_data=first / FS_HZ,
        channels=NAMES, flags=flags, notch_hz=(20.0,), step_s=0.6, reject_uv=1e4,
    )  # fmt: skip
    return Message(made.header, {"signal": rows})


def event(t_s: float, label: str, seq: int = 0) -> Event:
    header = stamped(Event, seq, t_data=t_s, label=label, stream="markers").header
    assert isinstance(header, Event)
    return header


def fed(edges: list[int], marks: list[tuple[float, str]], first_mark_at: int = 0) -> EegBoard:
    board = EegBoard()
    for k, (start, stop) in enumerate(itertools.pairwise(edges)):
        if k == first_mark_at:
            for seq, mark in enumerate(marks):
                board.on_event(event(*mark, seq=seq))
        board.on_signal(chunk(ROWS[start:stop], start))
    return board


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 699), max_size=10), when=st.integers(0, 3))
def test_any_chunking_shows_the_same_traces_and_averages(cuts: list[int], when: int) -> None:
    edges = sorted({0, 700, *cuts})
    marks = [(1.0, "face"), (2.5, "house"), (4.0, "face")]
    whole, cut = fed([0, 700], marks), fed(edges, marks, min(when, len(edges) - 2))
    for look in ("wide", "band"):
        one, other = (b.traces(5.0, 4, [0, 2], look) for b in (whole, cut))
        assert one is not None
        assert other is not None
        assert (one.stop_s, one.marks) == (other.stop_s, other.marks)
        np.testing.assert_array_equal(one.rows, other.rows)
    for channel in range(3):
        times, expected, _ = whole.average_of(channel)
        _, found, _ = cut.average_of(channel)
        assert [(a.label, a.n) for a in found] == [("face", 2), ("house", 1)]
        assert len(times) == 100
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(a.mean_uv, b.mean_uv, atol=1e-9)
            np.testing.assert_allclose(a.error_uv, b.error_uv, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.integers(0, 15), st.integers(1, 40)), min_size=1, max_size=8),
    capacity=st.integers(5, 60),
)
def test_the_ring_keeps_the_newest_and_knows_gaps(
    pieces: list[tuple[int, int]], capacity: int
) -> None:
    ring = SampleRing(capacity, 1)
    truth = np.full(1000, np.nan, np.float32)
    at = 0
    for gap, n in pieces:
        at += gap
        truth[at : at + n] = np.arange(at, at + n)
        ring.push(truth[at : at + n, np.newaxis], at)
        at += n
    start = max(0, at - capacity)
    np.testing.assert_array_equal(ring.get(start, at)[:, 0], truth[start:at])
    assert np.isnan(ring.get(at, at + 3)).all()


def test_a_spike_of_one_sample_stays_visible() -> None:
    rows = np.zeros((4000, 1), np.float32)
    rows[1234] = 80.0
    low, high = envelope(rows, 10)
    canvas = np.zeros((100, 400), np.uint8)
    draw_traces(canvas, low, high, 2.0, np.array([2], np.uint8))
    assert canvas[:12].max() == 2, "80 uV are 40 pixels up"
    assert np.flatnonzero(canvas[:40].max(axis=0)).tolist() in ([123], [123, 124])
    assert (canvas == 2).any(axis=0).all(), "one unbroken line"


def test_missing_samples_leave_columns_empty_and_channels_stay_in_their_rows() -> None:
    rows = np.zeros((100, 2), np.float32)
    rows[40:50, 0] = np.nan
    rows[::2, 1] = 1e6
    canvas = np.zeros((40, 100), np.uint8)
    draw_traces(canvas, *envelope(rows, 1), 1.0, np.array([2, 3], np.uint8))
    assert (canvas[:20, 40:50] == EMPTY).all()
    assert (canvas[10, :40] == 2).all()
    assert not (canvas[:20] == 3).any()
    hatch(canvas, -5, 200, 0, 8)
    assert HATCH in canvas[0], "stripes, also where nothing is drawn"


def test_round_numbers_for_scales() -> None:
    assert [nice(v) for v in (0.034, 1.0, 49.0, 50.0, 4999.0)] == [0.02, 1.0, 20.0, 50.0, 2000.0]
    assert nice(float("nan")) == 1.0


@pytest.mark.parametrize("n", [256, 255])
def test_spectra_are_those_of_welch(n: int) -> None:
    rows = RNG.normal((3.0, -40.0), 5, (6 * n, 2))
    rows = rows[len(rows) % (n // 2) :]
    frequencies, density = welch(rows, float(n), 1.0)
    # Ours counts segments from the newest sample on.
    step = {"nperseg": n, "noverlap": n - n // 2, "detrend": "constant"}
    expected = scipy_signal.welch(rows[::-1], float(n), axis=0, **step)
    np.testing.assert_allclose(frequencies, expected[0])
    np.testing.assert_allclose(density, expected[1], rtol=0.02, atol=1e-3)


def test_a_spectrum_has_its_peak_and_leaves_gaps_out() -> None:
    t = np.arange(2000) / 250
    rows = np.stack([10 * np.sin(2 * np.pi * 12 * t), np.full(2000, np.nan)], axis=1)
    rows[700, 0] = np.nan
    frequencies, density = welch(rows, 250.0)
    assert frequencies[np.argmax(density[:, 0])] == 12.0
    assert density[:, 0].sum() * 0.5 == pytest.approx(50.0, rel=0.02), "the sine's variance"
    assert np.isnan(density[:, 1]).all()
    assert power_db(np.array([100.0]))[0] == pytest.approx(20.0)


def test_averages_are_baseline_corrected_with_their_error() -> None:
    ring, averages = SampleRing(3000, 2), Averages(FS_HZ, 2, reject_uv=50.0)
    rows = np.zeros((1000, 2), np.float32)
    for k, onset in enumerate((100, 300, 500)):
        rows[onset - 20 : onset + 80, 0] += 7.0 * k
        rows[onset + 10 : onset + 80, 0] += 4.0 + 2 * k
    rows[310, 1] = 500.0
    rows[795:820] = np.nan
    for onset in (100, 300, 500):
        averages.marker(onset / FS_HZ, "face")
    averages.marker(8.0, "gap")
    ring.push(rows, 0)
    assert averages.advance(ring)
    gap = averages.of(0)[1]
    assert (gap.n, gap.too_large, gap.no_data) == (0, 0, 1), "nothing came: not too large"
    first, second = averages.of(0)[0], averages.of(1)[0]
    after, before = averages.times_ms >= 100, averages.times_ms < 0
    assert (first.label, first.n, first.too_large) == ("face", 3, 0)
    np.testing.assert_allclose(first.mean_uv[before], 0.0)
    np.testing.assert_allclose(first.mean_uv[after], 6.0)
    np.testing.assert_allclose(first.error_uv[after], 2 / np.sqrt(3))
    found = second.n, second.too_large, second.no_data
    assert found == (2, 1, 0), "too large in this channel alone"


def test_epochs_wait_for_their_samples_and_may_come_too_late() -> None:
    ring, averages = SampleRing(200, 1), Averages(FS_HZ, 1, 100.0)
    averages.marker(5.0, "a")
    ring.push(np.zeros((500, 1), np.float32), 0)
    assert not averages.advance(ring)
    ring.push(np.zeros((80, 1), np.float32), 500)
    assert averages.advance(ring)
    averages.marker(1.0, "a")
    assert not averages.advance(ring)
    assert averages.too_late == 1
    for k in range(MOST_CLASSES + 2):
        averages.marker(4.5, f"class {k}")
    averages.advance(ring)
    assert len(averages.labels) == MOST_CLASSES
    assert averages.other_classes == 3


def test_quality_is_told_in_words_with_a_symbol_each() -> None:
    symbols = {state_of(int(flag))[0] for flag in ChannelFlag} | {state_of(0)[0], state_of(None)[0]}
    assert len(symbols) == len(ChannelFlag) + 2, "no two states look alike without colours"
    assert state_of(int(ChannelFlag.NOISY | ChannelFlag.INTERPOLATED))[1] == "interpolated (noisy)"
    states = [ChannelState("Fp1", 0), ChannelState("Cz", 1), ChannelState("Oz", 1)]
    assert quality_words(states, most=1) == "● 1 good   ▬ flat: Cz +1"
    assert "not known" in quality_words([ChannelState("Cz")])


def test_flags_impedances_and_bad_stretches_come_from_seconds_and_epochs() -> None:
    board = EegBoard()
    board.on_signal(chunk(ROWS[:210], 0, (0, int(ChannelFlag.FLAT), 0)))
    values = {"rejected": 1.0, "flags_Fp1": 16.0, "flags_Cz": 1.0, "flags_Oz": 0.0,
              "impedance_Oz_kohm": 7.5}  # fmt: skip
    quality = stamped(Quality, index=0, t_data=2.0, values=values).header
    assert isinstance(quality, Quality)
    board.on_quality(quality)
    words = {s.name: s.word for s in board.states()}
    assert words == {"Fp1": "large", "Cz": "flat", "Oz": "good"}
    assert board.states()[2].impedance_kohm == 7.5
    data = board.traces(2.0, 1, [0], "wide")
    assert data is not None
    found = {(s.channel, round(s.start_s, 3), s.stop_s) for s in data.stretches}
    assert found == {("Cz", 1.0, 2.0), ("Fp1", 1.4, 2.0), ("Cz", 1.4, 2.0), (None, 1.4, 2.0)}


def test_the_marker_log_counts_lost_and_repeated_ones() -> None:
    board = EegBoard()
    for seq, t_s in ((0, 1.0), (1, 2.0), (4, 3.0), (5, 3.0)):
        board.on_event(event(t_s, "face", seq))
    log = board.log()
    assert [m.t_s for m in log.marks] == [1.0, 2.0, 3.0]
    assert (log.total, log.lost, log.repeated) == (4, 2, 1)


def test_another_stream_begins_anew_and_a_short_overlap_does_not() -> None:
    board = EegBoard()
    board.on_signal(chunk(ROWS[:400], 0))
    board.on_signal(chunk(ROWS[350:600], 350))
    board.on_event(event(3.0, "face"))
    assert board.average_of(0)[1][0].n == 1, "samples that came twice count once"
    board.on_signal(chunk(ROWS[:50], 0))
    data = board.traces(5.0, 1, [0], "wide")
    assert data is not None
    assert (data.stop_s, data.marks) == (0.5, ())
    board.on_signal(chunk(ROWS[:50], 50, stream="other"))
    assert board.average_of(0)[1] == []
