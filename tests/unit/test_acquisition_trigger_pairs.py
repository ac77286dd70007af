from __future__ import annotations

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.trigger.follow import Triggers
from acquisition.trigger.pairs import TriggerPairs
from acquisition.trigger.pulses import clock_pulses, key_pulses, serial_pulses
from phosphene.clock import MonotonicClock
from phosphene.errors import ConfigError

TR_S = 2.0


@st.composite
def pulse_trains(draw: st.DrawFn) -> tuple[dict[int, float], list[float], int]:
    """Return onsets of volumes by number, pulses as heard, and how many of these are bounces."""
    real_s = TR_S * draw(st.floats(0.99, 1.01))
    lost = draw(st.sets(st.integers(1, 14), max_size=6))
    jitter = st.floats(-0.05, 0.05)
    onsets = {n: 100.0 + n * real_s + draw(jitter) for n in range(16)}
    heard, bounces = [], 0
    for number, onset_s in onsets.items():
        if number in lost:
            continue
        heard.append(onset_s)
        if draw(st.booleans()):
            heard.append(onset_s + draw(st.floats(0.0, 0.4)))
            bounces += 1
    return {n: s for n, s in onsets.items() if n not in lost}, heard, bounces


@settings(max_examples=60, deadline=None)
@given(pulse_trains(), st.integers(0, 3))
def test_a_lost_or_extra_pulse_never_shifts_the_others(
    train: tuple[dict[int, float], list[float], int], skip: int
) -> None:
    onsets, heard, bounces = train
    pairs = TriggerPairs(TR_S, skip)
    for stamp_s in heard:
        pairs.pulse(stamp_s)
    for number in range(16):
        arrived_s = 100.0 + (number + 2.5) * TR_S
        expected = onsets.get(number)
        found = pairs.onset_s(number - skip, arrived_s) if number >= skip else expected
        assert found == expected
    assert (pairs.pulses, pairs.extra) == (len(onsets), bounces)
    assert pairs.missing == 16 - len(onsets)
    assert pairs.tr_s == pytest.approx(TR_S, rel=0.02)


def test_a_stream_that_joins_late_is_moved_until_no_volume_arrives_before_its_end() -> None:
    pairs = TriggerPairs(TR_S)
    for number in range(3, 8):
        pairs.pulse(10.0 + number * TR_S)
    assert pairs.onset_s(3, 10.0 + 3 * TR_S + TR_S + 0.3) == 10.0 + 3 * TR_S
    assert pairs.onset_s(0, 1e9) is None
    assert pairs.missing == 3


def test_data_time_counts_announced_repetitions_and_what_has_passed_since() -> None:
    pairs = TriggerPairs(TR_S)
    assert pairs.data_time_s(5.0) is None
    for number in range(5):
        pairs.pulse(10.0 + number * 2.01)
    assert pairs.data_time_s(9.9) is None
    assert pairs.data_time_s(10.5) == pytest.approx(0.5)
    assert pairs.data_time_s(10.0 + 4 * 2.01 + 0.25) == pytest.approx(8.25)


def test_pulses_before_the_first_volume_wait_and_a_new_process_goes_on(tmp_path: Path) -> None:
    triggers = Triggers(tmp_path / "kept", skip=1)
    for number in range(4):  # one too many at the start
        triggers.pulse(8.0 + number * TR_S)
    assert triggers.data_time_s(9.0) is None
    assert triggers.data_time_s(11.5) == 1.5
    assert triggers.volume(0, 12.3, TR_S) == {
        "trigger_to_arrival_ms": pytest.approx(2300.0),
        "tr_trigger_s": pytest.approx(TR_S),
    }
    assert triggers.counts() == {"triggers": 4, "triggers_missing": 0, "triggers_extra": 0}
    triggers.close()
    again = Triggers(tmp_path / "kept", skip=1)
    again.pulse(8.0 + 6 * TR_S)
    assert again.volume(4, 19.0, TR_S)["tr_trigger_s"] == pytest.approx(TR_S)
    assert again.volume(5, 22.5, TR_S)["trigger_to_arrival_ms"] == pytest.approx(2500.0)
    assert again.counts() == {"triggers": 1, "triggers_missing": 2, "triggers_extra": 0}
    again.close()


def test_keys_that_count_are_pulses_and_others_are_not() -> None:
    read, write = os.pipe()
    os.write(write, b"5ax5t\n")
    os.close(write)
    clock = MonotonicClock()
    before_s = clock.now()
    stamps = list(key_pulses("5t", read, clock.now))
    os.close(read)
    assert len(stamps) == 3
    assert all(before_s <= s <= clock.now() for s in stamps)


def test_a_clock_pulses_at_its_interval() -> None:
    stamps = list(islice(clock_pulses(0.02, 3, MonotonicClock().now), 5))
    assert len(stamps) == 3
    assert stamps[2] - stamps[0] == pytest.approx(0.04, abs=0.03)


def test_a_serial_line_asks_for_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(ConfigError, match="pip install"):
        next(serial_pulses("/dev/ttyS0", 9600, MonotonicClock().now))


def test_the_process_says_what_it_sends_and_ends_with_its_keys() -> None:
    command = [sys.executable, "-m", "acquisition.trigger", "--keys", "5", "--session", "test-keys"]
    made = subprocess.run(command, input=b"55", capture_output=True, timeout=60, check=True)
    assert made.stdout.decode().splitlines() == [
        "pulses go out as LSL stream 'phosphene-trigger'",
        "2 pulses sent",
    ]
