from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import zmq

from acquisition import fmri_take
from acquisition import node as acquisition_node
from acquisition.errors import StreamAbsentError
from acquisition.intake import Opener
from acquisition.lsl.formats import VolumeFormat
from acquisition.lsl.inlet import Marker, VolumeSample
from acquisition.lsl.staleness import StaleWatch
from acquisition.node import AcquisitionNode
from acquisition.progress import Progress
from acquisition.streams import awaited
from acquisition.take import Out
from phosphene.bus import Puller, Pusher, RunFolder, Subscriber
from phosphene.clock import FakeClock
from phosphene.consent import Consent
from phosphene.errors import InputError, NodeError
from phosphene.messages import Command, Credit, Event, Message, Quality, topic_of
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.session import SourceSettings

TR_S = 2.0
SHAPE = (10, 10, 4)
BRAIN = np.full(SHAPE, 20.0, np.float32)
BRAIN[2:8, 2:8] = 900.0


class FakeInlet:
    """What LSL would bring, from lists; all inlets of a test share `there`."""

    there = True
    made: dict[str, Any]

    def __init__(self, source_ids: tuple[str, ...], now: Callable[[], float], **_: object) -> None:
        wanted = SimpleNamespace(source_ids=source_ids)
        self.link = SimpleNamespace(connected=True, trouble="", n_reconnects=0, wanted=wanted)
        self.waiting: deque[Any] = deque()
        self.made[source_ids[0].rsplit("-", 1)[-1]] = self
        self.closed = False

    def open(self, timeout_s: float = 5.0) -> object:
        if not self.there:
            raise InputError("no LSL stream yet")
        return None

    def close(self) -> None:
        self.closed = True


class FakeMarkers(FakeInlet):
    def pull(self, timeout_s: float) -> list[Marker]:
        found = list(self.waiting)
        self.waiting.clear()
        return found


class FakeVolumes(FakeInlet):
    layout = VolumeFormat(SHAPE, np.diag([3.0, 3.0, 3.0, 1.0]), TR_S)
    watch = StaleWatch(TR_S)

    def pull(self, timeout_s: float) -> VolumeSample | None:
        return self.waiting.popleft() if self.waiting else None


