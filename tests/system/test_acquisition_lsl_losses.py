"""Amplifiers that die, freeze, overflow or set their clock: what is lost is counted, no more."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import numpy as np
import pylsl
import pytest

from acquisition.lsl.formats import EegFormat
from acquisition.lsl.inlet import EegInlet
from tests.system.lsl_bench import Start, collect, eeg, senders, unique

# An amplifier: sample k is due at k / rate; one that was stopped goes on with what is due by then.
AMPLIFIER = """
import itertools
rate = {rate}
out = EegOutlet(name, EegFormat(float(rate), ("Oz",)), buffer_s=60)
print("up", flush=True)
out.wait_for_reader(10)
begin, k = time.monotonic(), 0
while True:
    due = int((time.monotonic() - begin) * rate)
    if due - k > rate:
        print(f"{{due - k}}", flush=True)
        k = due
    n = due - k
    out.push((k + np.arange(n, dtype=np.float32))[:, None], k + {first})
    k = due
    time.sleep(0.02)
"""
# No counter, stamps of its own, whose clock somebody sets after the first 300 samples.
SET_CLOCK = """
import pylsl
out = pylsl.StreamOutlet(pylsl.StreamInfo("amp", "EEG", 1, 250.0, "float32", name))
print("up", flush=True)
out.wait_for_consumers(10)
begin = pylsl.local_clock()
for k in range(0, 500, 10):
    due = begin + (k + 9) / 250.0
    time.sleep(max(0.0, due - pylsl.local_clock()))
    stamp = due + ({jump} if k >= 300 else 0.0)
    out.push_chunk(np.arange(k, k + 10, dtype=np.float32)[:, None], stamp)
