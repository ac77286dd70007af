"""An acquisition node on streams from lists, for the tests of its shell."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import zmq

from acquisition import fmri_take
from acquisition import node as acquisition_node
from acquisition.lsl.formats import VolumeFormat
from acquisition.lsl.inlet import Marker, VolumeSample
from acquisition.lsl.staleness import StaleWatch
from acquisition.node import AcquisitionNode
from phosphene.bus import Puller, Pusher, RunFolder, Subscriber
from phosphene.clock import FakeClock
from phosphene.consent import Consent
from phosphene.errors import InputError
from phosphene.messages import Credit, Event, Message, topic_of
from phosphene.node import NodeContext
from phosphene.plan import Plan

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


def benches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benches:
    """Return what makes nodes in a folder."""
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