class Bench:
    """An acquisition node, what comes to it, and everybody it speaks to."""

    def __init__(self, folder: Path, *, lossless: bool, scopes: tuple[str, ...] | None) -> None:
        self.clock = FakeClock(100.0)
        path = folder / "ph-t"
        expires = datetime.now(UTC) + timedelta(days=1)
        plan = Plan.model_validate(
            {
                "run": "r",
                "folder": path if path.exists() else RunFolder.create("t", folder).path,
                "mode": "replay",
                "speed": None if lossless else 1.0,
                "nodes": ("recorder", "decoder", "acquisition", "bridge"),
                "consent": None if scopes is None else Consent(
                    person="p", scopes=frozenset(scopes), expires=expires
                ),
                "session": {
                    "person": "p",
                    "modality": "fmri",
                    "source": {"kind": "recording", "path": "x", "labels": {"1": "house"}},
                },
            }
        )  # fmt: skip
        self.context = NodeContext("acquisition", plan, self.clock)
        self.decoder = NodeContext("decoder", plan, self.clock)
        endpoint = self.context.endpoint
        self.zmq: zmq.Context[Any] = zmq.Context()
        self.records = Puller(self.zmq, endpoint("records"))
        self.credits = Puller(self.zmq, endpoint("credits"))
        self.node = AcquisitionNode(self.context, None)
        topics = [b"features", b"quality", b"event", b"volume"]
        self.bus = Subscriber(self.zmq, [endpoint("acquisition")], topics)
        self.acks = Pusher(self.zmq, endpoint("acks"))
        self.node.out.wait_for_subscribers(b"features", 1, 5.0)
        self.node.out.wait_for_subscribers(b"volume", 1, 5.0)
        self.volumes: FakeVolumes = FakeInlet.made["volumes"]
        self.markers: FakeMarkers = FakeInlet.made["markers"]
        self._recorded: list[Message] = []
        self._credited: list[Credit] = []

    def opened(self) -> None:
        for thread in self.node._opener._threads:
            thread.join(5)
        assert self.node._opener.ready

    def volume(self, *indices: int) -> None:
        """Let LSL bring these volumes."""
        for k in indices:
            noise = np.random.default_rng(k).normal(0, 5, SHAPE).astype(np.float32)
            self.volumes.waiting.append(VolumeSample(BRAIN + noise, k, 50.0 + k, False))

    def marker(self, number: int, label: str, t_s: float | None, **more: Any) -> None:
        """Let LSL bring a marker of the bridge."""
        self.markers.waiting.append(Marker(label, 49.0, t_s, {"n": number, **more}))

    def end(self, number: int, count: int) -> None:
        """Let LSL bring the marker that ends a run of `count` volumes."""
        self.marker(number, "", count * TR_S, end=True, volumes=count, next=count)

    def work(self) -> None:
        """Step as long as there is something that the node takes."""
        left = -1
        while left != len(self.volumes.waiting) + len(self.markers.waiting):
            left = len(self.volumes.waiting) + len(self.markers.waiting)
            self.node.step()
            # Nobody may be full, or the node's sockets would linger when they are closed.
            self._recorded += self.records.receive()
            self._credited += [message.header for message in self.credits.receive()]
        self.node.step()

    def acknowledge(self, count: int, epoch: str = "1") -> None:
        """Let the decoder say that it has consumed `count` features; let the node hear it."""
        told = {"stream": "features", "count": count, "epoch": epoch}
        self.acks.send(self.decoder.message(Credit, t_acquired=0.0, **told))
        assert self.node.sockets()[0].poll(5000)
        self.work()

    def published(self) -> list[Message]:
        """Return what was published; the marker behind it shows that nothing is still coming."""
        return self._until_last(self.bus, [])

    def recorded(self) -> list[Message]:
        """Return what went to the recorder, as `published`."""
        return self._until_last(self.records, self._recorded)

    def _until_last(self, socket: Subscriber | Puller, found: list[Message]) -> list[Message]:
        last = self.context.message(Event, t_acquired=0.0, t_data=0.0, label="last", stream="")
        self.node.out.send(last)
        assert self.node._records is not None
        self.node._records.send(last)
        while not found or found[-1].header != last.header:
            assert socket.socket.poll(5000)
            found += socket.receive()
        return [m for m in found if getattr(m.header, "label", "") != "last"]

    def told(self, stream: str) -> list[int]:
        """Return the counts of `stream` that went to the bridge since they were last asked for."""
        while self.credits.socket.poll(20):
            self._credited += [message.header for message in self.credits.receive()]
        found = [credit for credit in self._credited if credit.stream == stream]
        self._credited = [credit for credit in self._credited if credit.stream != stream]
        assert {credit.epoch for credit in found} <= {str(os.getpid())}
        return [credit.count for credit in found]

    def __getitem__(self, name: str) -> int:
        return self.node.counts()[name]

    def close(self) -> None:
        self.node.close()
        self.context.close()
        self.decoder.close()
        self.zmq.destroy(linger=0)


Benches = Callable[..., AbstractContextManager[Bench]]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benches:
    monkeypatch.setattr(acquisition_node, "MarkerInlet", FakeMarkers)
    monkeypatch.setattr(fmri_take, "VolumeInlet", FakeVolumes)
    monkeypatch.setattr(FakeInlet, "made", {}, raising=False)
    monkeypatch.setattr(FakeVolumes, "watch", StaleWatch(TR_S))

    @contextmanager
    def made(
        *, lossless: bool = False, scopes: tuple[str, ...] | None = ("record_brain",)
    ) -> Iterator[Bench]:
        held = Bench(tmp_path, lossless=lossless, scopes=scopes)
        try:
            if FakeInlet.there:
                held.opened()
            yield held
        finally:
            held.close()

    return made


