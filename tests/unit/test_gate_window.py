"""Which window is ended after a stop: the one that stands still with a picture, no other."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from phosphene.clock import FakeClock
from phosphene.gate import stopping
from phosphene.gate.diary import GateDiary
from phosphene.gate.latch import StopLatch
from phosphene.gate.memory import GateMemory
from phosphene.gate.policy import GatePolicy
from phosphene.gate.stopping import HUNG_S, Stopping
from phosphene.gate.window import suspended
from phosphene.messages import Beat


class Rig:
    """A gate's `Stopping` with a window that beats when it is told to."""

    def __init__(self, tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock(100.0)
        self.frozen: set[int] = set()
        self.ended: list[int] = []
        patch.setattr(stopping, "suspended", lambda pid: pid in self.frozen)
        patch.setattr(stopping, "end_frozen", self._end)
        session = SimpleNamespace(gate=SimpleNamespace(after_crash=None))
        plan = SimpleNamespace(folder=tmp_path, nodes=("gui",), mode="pilot", session=session)
        context: Any = SimpleNamespace(plan=plan, clock=self.clock)
        policy = GatePolicy(["gui"], 0.75, "p", None, {}, latch=StopLatch(demanded=False))
        self.stopping = Stopping(
            context, policy, GateMemory(tmp_path), GateDiary(None, "r"),
            lambda: None, lambda: 0, lambda _why: None,
        )  # fmt: skip

    def _end(self, pid: int) -> bool:
        self.ended.append(pid)
        return True

    def beat(self, pid: int, state: Any = "running") -> None:
        now = self.clock.now()
        self.stopping.hear(Beat(run="r", seq=0, t_acquired=now, t_sent=now, producer="gui", pid=pid,
                                state=state, counts={}))  # fmt: skip

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.stopping.look()


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(tmp_path, monkeypatch)


def test_a_suspended_window_is_ended_at_once(rig: Rig) -> None:
    rig.beat(7)
    rig.frozen.add(7)
    rig.wait(0.05)
    assert rig.ended == [], "before a stop nobody is ended"
    rig.stopping.stop("participant")
    assert rig.ended == [7]


def test_one_that_hangs_is_ended_and_one_that_is_slow_is_not(rig: Rig) -> None:
    rig.beat(7)
    rig.stopping.stop("participant")
    rig.wait(HUNG_S - 0.1)
    rig.beat(7)
    rig.wait(HUNG_S - 0.1)
    assert rig.ended == []
    rig.wait(0.2)
    assert rig.ended == [7]


def test_the_window_that_comes_after_it_may_take_its_time(rig: Rig) -> None:
    rig.beat(7)
    rig.frozen.add(7)
    rig.stopping.stop("participant")
    rig.beat(8, "starting")
    for _ in range(20):
        rig.wait(0.5)
    rig.frozen.add(8)
    rig.wait(1.0)
    assert rig.ended == [7]


def test_whether_a_process_is_suspended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert not suspended(process.pid)
        process.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + 10
        while not suspended(process.pid):
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        assert not suspended(process.pid), "one that is gone is not"
