"""EEG, volumes and markers through real LSL outlets in other processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pylsl
import pytest

from acquisition.lsl.config import LslConfig, check_session, configure_lsl
from acquisition.lsl.formats import EegFormat, VolumeFormat
from acquisition.lsl.inlet import EegInlet, MarkerInlet, VolumeInlet
from acquisition.lsl.link import StreamWanted, resolve
from acquisition.lsl.outlet import EegOutlet, MarkerOutlet, VolumeOutlet
from phosphene.errors import ConfigError, InputError, NodeError

ROOT = Path(__file__).resolve().parents[2]
SESSION = LslConfig(session_id=f"phosphene-test-{os.getpid()}")

PREAMBLE = """
import sys, time
import numpy as np
from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.lsl.formats import EegFormat, VolumeFormat
from acquisition.lsl.outlet import EegOutlet, MarkerOutlet, VolumeOutlet
configure_lsl(LslConfig(session_id=sys.argv[1]))
name = sys.argv[2]
"""
EEG = """
out = EegOutlet(name, EegFormat({rate}, ("Oz", "Pz")))
print("up", flush=True)
sys.stdin.readline() if {wait} else None
out.wait_for_reader(10)
for k in range({start}, {stop}, 10):
    if k not in {skip}:
        n = k + np.arange(10.0)
        out.push(np.stack([n, -n], axis=1).astype(np.float32), k)
    time.sleep({pause})
print("sent", flush=True)
sys.stdin.readline()
"""
VOLUMES = """
out = VolumeOutlet(name, VolumeFormat((4, 5, 6), np.diag([2.0, 2.0, 3.0, 1.0]), 1.97, "ab12"))
marks = MarkerOutlet(name + "-marks")
print("up", flush=True)
out.wait_for_reader(10) and marks.wait_for_reader(10)
for k in (0, 1, 3):
    out.push(np.arange(120).reshape(4, 5, 6) * (k + 1), k)
    marks.push(k * 1.97, "face", picture=k)
sys.stdin.readline()
"""

WIDE = """
import pylsl
def never(*_, **__):
    raise AssertionError("push_sample takes 70 times longer than push_chunk")
pylsl.StreamOutlet.push_sample = never
shape = (104, 104, 72)
out = VolumeOutlet(name, VolumeFormat(shape, np.eye(4), 0.8, figures=("header_s",)))
volume = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
print("up", flush=True)
out.wait_for_reader(10)
for k in range(40):
    known = {"header_s": 0.8 * k} if k % 2 else {}
    out.push(volume + k, k, 1000.0 + k, known)
    time.sleep(0.05)