def topics(messages: list[Message]) -> list[str]:
    return [topic_of(m.header).decode() for m in messages]


def indices(messages: list[Message]) -> list[int]:
    return [m.header.index for m in messages if topic_of(m.header) == b"features"]


def test_until_a_stream_is_found_it_says_so_and_takes_nothing(
    bench: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeInlet, "there", False)
    with bench() as b:
        b.volume(0)
        b.node.step()
        assert b.context.note in ("no LSL stream yet", "waiting for the bridge")
        assert b["volumes"] == 0
        due_s = b.node.due_s()
        assert due_s is not None
        assert due_s > b.clock.now(), "it must not spin while it looks"
        monkeypatch.setattr(FakeInlet, "there", True)
        b.opened()
        b.work()
        assert b["volumes"] == 1
        assert b.context.note == ""
    assert b.volumes.closed
    assert b.markers.closed


def test_before_the_first_volume_nothing_is_wrong(bench: Benches) -> None:
    with bench() as b:
        plan = b.context.plan
        source = SourceSettings(kind="folder", path=Path("x"), source_ids=("pulses",))
        session = plan.session.model_copy(update={"source": source})
        live = awaited(plan.model_copy(update={"session": session}))
        assert live == {0: "waiting for the bridge", 2: "waiting for the first volume"}
        assert awaited(plan) == {0: "waiting for the bridge", 1: "waiting for the recording"}
        assert awaited(plan.model_copy(update={"nodes": ("acquisition",)})) == {}


@pytest.mark.parametrize("error", [StreamAbsentError, InputError])
def test_only_a_stream_that_is_not_there_yet_is_waited_for(error: type[InputError]) -> None:
    tried = threading.Event()

    class Closed:
        def open(self, timeout_s: float = 5.0) -> object:
            tried.set()
            raise error("no LSL stream")

        def close(self) -> None:
            pass

    opener = Opener([Closed()], {0: "waiting for the first volume"})
    assert tried.wait(5)
    opener.close()
    absent = error is StreamAbsentError
    assert opener.trouble == ("waiting for the first volume" if absent else "no LSL stream")


