"""The gate as a process among processes: a peer is killed, every view goes blank."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from phosphene.bus import Publisher, Pusher, RunFolder, Subscriber
from phosphene.consent import Consent, Scope
from phosphene.messages import Beat, Frame, Message, View, decode, describe
from phosphene.plan import SINKS, Plan

pytestmark = pytest.mark.timing

# A peer that only beats; it stands for any node of the chain.
PEER = """
import itertools, os, sys, time, zmq
from pathlib import Path
from phosphene.bus import Pusher, RunFolder
from phosphene.messages import Beat, Message
folder = RunFolder(Path(sys.argv[1]))
with zmq.Context() as context, Pusher(context, folder.endpoint("bonds")) as bond:
    bond.socket.linger = 0
    for seq in itertools.count():
        now = time.monotonic()
        bond.send(Message(Beat(run="r", seq=seq, t_acquired=now, t_sent=now, producer="renderer",
                               pid=os.getpid(), state="running", counts={})))
        time.sleep(0.05)
"""


class Run:
    """The gate and one peer as processes; this test plays supervisor and sinks."""

    def __init__(self, folder: Path, speed: float | None = 1.0) -> None:
        source = {"kind": "recording", "path": "x"}
        plan = Plan.model_validate(
            {
                "run": "r",
                "folder": folder,
                "mode": "pilot",
                "speed": speed,
                "session": {"person": "p01", "modality": "fmri", "source": source},
                "nodes": ("gate", "renderer"),
                "consent": Consent(
                    person="p01",
                    scopes=frozenset(Scope),
                    expires=datetime.now(UTC) + timedelta(hours=1),
                ),
            }
        )
        end = RunFolder(folder).endpoint
        self.zmq: zmq.Context[Any] = zmq.Context()
        self.control: zmq.Socket[bytes] = self.zmq.socket(zmq.ROUTER)
        self.control.linger = 0
        self.control.bind(end("control"))
        self.gate = subprocess.Popen(
            [sys.executable, "-m", "phosphene.gate", "--plan", str(plan.save())]
        )
        self.folder = folder
        self.peer = self.start_peer()
        self.bond = Pusher(self.zmq, end("bonds"))
        self.bond.socket.linger = 0
        self.views = {s: Subscriber(self.zmq, [end(f"view-{s}")], [b"view"]) for s in SINKS}
        self.newest: dict[str, View] = {}
        self.gate_states: set[str] = set()

    def start_peer(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", PEER, str(self.folder)])

    def turn(self) -> None:
        """Beat as the supervisor and take in what has come."""
        now = time.monotonic()
        beat = Beat(
            run="r", seq=0, t_acquired=now, t_sent=now, producer="supervisor", pid=1,
            state="running", counts={},
        )  # fmt: skip
        self.bond.send(Message(beat))
        self.views["self"].socket.poll(50)
        for sink, subscriber in self.views.items():
            if (message := subscriber.newest()) is not None:
                self.newest[sink] = message.header
        while self.control.poll(0):
            header = decode(self.control.recv_multipart()[1:]).header
            if isinstance(header, Beat):
                self.gate_states.add(header.state)

    def until(self, wanted: dict[str, bool], within_s: float) -> float:
        """Return the seconds until each sink's newest view says what is wanted."""
        start = time.monotonic()
        while {s: v.passing for s, v in self.newest.items()} != wanted:
            assert time.monotonic() - start < within_s, self.newest
            self.turn()
        return time.monotonic() - start

    def close(self) -> None:
        for process in (self.peer, self.gate):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        self.gate.wait(5)
        self.peer.wait(5)
        for socket in (self.bond, *self.views.values()):
            socket.close()
        self.control.close()
        self.zmq.term()


@pytest.fixture
def run() -> Iterator[Run]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path, closing(Run(Path(path))) as made:
        yield made


OPEN = {"self": True, "operator": True, "observer": False}  # an observer's level is 0 by default
SHUT = dict.fromkeys(SINKS, False)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_frozen_peer_blanks_every_view_within_a_second(run: Run, number: int) -> None:
    run.until(OPEN, 20.0)
    run.peer.send_signal(number)
    assert run.until(SHUT, 5.0) < 1.0
    assert "renderer: no sign of life" in run.newest["self"].reason
    run.peer.send_signal(signal.SIGKILL)
    run.peer.wait(5)
    run.peer = run.start_peer()
    run.until(OPEN, 20.0)


def test_the_gate_tells_its_sinks_and_the_supervisor_when_it_stops(run: Run) -> None:
    run.until(OPEN, 20.0)
    run.gate.send_signal(signal.SIGTERM)
    run.until(SHUT, 5.0)
    assert run.newest["self"].reason == "the gate has stopped"
    assert run.gate.wait(5) == 0
    run.turn()
    assert {"ready", "stopped"} <= run.gate_states


def frame(seq: int) -> Message:
    arrays = {"picture": np.full((64, 64, 3), seq % 256, np.uint8)}
    now = time.monotonic()
    header = Frame(
        run="r", seq=seq, t_acquired=now, t_sent=now, producer="renderer",
        arrays=describe(arrays, {"picture": ("y", "x", "rgb")}, {}), t_due=now, t_rendered=now,
        late=False, skipped=0, render_ms=1.0, state="picture", percept_seq=seq, percept_index=seq,
        confidence=0.9, age_s=0.1, t_percept=now, seed=0, model="m",
    )  # fmt: skip
    return Message(header, arrays)


def test_at_full_speed_a_slow_sink_is_waited_for_and_bonds_hold_meanwhile() -> None:
    frames = 600  # several times what queues and socket buffers hold
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        run = Run(Path(path), speed=None)
        try:
            with (
                Publisher(run.zmq, f"ipc://{path}/renderer") as renderer,
                Subscriber(run.zmq, [f"ipc://{path}/view-operator"], [b"frame"]) as sink,
            ):
                renderer.socket.setsockopt(zmq.XPUB_NODROP, 1)
                renderer.wait_for_subscribers(b"frame", 1, 20.0)
                run.until(OPEN, 20.0)
                for seq in range(frames):
                    renderer.send(frame(seq))
                stalled_until_s = time.monotonic() + 1.5
                while time.monotonic() < stalled_until_s:
                    run.turn()
                    assert run.newest["self"].passing, run.newest["self"].reason
                assert run.newest["operator"].passed < frames, "nothing was waited for"
                seen: list[int] = []
                while len(seen) < frames:
                    assert sink.socket.poll(5000), f"only {len(seen)} frames came"
                    seen += [m.header.seq for m in sink.receive()]
                    run.turn()
                assert seen == list(range(frames))
        finally:
            run.close()
