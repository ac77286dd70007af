"""Sockets of a run on several machines: who is let in, what is never opened."""

from __future__ import annotations

import argparse
import logging
import signal
import socket as posix
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from phosphene.bus import Publisher, Puller, RunFolder, Subscriber
from phosphene.clock import FakeClock
from phosphene.commands.network import OBSERVE
from phosphene.commands.paint import ask_renderer
from phosphene.errors import ConfigError
from phosphene.messages import Command, Message, Reply, View, decode, encode
from phosphene.network.keys import (
    NetworkKey,
    load_network_key,
)
from phosphene.network.layout import PLACES, Network
from phosphene.network.sockets import guarded_context
from phosphene.network.watching import DistantView
from phosphene.supervisor.control import ControlRoom
from tests.unit.network_bench import LOCAL, carried, free_ports, keys_in, network_of, on

WAIT_MS, NOTHING_MS = 5000, 250


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def network(keys: Path) -> Network:
    return network_of(keys)


def view(seq: int, sent_s: float = 0.0) -> Message:
    return Message(
        View(run="r", seq=seq, t_acquired=sent_s, t_sent=sent_s, producer="gate", sink="observer",
             passing=False, reason="not yet", passed=0)
    )  # fmt: skip


@pytest.fixture
def observed(network: Network) -> Iterator[Publisher]:
    """The console's observers' socket, listening."""
    context = guarded_context(network)
    address = network.address("view-observer")
    assert address is not None
    with Publisher(context, address) as publisher:
        yield publisher
    context.destroy()


def heard(inlet: zmq.Socket[bytes], publisher: Publisher, wait_ms: int = NOTHING_MS) -> bool:
    """Return whether anything that is published meanwhile arrives."""
    deadline = time.monotonic() + wait_ms / 1000
    while time.monotonic() < deadline:
        publisher.send(view(0))
        if inlet.poll(20):
            return True
    return False


