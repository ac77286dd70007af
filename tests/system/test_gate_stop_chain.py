"""The participant's stop in a whole run: blank in time, the window frozen or any node dead."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq

from phosphene.bus import Subscriber
from phosphene.gate.door import NOTHING_NOW
from phosphene.messages import Command, Frame, Message, Reply, View, decode, encode
from phosphene.plan import SINKS
from phosphene.sink import FRESH_S, SinkState
from tests.system.chain import MODULES, environment, wait_for
from tests.system.conftest import TR_S, Participant
from tests.system.test_gate_stop import BLANK_WITHIN_S, STOPPED, key

pytestmark = pytest.mark.timing

FROZEN = "gui"
# The observers' window is the first: nobody waits for it, and nobody begins it again.
KILLED = (
    "observer", "filter", "gui", "renderer", "decoder", "acquisition", "bridge", "recorder",
)  # fmt: skip
MODULE_OF = {
    **MODULES, "gui": "gui", "stop": "phosphene.stop", "filter": "phosphene.filters",
    "gate": "phosphene.gate",
}  # fmt: skip


class Chain:
    """A run with its window, begun as the commands begin one; this test is participant and ears."""

    def __init__(self, place: Path, participant: Participant) -> None:
        self.device = place / "keyboard"
        os.mkfifo(self.device)
        self.keys = os.open(self.device, os.O_RDWR)
        consent = place / "consent.toml"
        consent.write_text(
            f'person = "{participant.person}"\nexpires = "2099-01-01"\nscopes = ["view_self", '
            '"view_operator", "view_observer", "record_brain", "record_images"]\n'
        )
        self.person = participant.person
        session = {
            "person": self.person, "modality": "fmri", "acquisition": {"fmri": {"tr_s": TR_S}},
            "source": {"kind": "recording", "path": str(participant.dicom)},
            "decoder": {"bundle": str(participant.bundle)},
            "gate": {"level_observer": 2, "observer_release": "live",
                     "filter": {"name": "flashes", "limit_s": 1.0}},
            "stop": {"demanded": True, "keyboard": str(self.device), "keys": [57]},
            "recorder": {"out": str(place / "out")},
        }  # fmt: skip
        options = place / "options.json"
        # Slow enough to last for all of them.
        given = {"session": session, "consent": str(consent), "speed": 0.1, "window": True}
        options.write_text(json.dumps(given))
        runtime = place / "r"
        env = {**environment(runtime), "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1",
               "PHOSPHENE_STATE": str(place / "state")}  # fmt: skip
        self.log = (place / "log").open("w")
        script = Path(__file__).with_name("feedback_run.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(options)], env=env, stdout=self.log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        folder = wait_for("run folder", lambda: next(iter(runtime.glob("ph-*")), None), 60)
        self.observer = psutil.Popen(
            [sys.executable, "-m", "gui.observer", "--run", str(folder)], env=env, stdout=self.log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.zmq: zmq.Context[Any] = zmq.Context()
        self.views = {s: Subscriber(self.zmq, [f"ipc://{folder}/view-{s}"], [b""]) for s in SINKS}
        self.gate: zmq.Socket[bytes] = self.zmq.socket(zmq.DEALER)
        self.gate.linger = 0
        self.gate.connect(f"ipc://{folder}/gate-control")
        self.newest: dict[str, View] = {}
        self.frames: list[float] = []
        self.shut_s: dict[str, float] = {}
        # What a window of each view would show, and since when it has been dark.
        self.windows = {sink: SinkState(sink) for sink in SINKS}
        self.dark_s: dict[str, float] = {}
        self.seq = 0

    def turn(self) -> None:
        self.views["self"].socket.poll(5)
        for sink, subscriber in self.views.items():
            for message in subscriber.receive():
                now = time.monotonic()
                if isinstance(message.header, Frame):
                    self.frames.append(now)
                elif isinstance(view := message.header, View):
                    self.newest[sink] = view
                    self.windows[sink].on_view(view)
                    if view.passing:
                        self.shut_s.pop(sink, None)
                    else:
                        self.shut_s.setdefault(sink, now)
        now = time.monotonic()
        for sink, window in self.windows.items():
            if window.showing(now).passing:
                self.dark_s.pop(sink, None)
            else:
                self.dark_s.setdefault(sink, now)

    def until(self, what: str, holds: Any, within_s: float = 60.0) -> None:
        deadline = time.monotonic() + within_s
        while not holds():
            assert self.process.poll() is None, "the run has ended"
            reasons = {v.reason for v in self.newest.values()}
            assert time.monotonic() < deadline, f"{what}: not within {within_s} s: {reasons}"
            self.turn()

    def ask(self, action: str, **arguments: str) -> Reply:
        self.seq += 1
        now = time.monotonic()
        command = Command(run="r", seq=self.seq, t_acquired=now, t_sent=now, producer="test",
                          id=str(self.seq), action=action, arguments=arguments)  # fmt: skip
        self.gate.send_multipart(encode(Message(command)))
        found: list[Reply] = []

        def answered() -> bool:
            while self.gate.poll(0):
                found.append(decode(self.gate.recv_multipart()).header)
            return bool(found) and found[-1].id == str(self.seq)

        self.until(action, answered)
        return found[-1]

    def press(self) -> float:
        pressed_s = time.monotonic()
        os.write(self.keys, key())
        return pressed_s

    def node(self, name: str) -> psutil.Process:
        if name == "observer":
            assert self.observer.is_running()
            return self.observer
        for child in psutil.Process(self.process.pid).children(recursive=True):
            line = child.cmdline()
            if "-m" in line and line[line.index("-m") + 1] == MODULE_OF[name]:
                return child
        raise AssertionError(f"{name} does not run")

    def showing(self) -> None:
        """Wait until every view shows pictures."""
        self.until("views", lambda: len(self.newest) == 3 and all(
            view.passing for view in self.newest.values()))  # fmt: skip
        seen = len(self.frames)
        self.until("frames", lambda: len(self.frames) > seen + 3)

    def stopped(self, pressed_s: float) -> float:
        """Return how long it took, in seconds, until every view was blank; nothing comes later."""
        wanted = {STOPPED, NOTHING_NOW}
        self.until("stop", lambda: {v.reason for v in self.newest.values()} == wanted, 10)
        until_s = time.monotonic() + 0.3
        while time.monotonic() < until_s:
            self.turn()
        last_s = max((s for s in self.frames if s > pressed_s), default=pressed_s)
        return max(*self.shut_s.values(), last_s) - pressed_s

    def stopped_without_a_gate(self) -> float:
        """Return how long it took until every window was dark; none is lit before they agree."""
        self.node("gate").kill()
        pressed_s = self.press()
        self.until("darkness", lambda: len(self.dark_s) == len(SINKS), 10)
        dark_s = dict(self.dark_s)
        self.until("the gate again", lambda: {v.reason for v in self.newest.values()} == {
            STOPPED, NOTHING_NOW}, 30)  # fmt: skip
        assert self.dark_s == dark_s
        return max(dark_s.values()) - pressed_s

    def goes_on(self) -> None:
        assert self.ask("confirm", person=self.person, agreed="yes").ok
        assert self.ask("unblank").ok

    def close(self) -> None:
        if self.observer.poll() is None:
            self.observer.kill()
        self.observer.wait(10)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            for subscriber in self.views.values():
                subscriber.close()
            self.gate.close()
            self.zmq.term()
            os.close(self.keys)
            self.log.close()


@pytest.fixture
def chain(participant: Participant, tmp_path: Path) -> Iterator[Chain]:
    made = Chain(tmp_path, participant)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.timeout(300)
def test_a_stop_blanks_in_time_whoever_else_is_frozen_or_dead(chain: Chain) -> None:
    chain.until("armed", lambda: "armed" in {v.phase for v in chain.newest.values()}, 120)
    chain.press()
    chain.until("begin", lambda: chain.ask("begin").ok)
    took: dict[str, float] = {}
    for name in ("nobody", *KILLED):
        chain.showing()
        if name != "nobody":
            chain.node(name).kill()
        took[name] = chain.stopped(chain.press())
        chain.goes_on()
    chain.showing()
    without = chain.stopped_without_a_gate()
    chain.goes_on()
    chain.showing()
    window = chain.node(FROZEN)
    window.send_signal(signal.SIGSTOP)
    took["frozen gui"] = chain.stopped(chain.press())
    # Its screen would keep the last picture: it is ended, and begun again.
    chain.until("end of the window", lambda: not window.is_running() or window.status() ==
                psutil.STATUS_ZOMBIE, 10)  # fmt: skip
    assert max(took.values()) <= BLANK_WITHIN_S, took
    # Nobody tells them then: they believe the last word of the gate for so long.
    assert without <= FRESH_S + BLANK_WITHIN_S
