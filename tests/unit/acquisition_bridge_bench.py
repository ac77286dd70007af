"""A bridge with pretended outlets and source, for the tests of its shell."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import zmq

from acquisition.bridge import node as bridge_node
from acquisition.bridge.bell import ThreadBell
from acquisition.bridge.node import Bridge
from acquisition.bridge.timeline import Item, volume_items
from acquisition.fmri.volume import Volume
from acquisition.lsl.formats import EegFormat, VolumeFormat
from acquisition.progress import Progress
from phosphene.bus import Pusher, RunFolder
from phosphene.clock import FakeClock
from phosphene.dataset import TimedEvent
from phosphene.messages import Command, Credit
from phosphene.node import NodeContext
from phosphene.plan import Plan

TR_S = 2.0
FMRI = VolumeFormat((2, 2, 2), np.eye(4), TR_S)
EEG = EegFormat(100.0, ("a", "b"))


class FakeOutlet:
    """Notes what is pushed into one list that all outlets of a test share."""

    pushed: list[str]
    reader = True

    def __init__(self, *_: object) -> None:
        self.closed = False

    def has_reader(self) -> bool:
        return type(self).reader

    def close(self) -> None:
        self.closed = True


class FakeMarkers(FakeOutlet):
    def push(self, t_s: float, label: str, **more: Any) -> None:
        self.pushed.append(f"marker {more['n']} {label or 'end'}")


class FakeVolumes(FakeOutlet):
    stamps: ClassVar[list[tuple[float | None, dict[str, float]]]] = []

    def push(
        self, data: object, index: int, stamp_s: float | None, figures: dict[str, float]
    ) -> None:
        self.pushed.append(f"volume {index}")
        self.stamps.append((stamp_s, figures))


class FakeEeg(FakeOutlet):
    def push(self, samples: np.ndarray, first_index: int) -> None:
        self.pushed.append(f"samples {first_index}+{len(samples)}")


class FakeSource:
    """Items from a list."""

    def __init__(self, items: list[Item], layout: VolumeFormat | EegFormat) -> None:
        self.items, self.complaints_now = deque(items), []
        self.layout_now: VolumeFormat | EegFormat | None = layout

    def layout(self) -> VolumeFormat | EegFormat | None:
        return self.layout_now

    def peek(self) -> Item | None:
        return self.items[0] if self.items else None

    def take(self) -> Item:
        return self.items.popleft()

    def ended(self) -> bool:
        return not self.items

    def counts(self) -> Mapping[str, int]:
        return {"damaged": 0}

    def complaints(self) -> list[str]:
        told, self.complaints_now = self.complaints_now, []
        return told

    def close(self) -> None:
        self.items.clear()


def run_of(count: int, *onsets_s: float, first: int = 0) -> list[Item]:
    volumes = (Volume(np.zeros((2, 2, 2), np.float32), np.eye(4), k, TR_S) for k in range(count))
    events = [TimedEvent(run="1", t_s=t, duration_s=1.0, label=f"e{t:g}") for t in onsets_s]
    return list(volume_items((v for v in volumes if v.index >= first), events, TR_S, first))


class Bench:
    """A bridge with outlets that nobody needs LSL for, and an acquisition that gives credit."""

    def __init__(self, folder: Path, source: FakeSource, *, speed: float | None, asks: bool):
        self.clock = FakeClock(100.0)
        path = folder / "ph-t"
        plan = Plan.model_validate(
            {
                "run": "r",
                "folder": path if path.exists() else RunFolder.create("t", folder).path,
                "mode": "replay",
                "speed": speed,
                "nodes": ("bridge", *(("acquisition",) if asks else ())),
                "session": {
                    "person": "p",
                    "modality": "fmri",
                    "source": {"kind": "recording", "path": "x"},
                },
            }
        )
        self.context = NodeContext("bridge", plan, self.clock)
        self.peer = NodeContext("acquisition", plan, self.clock)
        self.progress = Progress(path / "bridge.progress")
        bell = ThreadBell(self.context.zmq)
        self.source = source
        self.bridge = Bridge(self.context, source, self.progress, bell)
        self.zmq: zmq.Context[Any] = zmq.Context()
        self.credits = Pusher(self.zmq, self.context.endpoint("credits"))
        self.pushed = FakeOutlet.pushed = []

    def go(self) -> None:
        stamp = {"run": "r", "seq": 0, "t_acquired": 0.0, "t_sent": 0.0}
        go = Command(**stamp, producer="supervisor", id="1", action="go")  # type: ignore[arg-type]
        self.bridge.command(go)
        self.bridge.step()

    def credit(self, epoch: str = "1", **counts: int) -> None:
        """Say how far acquisition is in each stream; let the bridge hear it and go on."""
        for stream, count in counts.items():
            told = {"stream": stream, "count": count, "epoch": epoch}
            self.credits.send(self.peer.message(Credit, t_acquired=0.0, **told))
            assert self.bridge.sockets()[0].poll(5000)
            self.bridge.step()

    def new(self) -> list[str]:
        """Return what was pushed since the last call."""
        found = self.pushed[:]
        self.pushed.clear()
        return found

    def __getitem__(self, name: str) -> int:
        return self.bridge.counts()[name]

    def close(self) -> None:
        self.bridge.close()
        self.context.close()
        self.peer.close()
        self.zmq.destroy(linger=0)


Benches = Callable[..., Any]


def benches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benches:
    """Return what makes bridges in a folder."""
    monkeypatch.setattr(bridge_node, "MarkerOutlet", FakeMarkers)
    monkeypatch.setattr(bridge_node, "VolumeOutlet", FakeVolumes)
    monkeypatch.setattr(bridge_node, "EegOutlet", FakeEeg)
    monkeypatch.setattr(FakeOutlet, "pushed", [], raising=False)

    @contextmanager
    def made(
        items: list[Item],
        layout: VolumeFormat | EegFormat = FMRI,
        *,
        speed: float | None = None,
        asks: bool = True,
    ) -> Iterator[Bench]:
        held = Bench(tmp_path, FakeSource(items, layout), speed=speed, asks=asks)
        try:
            yield held
        finally:
            held.close()

    return made
