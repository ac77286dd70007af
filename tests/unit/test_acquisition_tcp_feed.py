"""Receivers on real sockets of this machine, with the simulator's senders."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from acquisition.fmri.volume import Volume
from acquisition.simulate.send_afni import AfniSender
from acquisition.simulate.send_vsend import VsendSender
from acquisition.sources.tcp.afni_header import AfniHeader
from acquisition.sources.tcp.door import networks_of
from acquisition.sources.tcp.feed import AfniFeed, Listening, TcpFeed, VsendFeed
from acquisition.sources.tcp.intake import Intake
from acquisition.sources.tcp.memory import Memory, Remembered
from acquisition.sources.tcp.vsend import VsendDecoder
from phosphene.clock import MonotonicClock
from phosphene.errors import ConfigError, InputError

HOST = "127.0.0.1"
KEY = b"k" * 32
CLOCK = MonotonicClock()
AFFINE = np.diag([3.0, 3.0, 4.0, 1.0])
DATA = np.random.default_rng(0).integers(0, 900, (8, 6, 5, 4)).astype("<i2")
HEADER = AfniHeader((6, 5, 4), AFFINE, np.dtype("<i2"), 1.5)


class Ears:
    """Takes what a feed has, as the bridge does."""

    def __init__(self) -> None:
        self.bell = threading.Event()
        self.feed: TcpFeed | None = None
        self.said: list[str] = []
        self.volumes: list[Volume] = []

    def until(self, reached: Callable[[], bool]) -> None:
        assert self.feed is not None
        until_s = CLOCK.now() + 5.0
        while True:
            self.volumes += self.feed.take()
            self.said += self.feed.complaints()
            if reached():
                return
            assert CLOCK.now() < until_s, (self.said, self.feed.counts())
            self.bell.wait(0.05)
            self.bell.clear()

    def counts(self, name: str) -> int:
        assert self.feed is not None
        return self.feed.counts()[name]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def ears() -> Iterator[Ears]:
    threads, files = set(threading.enumerate()), open_files()
    made = Ears()
    yield made
    if made.feed is not None:
        made.feed.close()
    assert set(threading.enumerate()) == threads
    assert open_files() == files


def listening(*hosts: str, port: int = 0, patience_s: float = 10.0) -> Listening:
    return Listening(HOST, port, networks_of(hosts or (HOST,)), patience_s)


def vsend(
    ears: Ears, memory: Memory | None = None, first: int = 0, where: Listening | None = None
) -> VsendFeed:
    decoder = VsendDecoder(KEY if memory is None else memory.key)
    feed = VsendFeed(where or listening(), decoder, first, CLOCK, ears.bell.set, memory)
    ears.feed = feed
    return feed


def sender(feed: TcpFeed, uid: str = "1.2", **more: bool) -> VsendSender:
    return VsendSender(HOST, feed.port, uid, AFFINE, 1.5, 8, CLOCK, **more)


def free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize("keep_open", [False, True])
def test_vsend_with_one_connection_for_each_volume_or_for_all(ears: Ears, keep_open: bool) -> None:
    feed = vsend(ears)
    before_s = CLOCK.now()
    with sender(feed, keep_open=keep_open) as out:
        for k in (0, 1, 2, 2, 5):
            out.send(DATA[k], k)
        ears.until(lambda: len(ears.volumes) == 4)
    assert [v.index for v in ears.volumes] == [0, 1, 2, 5]
    for volume in ears.volumes:
        np.testing.assert_array_equal(volume.data, DATA[volume.index])
        assert volume.arrived_s is not None
        assert before_s <= volume.arrived_s <= CLOCK.now()
    assert (ears.counts("duplicates"), ears.counts("gaps")) == (1, 2)
    assert "volumes 4 to 5 did not come, the run goes on without" in ears.said


def test_what_a_decoder_did_not_foresee_costs_only_its_own_connection(ears: Ears) -> None:
    class Fragile(VsendDecoder):
        def feed(self, data: bytes | bytearray | memoryview) -> Iterator[Volume]:
            if bytes(data[:3]) == b"Doe":
                raise OverflowError("Doe, Jane")
            yield from super().feed(data)

    feed = ears.feed = VsendFeed(listening(), Fragile(KEY), 0, CLOCK, ears.bell.set)
    with sender(feed) as out:
        out.send_raw(b"Doe, Jane")
        ears.until(lambda: ears.counts("damaged") == 1)
        out.send(DATA[0], 0)
        ears.until(lambda: len(ears.volumes) == 1)
    assert any("OverflowError" in line for line in ears.said)
    assert not any("Doe" in line for line in ears.said)


def test_what_is_no_volume_costs_only_its_own_connection(ears: Ears) -> None:
    with sender(vsend(ears)) as out:
        raw = out.raw(DATA[0], 0)
        for wrong in (b"GET / HTTP/1.0\r\n\r\n", raw[:300], raw[:-1], b"ERTI" + b"\xff" * 700):
            out.send_raw(wrong)
        out.send(DATA[0], 0)
        ears.until(lambda: len(ears.volumes) == 1)
    assert ears.counts("truncated") == 2
    assert ears.counts("foreign_files") == 2
    assert ears.counts("connections") == 5


def test_another_series_and_another_matrix_are_left_out(ears: Ears) -> None:
    feed = vsend(ears)
    for uid, data, index in (("1", DATA[0], 0), ("2", DATA[1], 1), ("1", DATA[2, :4], 1)):
        with sender(feed, uid) as out:
            out.send(data, index)
    with sender(feed, "1") as out:
        out.send(DATA[3], 1)
    ears.until(lambda: len(ears.volumes) == 2)
    assert [v.index for v in ears.volumes] == [0, 1]
    assert (ears.counts("second_series"), ears.counts("other_matrix")) == (1, 1)
    assert any("second series" in line for line in ears.said)


def test_only_allowed_hosts_may_send(ears: Ears) -> None:
    feed = vsend(ears, where=listening("10.1.2.0/24", "192.168.7.7"))
    with sender(feed) as out:
        out.send(DATA[0], 0)
    ears.until(lambda: ears.counts("hosts_turned_away") == 1)
    assert ears.volumes == []
    assert any("source.allowed_hosts" in line for line in ears.said)
    assert not any(HOST in line for line in ears.said), "addresses stay out of logs and notes"
    with pytest.raises(ConfigError, match="scanner"):
        networks_of([HOST, "scanner"])


def test_a_port_that_somebody_has_is_an_error_at_once(ears: Ears) -> None:
    feed = vsend(ears)
    with pytest.raises(InputError, match="free port"):
        VsendFeed(listening(port=feed.port), VsendDecoder(KEY), 0, CLOCK, lambda: None)


def test_a_silent_connection_makes_room_for_one_that_waits(ears: Ears) -> None:
    feed = vsend(ears, where=listening(patience_s=0.0))
    with socket.create_connection((HOST, feed.port)), sender(feed) as out:
        out.send(DATA[0], 0)
        ears.until(lambda: len(ears.volumes) == 1)


def test_a_sender_waits_while_nobody_takes_and_closing_ends_everything(ears: Ears) -> None:
    feed = vsend(ears)
    sent = []

    def flood() -> None:
        with sender(feed, keep_open=True) as out:
            raw = out.raw(np.zeros((64, 64, 30), "<i2"), 0)
            try:
                for number in range(1, 400):
                    changed = bytearray(raw)
                    changed[548:552] = number.to_bytes(4, "little")
                    out.send_raw(changed)
                    sent.append(number)
            except OSError:
                pass  # hung up by the receiver

    thread = threading.Thread(target=flood)
    thread.start()
    ears.until(lambda: len(sent) > 64 and len(ears.volumes) > 0)
    feed.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(sent) < 399
    ears.feed = None


def started_again(ears: Ears) -> None:
    assert ears.feed is not None
    ears.feed.close()
    ears.volumes.clear()


def test_a_process_that_starts_again_counts_as_before(ears: Ears, tmp_path: Path) -> None:
    path = tmp_path / "bridge.tcp"
    raws = []
    with sender(vsend(ears, Memory(path))) as out:
        for number in range(3):  # counts from 0
            raw = bytearray(out.raw(DATA[number], number))
            raw[548:552] = number.to_bytes(4, "little")
            raws.append(raw)
        out.send_raw(raws[0])
        ears.until(lambda: len(ears.volumes) == 1)
    started_again(ears)
    with sender(vsend(ears, Memory(path), first=1)) as out:
        out.send_raw(raws[1])
        ears.until(lambda: len(ears.volumes) == 1)
    assert [v.index for v in ears.volumes] == [1]


def test_after_a_restart_another_scan_does_not_pass_for_the_run(ears: Ears, tmp_path: Path) -> None:
    path = tmp_path / "bridge.tcp"
    with sender(vsend(ears, Memory(path)), "1.2") as out:
        for k in range(3):
            out.send(DATA[k], k)
        ears.until(lambda: len(ears.volumes) == 3)
    started_again(ears)
    feed = vsend(ears, Memory(path), first=3)
    with sender(feed, "1.3") as out:
        for k in range(5):
            out.send(DATA[k], k)
        ears.until(lambda: ears.counts("second_series") == 5)
    assert ears.volumes == []
    assert sum("DOES NOT GO ON" in line for line in ears.said) == 1
    with sender(feed, "1.2") as out:
        out.send(DATA[3], 3)
        ears.until(lambda: len(ears.volumes) == 1)
    assert ears.volumes[0].index == 3
    assert "1.2" not in path.read_text()


def test_after_a_restart_afni_goes_on_only_from_the_first_image(ears: Ears, tmp_path: Path) -> None:
    path, port = tmp_path / "bridge.tcp", free_port()
    with AfniSender(HOST, afni(ears, Memory(path)).port, HEADER, CLOCK, port) as out:
        for k in range(3):
            out.send(DATA[k])
        ears.until(lambda: len(ears.volumes) == 3)
    started_again(ears)
    feed = afni(ears, Memory(path), first=3)
    with AfniSender(HOST, feed.port, HEADER, CLOCK, port) as out:
        for k in (5, 6, 7, 0, 1):  # the sender goes on where it was; these are not 0, 1, 2, ...
            out.send(DATA[k])
        ears.until(lambda: ears.counts("second_series") == 5)
    assert ears.volumes == []
    assert sum("DOES NOT GO ON" in line for line in ears.said) == 1
    with AfniSender(HOST, feed.port, HEADER, CLOCK, port) as out:
        for k in range(5):
            out.send(DATA[k])
        ears.until(lambda: len(ears.volumes) == 2)
    assert [v.index for v in ears.volumes] == [3, 4]
    for volume in ears.volumes:
        np.testing.assert_array_equal(volume.data, DATA[volume.index])


def test_memory_holds_the_kind_of_images_and_the_matrix(tmp_path: Path) -> None:
    path = tmp_path / "bridge.tcp"
    begun = Memory(path)
    assert begun.known is None
    begun.keep(Remembered("a", (2, 2, 2), 0, corrected=True))
    begun.keep(Remembered("b", (3, 3, 3)))
    again = Memory(path)
    assert again.key == begun.key
    assert again.known == begun.known == Remembered("a", (2, 2, 2), 0, corrected=True)
    intake = Intake(1, again.known)
    assert intake.push(Volume(np.zeros((2, 2, 3), np.float32), np.eye(4), 1, 1.0, "a"), 0.0) == []
    assert intake.counts()["other_matrix"] == 1


def afni(ears: Ears, memory: Memory | None = None, first: int = 0) -> AfniFeed:
    key = KEY if memory is None else memory.key
    feed = AfniFeed(listening(), key, first, CLOCK, ears.bell.set, memory)
    ears.feed = feed
    return feed


def test_afni_survives_a_sender_that_is_started_again(ears: Ears) -> None:
    feed, port = afni(ears), free_port()
    with AfniSender(HOST, feed.port, HEADER, CLOCK, port) as out:
        for k in range(3):
            out.send(DATA[k])
        ears.until(lambda: len(ears.volumes) == 3)
    with AfniSender(HOST, feed.port, HEADER, CLOCK, port) as out:
        for k in range(5):
            out.send(DATA[k])
        out.end_series()
        out.start_series(HEADER)
        out.send(DATA[7])
        ears.until(lambda: len(ears.volumes) == 5 and ears.counts("second_series") == 1)
    assert [v.index for v in ears.volumes] == [0, 1, 2, 3, 4]
    assert ears.counts("duplicates") == 3
    for volume in ears.volumes:
        np.testing.assert_array_equal(volume.data, DATA[volume.index])


def test_afni_refuses_shared_memory_and_descriptions_that_it_cannot_follow(ears: Ears) -> None:
    feed, port = afni(ears), free_port()
    with socket.create_connection((HOST, feed.port)) as control:
        control.sendall(b"shm:grv:1M\0")
        ears.until(lambda: any("uses TCP" in line for line in ears.said))
    with AfniSender(HOST, feed.port, HEADER, CLOCK, port) as out:
        out.end_series()
        out.send_raw(b"NUM_CHAN 2\nNOTE DOE^JANE\n\0")
        ears.until(lambda: any("NUM_CHAN" in line for line in ears.said))
    assert not any("DOE" in line for line in ears.said)
    with AfniSender(HOST, feed.port, HEADER, CLOCK, port) as out:
        out.send(DATA[0])
        ears.until(lambda: len(ears.volumes) == 1)


def test_a_restart_of_the_scan_is_told_apart_from_a_second_series() -> None:
    intake = Intake()
    first = Volume(np.zeros((2, 2, 2), np.float32), np.eye(4), 0, 1.0, "a")
    again = Volume(np.zeros((2, 2, 2), np.float32), np.eye(4), 0, 1.0, "b")
    assert len(intake.push(first, 0.0)) == 1
    assert intake.push(again, 60.0) == []
    assert intake.counts()["restarts"] == 1
    assert "STARTED ANEW" in intake.complaints[-1]