print("sent", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def start() -> Iterator[Start]:
    with senders() as begin:
        yield begin


def follow(inlet: EegInlet, seconds: float, until: Callable[[], bool]) -> list[str]:
    """Pull until something is reached; return the states the stream went through."""
    states: list[str] = []
    end_s = time.monotonic() + seconds
    while not until() and time.monotonic() < end_s:
        inlet.pull(0.01)
        state = inlet.watch.state(time.monotonic())
        if not states or states[-1] != state:
            states.append(state)
    assert until()
    return states


def test_a_killed_source_may_come_back_but_not_as_another(start: Start) -> None:
    name = unique()
    first = start(name, eeg(0, 100_000))
    inlet = EegInlet((name,), time.monotonic)
    inlet.open()
    collect(inlet, 50)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    end_s = time.monotonic() + 5
    while inlet.link.connected and time.monotonic() < end_s:
        inlet.pull(0.05)
    assert not inlet.link.connected
    assert inlet.link.trouble == "the source went away"
    impostor = start(name, eeg(0, 100_000, rate=500.0))
    end_s = time.monotonic() + 8
    while "there again" not in inlet.link.trouble and time.monotonic() < end_s:
        assert inlet.pull(0.02) == []
        time.sleep(0.01)
    assert inlet.link.trouble == (
        "there again, but at 500 Hz x 3 instead of 250 Hz x 3, so it is not taken"
    )
    impostor.kill()
    impostor.wait(10)
    start(name, eeg(200_000, 200_500, pause=0.004))
    end_s = time.monotonic() + 12
    chunks = []
    while not chunks and time.monotonic() < end_s:
        chunks = inlet.pull(0.02)
        time.sleep(0.01)
    assert chunks[0].first_index >= 200_000
    assert not chunks[0].restarted
    assert inlet.link.n_reconnects == 1
    assert inlet.n_lost > 100_000
    inlet.close()


def test_what_a_dying_source_leaves_unread_is_counted(start: Start) -> None:
    name = unique()
    source = start(name, eeg(0, 300, pause=0.0))
    inlet = EegInlet((name,), time.monotonic)
    inlet.open()
    end_s = time.monotonic() + 10
    while inlet.link.n_waiting < 300 and time.monotonic() < end_s:
        time.sleep(0.005)
    source.kill()
    source.wait(10)
    n_read = 0
    while inlet.link.connected and time.monotonic() < end_s:
        n_read += sum(len(chunk.data) for chunk in inlet.pull(0.01))
    assert n_read + inlet.link.n_undelivered == 300
    inlet.close()


def test_an_overflow_is_counted_exactly(start: Start) -> None:
    name = unique()
    # 60 s are kept here and there: of ten samples a second that is 600, twice.
    start(name, eeg(0, 4000, rate=10.0, pause=0.0))
    inlet = EegInlet((name,), time.monotonic)
    inlet.open()
    end_s = time.monotonic() + 10
    while inlet.link.n_waiting < 600 and time.monotonic() < end_s:
        time.sleep(0.01)
    rows = collect(inlet, 3999)
    assert len(rows) < 4000
    assert inlet.n_lost == max(rows) - min(rows) + 1 - len(rows)
    assert min(rows) + len(rows) + inlet.n_lost == 4000
    inlet.close()


def test_a_foreign_amplifier_is_numbered_by_its_stamps(start: Start) -> None:
    name = unique()
    info = pylsl.StreamInfo("amp", "EEG", 2, 100.0, "float32", name)
    outlet = pylsl.StreamOutlet(info)
    inlet = EegInlet((name,), time.monotonic)
    layout = inlet.open()
    assert layout == EegFormat(100.0, ("ch1", "ch2"), counter=False)
    assert outlet.wait_for_consumers(5)
    t0 = pylsl.local_clock()
    for k in (0, 1, 2, 7):
        rows = np.full((10, 2), k, dtype=np.float32)
        outlet.push_chunk(rows, t0 + (10 * k + 9) / 100)
    chunks = []
    end_s = time.monotonic() + 5
    while sum(len(c.data) for c in chunks) < 40 and time.monotonic() < end_s:
        for chunk in inlet.pull(0.2):
            value = int(chunk.data[0, 0])
            chunks.append(chunk)
            assert chunk.first_index + len(chunk.data) == pytest.approx(10 * value + 10, abs=20)
    assert chunks[-1].first_index == 70
    assert inlet.n_lost == 40
    assert inlet.clock.data_time_s(t0 + 0.5) == pytest.approx(0.5, abs=0.02)
    inlet.close()
    del outlet


def test_an_amplifier_whose_clock_is_set_loses_nothing(start: Start) -> None:
    name = unique()
    start(name, SET_CLOCK.format(jump=1000.0))
    inlet = EegInlet((name,), time.monotonic)
    assert not inlet.open().counter
    rows: dict[int, float] = {}
    end_s = time.monotonic() + 10
    while len(rows) < 500 and time.monotonic() < end_s:
        for chunk in inlet.pull(0.2):
            rows |= {chunk.first_index + k: float(v) for k, v in enumerate(chunk.data[:, 0])}
    assert rows == {k: float(k) for k in range(500)}
    assert (inlet.n_lost, inlet.clock.n_resets) == (0, 1)
    inlet.close()


@pytest.mark.timing
def test_a_frozen_amplifier_turns_red_and_what_it_missed_is_counted_exactly(start: Start) -> None:
    name = unique()
    source = start(name, AMPLIFIER.format(rate=500, first=0))
    inlet = EegInlet((name,), time.monotonic)
    inlet.open()
    follow(inlet, 5, lambda: inlet._counter.next_index is not None)
    source.send_signal(signal.SIGSTOP)
    frozen_s = time.monotonic()
    states = follow(inlet, 8, lambda: time.monotonic() > frozen_s + 5.0)
    assert states[-3:] == ["fresh", "amber", "red"]
    assert inlet.link.connected
    assert inlet.n_lost == 0
    source.send_signal(signal.SIGCONT)
    goes_on_s = time.monotonic()
    follow(inlet, 5, lambda: inlet.watch.state(time.monotonic()) == "fresh")
    assert time.monotonic() - goes_on_s < 2.0
    follow(inlet, 5, lambda: inlet.n_lost > 0)
    assert source.stdout is not None
    assert inlet.n_lost == int(source.stdout.readline()) >= 2400
    inlet.close()


@pytest.mark.timing
def test_a_killed_amplifier_is_back_within_two_seconds_of_its_outlet(start: Start) -> None:
    name = unique()
    first = start(name, AMPLIFIER.format(rate=500, first=0))
    inlet = EegInlet((name,), time.monotonic)
    inlet.open()
    follow(inlet, 5, lambda: (inlet._counter.next_index or 0) > 100)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    follow(inlet, 5, lambda: not inlet.link.connected)
    before = inlet._counter.next_index
    assert before is not None
    start(name, AMPLIFIER.format(rate=500, first=50_000))
    up_s = time.monotonic()
    follow(inlet, 8, lambda: inlet.watch.state(time.monotonic()) == "fresh")
    assert time.monotonic() - up_s < 2.0
    follow(inlet, 5, lambda: inlet.n_lost > 0)
    assert inlet.n_lost == 50_000 - before  # the player waits for its reader: all else came
    assert inlet.link.n_reconnects == 1
    inlet.close()
