from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from phosphene.messages import Beat
from phosphene.supervisor import NodeSpec
from phosphene.supervisor.guest import Guest

SPEC = NodeSpec("gui", "gui", guest=True)


def beat(pid: int, state: Any = "running") -> Beat:
    return Beat(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="gui", pid=pid, state=state,
                counts={})  # fmt: skip


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


@pytest.fixture
def guest() -> Iterator[Guest]:
    made = Guest(SPEC)
    yield made
    made.close()


def test_nobody_has_come_yet(guest: Guest) -> None:
    guest.hear(None)
    assert (guest.pid, guest.here, guest.exit_code()) == (0, False, None)


def test_the_first_beat_adopts_it(guest: Guest, process: subprocess.Popen[bytes]) -> None:
    guest.hear(beat(process.pid, "starting"))
    guest.hear(beat(os.getpid()))
    assert (guest.pid, guest.here) == (process.pid, True)


def test_a_guest_that_dies_is_gone(guest: Guest, process: subprocess.Popen[bytes]) -> None:
    guest.hear(beat(process.pid))
    process.kill()
    process.wait()
    assert guest.exit_code() == 1
    assert guest.how_it_fell() == "the console is gone"


def test_a_guest_that_says_goodbye_has_left(guest: Guest, process: subprocess.Popen[bytes]) -> None:
    guest.hear(beat(process.pid))
    guest.hear(beat(process.pid, "stopped"))
    assert guest.exit_code() == 0
    assert guest.how_it_fell() == "the console has left"
    assert process.poll() is None


def test_who_is_dead_already_is_gone_at_once(
    guest: Guest, process: subprocess.Popen[bytes]
) -> None:
    process.kill()
    process.wait()
    guest.hear(beat(process.pid))
    assert guest.exit_code() == 1


def test_the_end_of_a_run_does_not_end_its_guest(
    guest: Guest, process: subprocess.Popen[bytes]
) -> None:
    guest.hear(beat(process.pid))
    guest.signal(signal.SIGKILL)
    assert guest.wait(0.0)
    assert process.poll() is None


def test_one_that_stands_still_is_killed(guest: Guest, process: subprocess.Popen[bytes]) -> None:
    guest.hear(beat(process.pid))
    process.send_signal(signal.SIGSTOP)
    guest.kill()
    assert process.wait(10) == -signal.SIGKILL
    assert not guest.here