def test_a_listed_observer_sees_and_all_others_get_nothing(
    observed: Publisher, network: Network, keys: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = str(network.address("view-observer"))
    console = network.mine.public
    strangers = {
        "no security at all": None,
        "a key that is not listed": load_network_key(keys / "stranger.network"),
        "a machine that is no observer": load_network_key(keys / "gpu.network"),
        "a key made on the spot": NetworkKey(*(k.decode() for k in zmq.curve_keypair())),
    }
    with caplog.at_level(logging.WARNING), zmq.Context() as context:
        for who, key in strangers.items():
            with context.socket(zmq.SUB) as inlet:
                inlet.linger = 0
                inlet.subscribe(b"")
                if key is not None:
                    inlet.curve_publickey = key.public.encode()
                    inlet.curve_secretkey = key.secret.encode()
                    inlet.curve_serverkey = console.encode()
                inlet.connect(address)
                assert not heard(inlet, observed), who
        with context.socket(zmq.SUB) as inlet:
            wall = load_network_key(keys / "wall.network")
            inlet.linger = 0
            inlet.subscribe(b"")
            inlet.curve_publickey, inlet.curve_secretkey = (
                wall.public.encode(),
                wall.secret.encode(),
            )
            inlet.curve_serverkey = console.encode()
            inlet.connect(address)
            assert heard(inlet, observed, WAIT_MS)
    assert observed.subscribers(b"view") <= 1
    assert "a key that is not listed" in caplog.text
    assert "127.0.0.1" in caplog.text


def test_a_server_that_is_not_the_console_gets_no_connection(network: Network, keys: Path) -> None:
    address = str(network.address("view-observer"))
    false = load_network_key(keys / "stranger.network")
    with zmq.Context() as context, context.socket(zmq.XPUB) as liar:
        liar.linger = 0
        liar.curve_server = True
        liar.curve_secretkey = false.secret.encode()
        liar.bind(address)
        with DistantView(address, keys / "console.network.pub", keys / "wall.network",
                         FakeClock()) as mine:  # fmt: skip
            assert not liar.poll(NOTHING_MS), "the observer spoke to a server of another key"
            assert mine.look().picture is None


def test_what_is_not_of_this_run_is_never_opened(network: Network, tmp_path: Path) -> None:
    context = guarded_context(network)
    plain = guarded_context(None)
    try:
        other = f"tcp://{LOCAL}:{network.port + len(PLACES)}"
        with pytest.raises(ConfigError, match="this machine may open"):
            context.socket(zmq.PUB).bind(other)
        with pytest.raises(ConfigError, match="this machine may open"):
            context.socket(zmq.SUB).connect(other)
        with pytest.raises(ConfigError, match="this machine may open"):
            context.socket(zmq.PUB).bind(str(network.address("decoder")))  # gpu's to bind
        with pytest.raises(ConfigError, match="ipc, inproc or tcp"):
            context.socket(zmq.PUB).bind("ws://127.0.0.1:9")
        with pytest.raises(ConfigError, match="no TCP without keys"):
            plain.socket(zmq.PUB).bind(other)
        with pytest.raises(ConfigError, match="no TCP without keys"):
            plain.socket(zmq.SUB).connect(other)
        with plain.socket(zmq.PULL) as file:
            file.bind(f"ipc://{tmp_path / 'a'}")
    finally:
        context.destroy(0)
        plain.destroy(0)


def test_the_bus_speaks_no_tcp_from_a_context_without_keys() -> None:
    with zmq.Context() as context:
        with pytest.raises(ConfigError, match="no network without keys"):
            Publisher(context, f"tcp://{LOCAL}:{free_ports()}")
        with pytest.raises(ConfigError, match="no network without keys"):
            Subscriber(context, [f"tcp://{LOCAL}:{free_ports()}"], [b""])


def test_a_port_that_is_taken_is_named(network: Network) -> None:
    address = str(network.address("bonds"))
    with posix.socket() as other:
        other.bind((LOCAL, int(address.rpartition(":")[2])))
        other.listen()
        context = guarded_context(network)
        try:
            with pytest.raises(ConfigError, match="bonds cannot listen"):
                Puller(context, address)
        finally:
            context.destroy(0)


def test_sockets_of_a_run_without_network_are_files_in_its_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    folder, context = RunFolder(tmp_path), guarded_context(None)
    with Publisher(context, folder.endpoint("grants")):
        assert (tmp_path / "grants").is_socket()
    context.destroy(0)


def test_a_question_for_the_time_is_answered_by_the_supervisor(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    folder, clock = RunFolder(tmp_path), FakeClock(4242.0)
    room = ControlRoom(folder, "r", clock)
    context = guarded_context(None)
    with context.socket(zmq.DEALER) as node:
        node.linger = 0
        node.identity = b"decoder"
        node.connect(folder.endpoint("control"))
        question = Command(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="decoder",
                           id="q1", action="time")  # fmt: skip
        node.send_multipart(encode(Message(question)))
        room.receive(5.0)
        assert node.poll(WAIT_MS)
        answer = decode(node.recv_multipart()).header
    assert isinstance(answer, Reply)
    assert (answer.id, answer.t_sent) == ("q1", 4242.0)
    room.close()
    context.term()


def test_a_renderer_elsewhere_takes_orders_from_the_console(
    network: Network, keys: Path, tmp_path: Path
) -> None:
    file = carried(network, tmp_path)
    context = guarded_context(on(network, "gpu", keys))
    desk = context.socket(zmq.ROUTER)
    desk.linger = 200
    desk.bind(str(network.address("paint-control")))

    def answer_once() -> None:
        if desk.poll(WAIT_MS):
            identity, *frames = desk.recv_multipart()
            asked = decode(frames).header
            assert isinstance(asked, Command)
            told = Reply(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="renderer",
                         id=asked.id, ok=True, text="mode: z")  # fmt: skip
            desk.send_multipart([identity, *encode(Message(told))])

    renderer = threading.Thread(target=answer_once)
    renderer.start()
    try:
        assert ask_renderer(RunFolder(file.parent), {"mode": "z"}, WAIT_MS / 1000) == "mode: z"
    finally:
        renderer.join()
        desk.close()
        context.destroy()


class Hurrying(FakeClock):
    """A clock that goes on whenever it is looked at; after half a minute somebody ends it all."""

    def now(self) -> float:
        self.advance(1.0)
        if super().now() > 30.0:
            signal.raise_signal(signal.SIGTERM)
        return super().now()


def test_an_observer_on_the_terminal_is_told_that_nobody_answers(
    network: Network, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = str(network.address("view-observer"))
    parser = argparse.ArgumentParser()
    OBSERVE.configure(parser)
    given = [address, "--console", keys / "console.network.pub", "--key", keys / "wall.network"]
    arguments = parser.parse_args([str(word) for word in given])
    clock = Hurrying()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phosphene.commands.network.MonotonicClock", lambda: clock)
        assert OBSERVE.run(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(f"nobody answers at {address}" in line for line in lines) == 1
    assert lines[-1] == "0 frames shown, 0 missing"
