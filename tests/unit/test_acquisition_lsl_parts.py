from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.lsl import link as lsl_link
from acquisition.lsl.counter import CounterFollower
from acquisition.lsl.formats import COUNTER_MODULO
from acquisition.lsl.inlet import Marker
from acquisition.lsl.link import StreamLink, StreamWanted
from acquisition.lsl.sample_clock import SampleClock
from acquisition.lsl.staleness import StaleWatch
from phosphene.errors import ConfigError

EDGE = COUNTER_MODULO - 30


@settings(max_examples=60, deadline=None)
@given(
    lost=st.sets(st.integers(1, 98), max_size=20),
    cuts=st.lists(st.integers(0, 100), max_size=8),
    start=st.sampled_from([0, 5, EDGE]),
)
def test_the_counter_finds_every_loss(lost: set[int], cuts: list[int], start: int) -> None:
    numbers = np.array([start + k for k in range(100) if k not in lost])
    counter = (numbers % COUNTER_MODULO).astype(np.float32)
    follower = CounterFollower()
    found: list[int] = []
    for part in np.split(counter, sorted(min(c, len(counter)) for c in cuts)):
        pieces, went_back = follower.push(part)
        assert not went_back
        assert sum(p.end - p.begin for p in pieces) == len(part)
        for piece in pieces:
            found += range(piece.first_index, piece.first_index + piece.end - piece.begin)
    assert found == numbers.tolist()
    assert follower.n_lost == len(lost)
    assert follower.next_index == start + 100


def test_a_counter_that_goes_back_is_told() -> None:
    follower = CounterFollower()
    follower.push(np.arange(100.0))
    assert follower.push(np.arange(50.0, 60.0)) == ([], True)
    assert follower.push(np.array([99.0])) == ([], True)
    assert follower.push(np.array([100.5])) == ([], True)
    follower.restart()
    pieces, went_back = follower.push(np.arange(3.0))
    assert (pieces[0].first_index, went_back, follower.n_lost) == (0, False, 0)


def test_silence_turns_amber_then_red() -> None:
    watch = StaleWatch(interval_s=0.05)
    assert watch.state(100.0) == "waiting"
    assert watch.state(101.0) == "red"
    watch.data(102.0)
    assert watch.state(102.1) == "fresh"
    assert watch.state(102.151) == "amber"
    assert watch.state(102.99) == "amber"
    assert watch.state(103.0) == "red"
    assert watch.age_s(103.0) == pytest.approx(1.0)
    watch.data(103.1)
    assert watch.state(103.2) == "fresh"


def test_a_slow_stream_is_not_lost_between_two_volumes() -> None:
    watch = StaleWatch(interval_s=2.0)
    watch.data(0.0)
    assert [watch.state(t) for t in (1.0, 5.9, 6.1, 7.9, 8.1)] == [
        "fresh",
        "fresh",
        "amber",
        "amber",
        "red",
    ]
    with pytest.raises(ConfigError, match="2 problem"):
        StaleWatch(0.0, -1.0)


def test_jitter_is_no_gap_but_a_gap_is() -> None:
    rng = np.random.default_rng(3)
    numbers = np.array([k for k in range(2000) if not 800 <= k < 950])
    stamps = 50.0 + numbers / 250.0 + rng.normal(0, 0.004, len(numbers))
    clock = SampleClock(250.0)
    pieces = [p for part in np.array_split(stamps, 150) for p in clock.push(part)]
    assert clock.n_lost == pytest.approx(150, abs=4)
    assert sum(p.end - p.begin for p in pieces) == 1850
    assert clock.data_time_s(55.0) == pytest.approx(5.0, abs=0.02)


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 600), max_size=10), seed=st.integers(0, 20))
def test_numbering_by_stamps_does_not_depend_on_chunks(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    stamps = np.cumsum(rng.exponential(0.004, 600)) + (np.arange(600) > 300) * 0.7
    whole, cut = SampleClock(250.0), SampleClock(250.0)
    numbers: list[list[int]] = []
    for clock, parts in ((whole, [stamps]), (cut, np.split(stamps, sorted(cuts)))):
        found: list[int] = []
        for part in parts:
            for p in clock.push(part):
                found += range(p.first_index, p.first_index + p.end - p.begin)
        numbers.append(found)
    assert numbers[0] == numbers[1]
    assert whole.data_time_s(3.0) == cut.data_time_s(3.0)
    assert numbers[0][-1] > 650


def test_a_drifting_amplifier_is_followed() -> None:
    stamps = np.arange(250 * 300) / 250.0 * 1.0005
    clock = SampleClock(250.0)
    for part in np.array_split(stamps, 3000):
        clock.push(part)
    assert clock.n_lost == 0
    assert clock.data_time_s(float(stamps[-1])) == pytest.approx(300.0, abs=0.02)


@pytest.mark.parametrize("jump_s", [-4000.0, -2.0, 2.0, 4000.0])
def test_a_clock_that_is_set_is_no_loss(jump_s: float) -> None:
    measured = 50.0 + np.arange(1000) / 250.0
    stamps = measured + np.where(np.arange(1000) < 500, 0.0, jump_s)
    clock, found = SampleClock(250.0), []
    for k in range(0, 1000, 10):
        now = measured[k + 9] + 0.02
        found += [p.first_index for p in clock.push(stamps[k : k + 10], now)]
    assert found == list(range(0, 1000, 10))
    assert (clock.n_lost, clock.n_resets) == (0, 1)
    at_s = clock.data_time_s(float(stamps[-1]))
    assert at_s == pytest.approx(999 / 250.0, abs=1e-3)


@pytest.mark.parametrize("backlog_s", [0.0, 3.0])
def test_a_silence_and_a_full_buffer_are_losses(backlog_s: float) -> None:
    """After the gap the oldest sample that was kept may be seconds old: no clock was set."""
    kept = np.r_[0:500, 1750:2750]
    stamps = 50.0 + kept / 250.0
    clock = SampleClock(250.0)
    clock.push(stamps[:500], float(stamps[499]) + 0.02)
    clock.push(stamps[500:], float(stamps[500]) + 0.02 + backlog_s)
    assert (clock.n_lost, clock.n_resets) == (1250, 0)


def test_markers_of_ours_and_of_others() -> None:
    ours = Marker.of('{"t": 1.5, "label": "face", "picture": 7}', 100.0)
    assert (ours.label, ours.t_s, ours.more, ours.stamp_s) == ("face", 1.5, {"picture": 7}, 100.0)
    for text in (
        "switch,3,1,2",
        "",
        "7",
        '{"t": "soon", "label": "x"}',
        '{"t": NaN, "label": "x"}',
    ):
        assert Marker.of(text, 3.0) == Marker(text, 3.0)


def test_a_wanted_stream_cannot_smuggle_a_query() -> None:
    with pytest.raises(ConfigError, match="3 problem"):
        StreamWanted(("a' or 'b'='b", "x" * 200), "int7")
    made = StreamWanted(("a-1", "b:2"), "float32")
    assert made.predicate == "source_id='a-1' or source_id='b:2'"


def test_a_resolver_that_stays_blind_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class Blind:
        def __init__(self, pred: str, forget_after: float) -> None:
            made.append(pred)

        def results(self) -> list[object]:
            return []

    monkeypatch.setattr(lsl_link.pylsl, "ContinuousResolver", Blind)
    now = [0.0]
    link = StreamLink(StreamWanted(("a",), "string"), lambda: now[0], 10)
    for now[0] in (0.0, 4.0, 6.0, 7.0, 10.0, 12.0):
        assert link.pull(0.0, 1)[2] is False
    assert len(made) == 3
