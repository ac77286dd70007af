"""EEG, volumes and markers through real LSL outlets in other processes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import psutil
import pytest

from acquisition.lsl.config import LslConfig, check_session, configure_lsl
from acquisition.lsl.formats import EegFormat, VolumeFormat
from acquisition.lsl.inlet import EegInlet, MarkerInlet, VolumeInlet
from acquisition.lsl.link import StreamWanted, resolve
from acquisition.lsl.outlet import EegOutlet, MarkerOutlet, VolumeOutlet
from phosphene.errors import ConfigError, InputError, NodeError
from tests.system.lsl_bench import SESSION, Start, collect, eeg, senders, unique

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


@pytest.fixture
def start() -> Iterator[Start]:
    with senders() as begin:
        yield begin


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