print("sent", flush=True)
sys.stdin.readline()
"""

Start = Callable[[str, str], subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    configure_lsl(SESSION)
    running: list[subprocess.Popen[str]] = []

    def begin(name: str, code: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + code, SESSION.session_id, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def eeg(start: int, stop: int, rate: float = 250.0, pause: float = 0.002, **more: object) -> str:
    values = {"skip": (), "wait": False} | more
    return EEG.format(start=start, stop=stop, rate=rate, pause=pause, **values)


def unique() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def collect(inlet: EegInlet, until: int, limit_s: float = 10.0) -> dict[int, np.ndarray]:
    """Pull until sample `until` is there; return rows by their number."""
    rows: dict[int, np.ndarray] = {}
    end_s = time.monotonic() + limit_s
    while until not in rows and time.monotonic() < end_s:
        for chunk in inlet.pull(0.2):
            for k, row in enumerate(chunk.data):
                rows[chunk.first_index + k] = row.copy()
    assert until in rows
    return rows


def test_eeg_arrives_whole_and_losses_are_counted(start: Start) -> None:
    name = unique()
    start(name, eeg(7000, 7500, skip=(7200, 7210)))
    inlet = EegInlet((name,), time.monotonic)
    layout = inlet.open()
    assert layout == EegFormat(250.0, ("Oz", "Pz"))
    rows = collect(inlet, 7499)
    assert sorted(rows) == [k for k in range(7000, 7500) if not 7200 <= k < 7220]
    assert all(row.tolist() == [k, -k] for k, row in rows.items())
    assert inlet.n_lost == 20
    assert inlet.watch.state(time.monotonic()) == "fresh"
    assert inlet.link.offset_s() == 0.0
    inlet.close()


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


def test_volumes_and_markers_arrive(start: Start) -> None:
    name = unique()
    start(name, VOLUMES)
    inlet = VolumeInlet((name,), time.monotonic)
    marks = MarkerInlet((name + "-marks",), time.monotonic)
    layout = inlet.open()
    marks.open()
    expected = VolumeFormat((4, 5, 6), np.diag([2.0, 2.0, 3.0, 1.0]), 1.97, "ab12")
    assert layout.same_as(expected)
    indices = []
    for _ in range(3):
        sample = inlet.pull(5.0)
        assert sample is not None
        indices.append(sample.index)
        factor = sample.index + 1
        np.testing.assert_array_equal(sample.volume, np.arange(120).reshape(4, 5, 6) * factor)
    assert indices == [0, 1, 3]
    assert inlet.n_lost == 1
    found = []
    while len(found) < 3 and (got := marks.pull(5.0)):
        found += got
    assert [(m.t_s, m.label, m.more) for m in found] == [
        (k * 1.97, "face", {"picture": k}) for k in (0, 1, 3)
    ]
    inlet.close()
    marks.close()


@pytest.mark.timing
def test_wide_volumes_land_in_one_buffer_sixteen_times_faster_than_a_scanner_sends(
    start: Start,
) -> None:
    name = unique()
    source = start(name, WIDE)
    inlet = VolumeInlet((name,), time.monotonic)
    inlet.open()
    expected = np.arange(104 * 104 * 72, dtype=np.float32).reshape(104, 104, 72)
    resident, begin_s = psutil.Process().memory_info().rss, time.monotonic()
    buffers = set()
    for k in range(40):
        sample = inlet.pull(5.0)
        assert sample is not None
        assert (sample.index, sample.stamp_s) == (k, 1000.0 + k)
        assert sample.figures == ({"header_s": pytest.approx(0.8 * k)} if k % 2 else {})
        assert np.array_equal(sample.volume, expected + k)
        buffers.add(sample.volume.__array_interface__["data"][0])
    assert time.monotonic() - begin_s < 40 * 0.8 / 2, "half the time has to be to spare"
    assert len(buffers) == 1, "every volume was received in place"
    assert inlet.n_lost == 0
    assert psutil.Process().memory_info().rss - resident < 60e6, "40 volumes are 125 MB"
    assert source.stdout is not None
    assert source.stdout.readline() == "sent\n"
    inlet.close()


def test_what_is_not_as_wanted_is_refused(start: Start) -> None:
    name = unique()
    with pytest.raises(InputError, match=r"no LSL stream with source id .* within 0.2 s"):
        resolve(StreamWanted((name,), "float32"), 0.2)
    start(name, eeg(0, 10, wait=True))
    with pytest.raises(InputError, match="2 problem") as caught:
        resolve(StreamWanted((name,), "string", n_channels=5), 5.0)
    assert "channel_count: got 3; allowed: 5" in str(caught.value)
    with pytest.raises(InputError, match="does not describe volumes"):
        VolumeFormat.of(EegFormat(250.0, ("Oz",)).info("x"))


def test_two_streams_of_one_name_are_refused(start: Start) -> None:
    name = unique()
    start(name, eeg(0, 10, wait=True))
    start(name, eeg(0, 10, wait=True))
    with pytest.raises(InputError, match="2 LSL streams match"):
        resolve(StreamWanted((name,), "float32"), 5.0)


def test_liblsl_keeps_its_first_settings(start: Start) -> None:
    configure_lsl(SESSION)
    with pytest.raises(ConfigError, match="already configured"):
        configure_lsl(LslConfig(session_id="another"))
    with pytest.raises(NodeError, match="used before it was configured"):
        check_session("default")
    text = SESSION.content()
    assert "KnownPeers = {127.0.0.1}" in text
    assert "ResolveScope = machine" in text
    with pytest.raises(ConfigError, match="2 problem"):
        LslConfig(session_id="a\nb", log_level=99)


def test_outlets_check_what_they_send(start: Start) -> None:
    out = EegOutlet(unique(), EegFormat(250.0, ("Oz", "Pz")))
    with pytest.raises(InputError, match=r"allowed: \(n, 2\)"):
        out.push(np.zeros((4, 3), dtype=np.float32), 0)
    out.close()
    with pytest.raises(NodeError, match="closed"):
        out.push(np.zeros((4, 2), dtype=np.float32), 0)
    volumes = VolumeOutlet(unique(), VolumeFormat((2, 2, 2), np.eye(4), 1.0))
    with pytest.raises(InputError, match=r"volume\.shape"):
        volumes.push(np.zeros((2, 2, 3)), 0)
    volumes.close()
    marks = MarkerOutlet(unique())
    with pytest.raises(ValueError, match="JSON"):
        marks.push(float("nan"), "x")
    marks.close()


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
