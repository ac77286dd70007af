"""The participant's stop from end to end: a key of a device file blanks every view, at once."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import zmq

from phosphene.bus import Publisher, Pusher, RunFolder, Subscriber
from phosphene.consent import Consent, Scope
from phosphene.gate.door import NOTHING_NOW
from phosphene.messages import (
    Beat,
    Command,
    Frame,
    Grant,
    Message,
    Reply,
    View,
    decode,
    describe,
    encode,
)
from phosphene.plan import SINKS, Plan

pytestmark = pytest.mark.timing

# Peers that only beat; they stand for the nodes of a run.
PEER = """
import itertools, os, sys, time, zmq
from pathlib import Path
from phosphene.bus import Pusher, RunFolder
from phosphene.messages import Beat, Message
folder, name = RunFolder(Path(sys.argv[1])), sys.argv[2]
with zmq.Context() as context, Pusher(context, folder.endpoint("bonds")) as bond:
    bond.socket.linger = 0
    for seq in itertools.count():
        now = time.monotonic()
        bond.send(Message(Beat(run="r", seq=seq, t_acquired=now, t_sent=now, producer=name,
                               pid=os.getpid(), state="running", counts={})))
        time.sleep(0.05)
"""
PEERS = ("gui", "renderer", "decoder")
STOPPED = "the participant pressed stop"
SHUT = dict.fromkeys(SINKS, False)
OPEN = dict.fromkeys(SINKS, True)
FRAME_S = 1 / 30
BLANK_WITHIN_S = FRAME_S + 0.1


def key(code: int = 57, value: int = 1) -> bytes:
    return struct.pack("@llHHi", 0, 0, 1, code, value) + struct.pack("@llHHi", 0, 0, 0, 0, 0)


class Rig:
    """Gate, stop device and peers as processes; this test is renderer, supervisor and sinks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.device = folder / "keyboard"
        os.mkfifo(self.device)
        self.keys = os.open(self.device, os.O_RDWR)
        session = {
            "person": "p01",
            "modality": "fmri",
            "source": {"kind": "recording", "path": "x"},
            "gate": {"level_observer": 2, "observer_release": "live"},
            "stop": {"demanded": True, "keyboard": str(self.device), "keys": [57]},
        }
        consent = Consent(
            person="p01", scopes=frozenset(Scope), expires=datetime.now(UTC) + timedelta(hours=1)
        )
        plan = Plan.model_validate(
            {
                "run": "r", "folder": folder, "mode": "pilot", "session": session,
                "nodes": ("gate", "stop", *PEERS), "consent": consent, "audit": folder / "audit",
            }
        )  # fmt: skip
        end = RunFolder(folder).endpoint
        self.zmq: zmq.Context[Any] = zmq.Context()
        self.control: zmq.Socket[bytes] = self.zmq.socket(zmq.ROUTER)
        self.control.linger = 0
        self.control.bind(end("control"))
        self.renderer = Publisher(self.zmq, end("renderer"))
        self.plan = str(plan.save())
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("gate", "stop"):
            self.start(name)
        self.peers = {name: self.start_peer(name) for name in PEERS}
        self.bond = Pusher(self.zmq, end("bonds"))
        self.bond.socket.linger = 0
        self.views = {s: Subscriber(self.zmq, [end(f"view-{s}")], [b""]) for s in SINKS}
        self.grants = Subscriber(self.zmq, [end("grants")], [b"grant"])
        self.desks = {name: self.desk(name) for name in ("gate-control", "stop")}
        self.newest: dict[str, View] = {}
        self.frames: list[tuple[float, str]] = []
        self.blank_s: dict[str, float] = {}
        self.grant: Grant | None = None
        self.seq = 0
        self.due_s = time.monotonic()
        self.supervising = True

    def desk(self, name: str) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self.zmq.socket(zmq.DEALER)
        socket.linger = 0
        socket.connect(f"ipc://{self.folder / name}")
        return socket

    def start(self, name: str) -> None:
        self.nodes[name] = subprocess.Popen(
            [sys.executable, "-m", f"phosphene.{name}", "--plan", self.plan]
        )

    def start_peer(self, name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", PEER, str(self.folder), name])

    def stamp(self, producer: str) -> dict[str, Any]:
        now = time.monotonic()
        self.seq += 1
        return {"run": "r", "seq": self.seq, "t_acquired": now, "t_sent": now, "producer": producer}

    def turn(self) -> None:
        """Render and supervise, then take in what has come."""
        if self.supervising:
            beat = Beat(**self.stamp("supervisor"), pid=1, state="running", counts={})
            self.bond.send(Message(beat))
        if time.monotonic() >= self.due_s:
            self.due_s = time.monotonic() + FRAME_S
            self.renderer.send(self.frame())
        self.views["self"].socket.poll(5)
        for sink, subscriber in self.views.items():
            for message in subscriber.receive():
                now = time.monotonic()
                if isinstance(message.header, Frame):
                    self.frames.append((now, sink))
                else:
                    self.newest[sink] = message.header
                    if message.header.passing:
                        self.blank_s.pop(sink, None)
                    else:
                        self.blank_s.setdefault(sink, now)
        for message in self.grants.receive():
            self.grant = message.header
        while self.control.poll(0):
            self.control.recv_multipart()

    def frame(self) -> Message:
        arrays = {"picture": np.full((64, 64, 3), 7, np.uint8)}
        now = time.monotonic()
        header = Frame(
            **self.stamp("renderer"), arrays=describe(arrays, {"picture": ("y", "x", "rgb")}, {}),
            t_due=now, t_rendered=now, late=False, skipped=0, render_ms=1.0, state="picture",
            percept_seq=0, percept_index=0, confidence=0.9, age_s=0.1, t_percept=now, seed=0,
            model="m",
        )  # fmt: skip
        return Message(header, arrays)

    def until(self, wanted: dict[str, bool], within_s: float = 20.0) -> None:
        start = time.monotonic()
        while {s: v.passing for s, v in self.newest.items()} != wanted:
            assert time.monotonic() - start < within_s, self.newest
            self.turn()

    def ask(self, desk: str, action: str, **arguments: str) -> Reply:
        command = Command(**self.stamp("gui"), id="1", action=action, arguments=arguments)
        socket = self.desks[desk]
        socket.send_multipart(encode(Message(command)))
        deadline = time.monotonic() + 10
        while not socket.poll(0):
            assert time.monotonic() < deadline, "no answer"
            self.turn()
        reply: Reply = decode(socket.recv_multipart()).header
        return reply

    def press(self, code: int = 57) -> float:
        pressed_s = time.monotonic()
        os.write(self.keys, key(code))
        return pressed_s

    def running(self) -> None:
        """Test the device and start, as every run has to."""
        while "p01" not in (self.grant.person if self.grant else ""):
            self.turn()
        deadline = time.monotonic() + 20
        self.press()
        while not self.ask("gate-control", "begin").ok:
            assert time.monotonic() < deadline, "the test press was not seen"
        begun_s = time.monotonic()
        self.until(OPEN)
        seen = len(self.frames)
        # What follows the test press at once is the bouncing of its contact.
        while {sink for _s, sink in self.frames[seen:]} != set(
            SINKS
        ) or time.monotonic() - begun_s < 0.1:
            self.turn()

    def stopped_within(self, pressed_s: float, limit_s: float = BLANK_WITHIN_S) -> None:
        while {v.reason for v in self.newest.values()} != {STOPPED, NOTHING_NOW}:
            assert time.monotonic() - pressed_s < 5.0, self.newest
            self.turn()
        assert max(self.blank_s.values()) - pressed_s <= limit_s
        for _ in range(40):
            self.turn()
        late = [s for s, _sink in self.frames if s - pressed_s > limit_s]
        assert not late, f"{len(late)} frames after the stop"

    def close(self) -> None:
        for process in (*self.peers.values(), *self.nodes.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in (*self.peers.values(), *self.nodes.values()):
            process.wait(10)
        for socket in (self.bond, self.grants, self.renderer, *self.views.values()):
            socket.close()
        for desk in self.desks.values():
            desk.close()
        self.control.close()
        self.zmq.term()
        os.close(self.keys)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        made = Rig(Path(path))
        try:
            yield made
        finally:
            made.close()


def test_a_press_blanks_stops_decoding_and_stays_until_the_participant_agrees(rig: Rig) -> None:
    while not rig.newest or rig.grant is None:
        rig.turn()
    refused = rig.ask("gate-control", "begin")
    assert not refused.ok
    assert "test press" in refused.text
    assert not rig.grant.decode
    assert rig.frames == []
    rig.running()
    rig.press(code=30)  # another key
    for _ in range(40):
        rig.turn()
    assert STOPPED not in rig.ask("gate-control", "status").text
    for node in rig.nodes.values():
        listening = psutil.Process(node.pid).net_connections("inet")
        assert not listening, "nothing of this speaks to a network"
    rig.until(OPEN)
    rig.stopped_within(rig.press())
    assert rig.grant is not None
    assert not rig.grant.decode
    rig.ask("gate-control", "unblank")
    assert not rig.ask("gate-control", "begin").ok
    assert not rig.ask("gate-control", "confirm", person="p02", agreed="yes").ok
    assert not rig.ask("gate-control", "confirm", person="p01").ok
    rig.until(SHUT, 5.0)
    # A gate that falls does not forget it.
    rig.nodes["gate"].kill()
    rig.nodes["gate"].wait(5)
    rig.newest.clear()
    rig.start("gate")
    rig.until(SHUT)
    assert rig.newest["self"].reason == STOPPED
    assert rig.ask("gate-control", "confirm", person="p01", agreed="yes").ok
    rig.until(SHUT, 5.0)
    assert "unblanks" in rig.newest["self"].reason
    assert rig.ask("gate-control", "unblank").ok
    rig.until(OPEN, 5.0)


def test_a_frozen_window_is_no_obstacle_and_is_ended(rig: Rig) -> None:
    rig.running()
    window = psutil.Process(rig.peers["gui"].pid)
    window.send_signal(signal.SIGSTOP)
    rig.stopped_within(rig.press())
    # Its screen would keep the last picture.
    deadline = time.monotonic() + 5
    while rig.peers["gui"].poll() is None:
        assert time.monotonic() < deadline, "the frozen window lives"
        rig.turn()
    assert rig.peers["gui"].returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", ["gui", "renderer", "decoder", "supervisor"])
def test_a_press_counts_with_each_other_process_killed(rig: Rig, name: str) -> None:
    rig.running()
    if name == "supervisor":
        rig.supervising = False
    else:
        rig.peers[name].kill()
    rig.stopped_within(rig.press())


def test_a_dead_stop_device_blanks_every_view(rig: Rig) -> None:
    rig.running()
    killed_s = time.monotonic()
    rig.nodes["stop"].kill()
    rig.until(SHUT, 5.0)
    assert max(rig.blank_s.values()) - killed_s < 1.0
    assert "stop: no sign of life" in rig.newest["self"].reason


def test_the_key_of_the_participants_window_stops_too(rig: Rig) -> None:
    rig.running()
    rig.ask("stop", "status")
    pressed_s = time.monotonic()
    assert rig.ask("stop", "press").ok
    rig.stopped_within(pressed_s)
