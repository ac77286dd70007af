from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from phosphene.bus import HWM, Publisher, Puller, Pusher, RunFolder, Subscriber
from phosphene.errors import ConfigError, NodeError
from phosphene.messages import Event, Message


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create("t", tmp_path)


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as context:
        yield context


def event(seq: int) -> Message:
    return Message(
        Event(
            run="r", seq=seq, t_acquired=0.0, t_sent=0.0, producer="t", t_data=0.0, label="x",
            stream="s",
        )
    )  # fmt: skip


def wait(socket: zmq.Socket[bytes]) -> None:
    assert socket.poll(2000), "nothing arrived within 2 s"


def test_the_run_folder_is_closed_to_others(folder: RunFolder) -> None:
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


MAKE = """
import sys, pathlib
from phosphene.bus import RunFolder
RunFolder.create(sys.argv[2], pathlib.Path(sys.argv[1]))
print("made", flush=True)
sys.stdin.read()
"""


def test_only_the_folders_of_ended_processes_are_swept(tmp_path: Path) -> None:
    foreign = tmp_path / "ph-without-owner"
    foreign.mkdir()

    def make(run: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", MAKE, str(tmp_path), run]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    with make("a") as alive, make("b") as killed:
        for process in (alive, killed):
            assert process.stdout is not None
            assert process.stdout.readline() == "made\n"
        killed.kill()
        killed.wait()
        own = RunFolder.create("c", tmp_path)
        assert RunFolder.create("d", tmp_path).path.exists()
        assert own.path.exists(), "a process does not sweep its own"
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "ph-a", "ph-c", "ph-d", "ph-without-owner",
        ]  # fmt: skip
        alive.kill()


def test_an_open_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigError, match="chmod 700"):
        RunFolder(tmp_path)


def test_a_folder_of_somebody_else_is_refused(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = folder.path.stat().st_uid
    monkeypatch.setattr("os.getuid", lambda: owner + 1)
    with pytest.raises(ConfigError, match=f"of user {owner}"):
        RunFolder(folder.path)


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 90)
    deep.mkdir(mode=0o700)
    with pytest.raises(ConfigError, match="XDG_RUNTIME_DIR"):
        RunFolder(deep)


def test_subscribers_are_awaited_and_counted(
    folder: RunFolder, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    address = folder.endpoint("a")
    with Publisher(context, address) as out, Subscriber(context, [address], [b"event"]) as inlet:
        out.wait_for_subscribers(b"event", 1, 2.0)
        out.send(event(0))
        wait(inlet.socket)
        assert [m.header.seq for m in inlet.receive()] == [0]


def test_a_missing_subscriber_is_an_error(
    folder: RunFolder, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    with (
        Publisher(context, folder.endpoint("a")) as out,
        pytest.raises(NodeError, match="0 of 1 subscribers"),
    ):
        out.wait_for_subscribers(b"event", 1, 0.01)


def test_the_newest_message_wins(
    folder: RunFolder, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    address = folder.endpoint("a")
    with Publisher(context, address) as out, Subscriber(context, [address], [b"event"]) as inlet:
        out.wait_for_subscribers(b"event", 1, 2.0)
        for seq in range(5):
            out.send(event(seq))
        newest = -1
        while newest < 4:
            wait(inlet.socket)
            message = inlet.newest()
            assert message is not None
            assert message.header.seq > newest
            newest = message.header.seq
        assert inlet.newest() is None


def test_a_live_sender_drops_and_counts_exactly(
    folder: RunFolder, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    address = folder.endpoint("p")
    sent = 5 * HWM
    with Puller(context, address) as puller, Pusher(context, address) as pusher:
        accepted = sum(pusher.send(event(seq)) for seq in range(sent))
        assert accepted + pusher.dropped == sent
        assert pusher.dropped > 0
        received: list[int] = []
        while len(received) < accepted:
            wait(puller.socket)
            received += [m.header.seq for m in puller.receive()]
        assert len(received) == accepted
        assert received == sorted(set(received))


def test_a_waiting_sender_gives_up_after_its_grace(
    folder: RunFolder, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    calls: list[int] = []

    def alive() -> bool:
        calls.append(1)
        return len(calls) < 3

    with Pusher(context, folder.endpoint("p"), block=True, alive=alive, grace_s=0.15) as pusher:
        pusher.socket.linger = 0
        results = [pusher.send(event(seq)) for seq in range(HWM + 1)]
        asked = len(calls)
        assert results[-1] is False
        assert asked > 3, "it waits on after it was told to stop"
        assert pusher.send(event(HWM + 1)) is False
        assert len(calls) == asked + 1, "the grace is for all messages together"
    assert pusher.dropped == 2


def test_what_waits_when_a_sender_is_told_to_stop_still_arrives(
    folder: RunFolder, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    address, sent = folder.endpoint("p"), HWM + 20
    pullers: list[Puller] = []

    def alive() -> bool:
        if not pullers:
            pullers.append(Puller(context, address))
        return False

    received: list[int] = []
    with Pusher(context, address, block=True, alive=alive) as pusher:
        assert all(pusher.send(event(seq)) for seq in range(sent))
        with pullers[0] as puller:
            while len(received) < sent:
                wait(puller.socket)
                received += [m.header.seq for m in puller.receive()]
    assert received == list(range(sent))
    assert pusher.dropped == 0