def test_a_long_preparation_is_told_while_it_lasts(
    bench: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = []

    def prepare(beat: Callable[[], object]) -> None:
        for _ in range(4):
            beat()
            notes.append(b.context.note)
            b.clock.advance(1.0)

    with bench() as b:
        monkeypatch.setattr(b.node._take, "prepare", prepare)
        b.node.prepare()
        assert notes[:3] == ["", "", ""]
        assert "compiling for this machine, once" in notes[3]
        assert b.context.note == ""


def test_markers_go_out_before_the_data_that_came_with_them(bench: Benches) -> None:
    with bench() as b:
        b.volume(0)
        b.marker(0, "1", 0.5, duration=2.0)
        b.marker(1, "face", 1.5, detail='{"a": 1}')
        b.work()
        b.volume(1)
        b.work()
        found = b.published()
        assert topics(found) == ["event", "event", "features", "quality", "features", "quality"]
        first, second = found[0].header, found[1].header
        assert (first.label, first.t_data, first.detail) == ("house", 0.5, '{"duration_s": 2.0}')
        assert (second.label, second.t_data, second.detail) == ("face", 1.5, '{"a": 1}')
        assert [m.header.t_data for m in found[2:]] == [2.0, 2.0, 4.0, 4.0]
        assert found[3].header.t_acquired == 50.0
        assert (b["events"], b["features"], b["volumes"]) == (2, 2, 2)


@pytest.mark.parametrize("scopes", [None, (), ("record_images", "view_self")])
def test_without_record_brain_only_quality_and_events_are_recorded(
    bench: Benches, scopes: tuple[str, ...] | None
) -> None:
    with bench(scopes=scopes) as b:
        b.marker(0, "face", 0.5)
        b.volume(0, 1)
        b.work()
        assert topics(b.recorded()) == ["event", "quality", "quality"]
        assert b["features"] == 2, "they are still published"


@pytest.mark.parametrize("scopes", [None, ("record_brain",)])
def test_what_regions_do_is_recorded_only_where_brain_data_may_be(
    bench: Benches, scopes: tuple[str, ...] | None
) -> None:
    with bench(scopes=scopes) as b:
        values = {"dvars_psc": 1.0, "roi_V1_psc": 0.5}
        b.node._send(Out(Quality, 1.0, {"index": 0, "t_data": 2.0, "values": values}))
        b.work()
        (recorded,), (shown,) = b.recorded(), b.published()
        assert shown.header.values == values
        allowed = values if scopes else {"dvars_psc": 1.0}
        assert recorded.header.values == allowed
        assert recorded.header.seq == shown.header.seq


def test_with_record_brain_raw_volumes_and_features_are_recorded_too(bench: Benches) -> None:
    with bench() as b:
        b.marker(0, "face", 0.5)
        b.volume(0)
        b.work()
        found = b.recorded()
        assert topics(found) == ["event", "features", "quality", "volume"]
        noise = np.random.default_rng(0).normal(0, 5, SHAPE).astype(np.float32)
        np.testing.assert_array_equal(found[3].arrays["volume"], BRAIN + noise)
        assert "volume" not in topics(b.published()), "raw data goes to the recorder alone"


@pytest.mark.parametrize("scopes", [None, ("record_brain",)])
def test_maps_at_the_end_are_recorded_only_where_brain_data_may_be(
    bench: Benches, scopes: tuple[str, ...] | None
) -> None:
    with bench(lossless=True, scopes=scopes) as b:
        for k in range(30):
            if k % 6 == 0:
                b.marker(k // 6, "face", k * TR_S, duration=4.0)
            b.volume(k)
            b.work()
            b.acknowledge(k + 1)
        assert "statmap" not in topics(b.recorded())
        b.end(5, 30)
        b.work()
        assert b.node.done()
        assert ("statmap" in topics(b.recorded())) == (scopes is not None)
        event = next(m.header for m in b.published() if topic_of(m.header) == b"event")
        assert event.duration_s == 4.0


def test_credits_are_cumulative_and_come_at_once_at_full_speed(bench: Benches) -> None:
    with bench(lossless=True) as b:
        b.marker(0, "face", 0.5)
        b.volume(0, 1, 2)
        b.work()
        volumes = b.told("volumes")
        assert volumes == sorted(volumes)
        assert set(volumes) == {0, 1, 2, 3}
        assert b.told("markers")[-1] == 1
        b.marker(1, "face", 6.5)
        b.work()
        assert b.told("markers") == [2]
        assert b.told("volumes") == [3]
        b.work()
        assert b.told("volumes") == [], "nothing new, nothing said"


def test_credits_are_repeated_so_that_a_new_bridge_hears_them(bench: Benches) -> None:
    with bench() as b:
        b.volume(0, 1)
        b.work()
        b.told("volumes")
        b.clock.advance(0.49)
        b.work()
        assert b.told("volumes") == []
        b.clock.advance(0.02)
        b.work()
        assert b.told("volumes") == [2]


def test_at_full_speed_32_features_are_on_their_way(bench: Benches) -> None:
    with bench(lossless=True) as b:
        b.volume(*range(50))
        b.work()
        assert (b["features"], len(b.volumes.waiting)) == (32, 18)
        due_s = b.node.due_s()
        assert due_s is not None
        assert due_s > b.clock.now()
        b.acknowledge(8)
        assert b["features"] == 40
        b.clock.advance(60.0)
        b.work()
        assert b["features"] == 40, "a decoder that is only slow is waited for"
        b.acknowledge(40)
        assert (b["features"], b["features_unacknowledged"]) == (50, 0)
        assert indices(b.published()) == list(range(50))


def test_a_new_decoder_process_does_not_owe_what_the_old_one_had(bench: Benches) -> None:
    with bench(lossless=True) as b:
        b.volume(*range(40))
        b.work()
        b.acknowledge(2)
        assert b["features"] == 34
        b.acknowledge(5, epoch="2")
        assert (b["features"], b["features_unacknowledged"]) == (40, 29)


def test_in_real_time_nothing_is_waited_for(bench: Benches) -> None:
    with bench() as b:
        b.volume(*range(40))
        b.work()
        assert b["features"] == 40


def test_at_full_speed_it_is_done_when_the_decoder_has_everything(bench: Benches) -> None:
    with bench(lossless=True) as b:
        b.end(0, 3)
        b.volume(0, 1)
        b.work()
        b.acknowledge(2)
        assert not b.node.done(), "the end was announced, a volume is still missing"
        b.volume(2)
        b.work()
        assert not b.node.done(), "the decoder has not acknowledged the last"
        b.acknowledge(3)
        assert b.node.done()
        assert b["events"] == 0, "the end is no event"


def test_in_real_time_it_is_done_with_the_last_volume(bench: Benches) -> None:
    with bench() as b:
        b.volume(0, 1)
        b.work()
        assert not b.node.done()
        b.end(0, 2)
        b.work()
        assert b.node.done()


def test_what_a_restarted_bridge_repeats_is_taken_once(bench: Benches) -> None:
    with bench() as b:
        b.marker(0, "face", 0.5)
        b.volume(0, 1)
        b.work()
        b.marker(0, "face", 0.5)
        b.marker(1, "house", 4.5)
        b.volume(1, 2)
        b.work()
        assert (b["events"], b["duplicates"], b["volumes"], b["repeated"]) == (2, 1, 3, 1)
        assert indices(b.published()) == [0, 1, 2]


def test_volumes_that_never_came_are_counted(bench: Benches) -> None:
    with bench() as b:
        b.volume(0, 3)
        b.work()
        assert (b["volumes"], b["volumes_lost"]) == (2, 2)


def test_a_marker_without_a_time_is_counted_and_not_published(bench: Benches) -> None:
    with bench() as b:
        b.marker(0, "face", None)
        b.work()
        assert (b["markers_late"], b["events"]) == (1, 0)
        assert b.published() == []


def test_a_process_that_starts_again_goes_on_where_the_other_came_to(
    bench: Benches, tmp_path: Path
) -> None:
    with bench() as b:
        b.volume(0, 1, 2)
        b.work()
    with Progress(tmp_path / "ph-t" / "acquisition.progress") as kept:
        assert kept.count == 3
    with bench() as b:
        b.volume(2, 3)
        b.work()
        assert (b["volumes"], b["repeated"], b["volumes_lost"]) == (1, 1, 0)
        assert indices(b.published()) == [3]
        assert set(b.told("volumes")) <= {3, 4}, "the bridge is never told less than before"


def test_a_stream_that_is_lost_is_told_until_the_run_has_ended(bench: Benches) -> None:
    with bench() as b:
        b.markers.link.connected, b.markers.link.trouble = False, "the source is gone"
        b.volume(0)
        b.work()
        assert b.context.note == "markers phosphene-r-markers: the source is gone"
        b.end(0, 1)
        b.work()
        assert b.context.note == ""


def test_it_obeys_go_and_no_other_command(bench: Benches) -> None:
    def command(action: str) -> Command:
        stamp = {"run": "r", "seq": 0, "t_acquired": 0.0, "t_sent": 0.0}
        return Command(**stamp, producer="supervisor", id="1", action=action)  # type: ignore[arg-type]

    with bench() as b:
        assert b.node.command(command("go")) == "listening"
        with pytest.raises(NodeError, match="'dance'"):
            b.node.command(command("dance"))


def test_a_stream_for_another_mask_is_told(bench: Benches, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as b:
        for told, own, said in (("a", "b", True), ("a", "a", False), ("", "b", False)):
            layout = replace(FakeVolumes.layout, mask_hash=told * 64)
            monkeypatch.setattr(b.volumes, "layout", layout, raising=False)
            monkeypatch.setattr(b.node, "_mask_hash", own * 64)
            b.work()
            assert ("the stream is for mask aaaaaaaaaaaa" in b.context.note) is said
