"""Who comes in over a network: settings, keys, places, sockets, the other machine's clock."""

from __future__ import annotations

import logging
import os
import signal
import socket as posix
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phosphene.bus import Publisher, Puller, RunFolder, Subscriber
from phosphene.cli import main
from phosphene.clock import FakeClock
from phosphene.commands.paint import ask_renderer
from phosphene.errors import BundleError, ConfigError, NodeError
from phosphene.messages import Beat, Command, Message, Reply, View, decode, encode
from phosphene.network.admission import answer
from phosphene.network.joining import Here, read_plan
from phosphene.network.keys import (
    NetworkKey,
    load_network_key,
    load_network_public,
    new_network_key,
    raw,
)
from phosphene.network.layout import PLACES, Machine, Network, Peer
from phosphene.network.link import ConsoleLink
from phosphene.network.sockets import Guard, guarded_context
from phosphene.network.time import ConsoleClock, Exchange
from phosphene.network.watching import DistantView, OneWayClock
from phosphene.network.words import told_network
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.session_network import NetworkSettings
from phosphene.supervisor.child import NodeSpec
from phosphene.supervisor.control import ControlRoom
from phosphene.supervisor.distant import Distant

WAIT_MS, NOTHING_MS = 5000, 250
LOCAL = "127.0.0.1"


def free_ports() -> int:
    """Return the first of as many neighbouring ports as a run may need."""
    for base in range(20_000 + os.getpid() % 20_000, 60_000, 20):
        try:
            for port in range(base, base + len(PLACES)):
                with posix.socket() as probe:
                    probe.bind((LOCAL, port))
        except OSError:
            continue
        return base
    raise AssertionError("no ports are free")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pairs of keys: console, gpu, wall and stranger."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("console", "gpu", "wall", "stranger"):
        new_network_key(folder / f"{name}.network", folder / f"{name}.network.pub")
    return folder


def settings(keys: Path, **more: object) -> dict[str, object]:
    return {
        "key": keys / "console.network",
        "address": LOCAL,
        "machines": [
            {"name": "gpu", "key": keys / "gpu.network.pub", "address": LOCAL,
             "nodes": ["decoder", "renderer"]}
        ],
        "observers": [{"name": "wall", "key": keys / "wall.network.pub"}],
        **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def network(keys: Path) -> Network:
    made = Network.of(NetworkSettings.model_validate(settings(keys, port=free_ports())))
    assert made is not None
    return made


def on(network: Network, machine: str, keys: Path) -> Network:
    return network.model_copy(update={"here": machine, "key": keys / f"{machine}.network"})


# ---- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"listen": "0.0.0.0"}, "everywhere"),  # noqa: S104
        ({"address": "0.0.0.0", "listen": LOCAL}, "reach"),  # noqa: S104
        ({"address": "console.lab"}, "IP address"),
        ({"machines": [], "observers": []}, r"remove the table"),
        ({"port": 80}, "1024"),
        ({"key": None}, "key"),
    ],
)
def test_settings_that_would_open_too_much_are_refused(
    keys: Path, wrong: dict[str, object], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        NetworkSettings.model_validate(settings(keys, **wrong))


def test_every_network_is_opened_only_where_that_is_said(keys: Path) -> None:
    everywhere = settings(keys, listen="0.0.0.0", everywhere=True)  # noqa: S104
    network = Network.of(NetworkSettings.model_validate(everywhere))
    assert network is not None
    assert network.bound("control") == "tcp://0.0.0.0:47800"
    assert network.address("control") == f"tcp://{LOCAL}:47800"


def test_a_machines_own_listening_address_is_checked_too(keys: Path) -> None:
    machine = {"name": "gpu", "key": keys / "gpu.network.pub", "address": "gpu.lab",
               "listen": "0.0.0.0", "nodes": ["decoder"]}  # fmt: skip # noqa: S104
    with pytest.raises(ValidationError, match="everywhere"):
        NetworkSettings.model_validate(settings(keys, machines=[machine]))


def test_names_nodes_and_keys_are_somebodys_own(keys: Path) -> None:
    gpu = {"name": "gpu", "key": keys / "gpu.network.pub", "address": LOCAL, "nodes": ["decoder"]}
    with pytest.raises(ValidationError, match="each name once"):
        NetworkSettings.model_validate(settings(keys, machines=[gpu, gpu]))
    with pytest.raises(ValidationError, match="each node once"):
        NetworkSettings.model_validate(settings(keys, machines=[gpu, {**gpu, "name": "two"}]))
    thief = [{"name": "thief", "key": keys / "gpu.network.pub"}]
    with pytest.raises(ConfigError, match="a key of its own"):
        Network.of(NetworkSettings.model_validate(settings(keys, observers=thief)))


def test_without_the_table_every_socket_is_a_file(tmp_path: Path) -> None:
    session = Session.model_validate(
        {"person": "p1", "modality": "fmri", "source": {"kind": "recording", "path": "x"}}
    )
    assert session.network is None
    plan = Plan(run="r", folder=tmp_path, mode="replay", session=session)
    assert {plan.endpoint(name).split(":")[0] for name in PLACES} == {"ipc"}
    assert plan.patience_s("decoder", 60.0) == 60.0


# ---- keys --------------------------------------------------------------------------------------


def test_a_pair_of_keys_is_made_by_command_and_read_by_its_owner_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "new", "lab", "--network", "--out", str(tmp_path)]) == 0
    private, public = tmp_path / "lab.network", tmp_path / "lab.network.pub"
    key = load_network_key(private)
    assert load_network_public(public) == key.public
    said = capsys.readouterr().out
    assert key.public in said
    assert key.secret not in said + repr(key)
    assert main(["keys", "new", "lab", "--network", "--out", str(tmp_path)]) != 0
    private.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_network_key(private)


def test_files_that_are_no_keys_are_refused(keys: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="public key"):
        load_network_public(keys / "gpu.network")
    with pytest.raises(ConfigError, match="network key"):
        load_network_key(keys / "gpu.network.pub")
    with pytest.raises(ConfigError, match="No such file"):
        load_network_public(tmp_path / "none.pub")
    damaged = tmp_path / "damaged.network"
    told = (keys / "gpu.network").read_text()
    other = load_network_key(keys / "wall.network").public
    damaged.write_text(told.replace(load_network_key(keys / "gpu.network").public, other))
    damaged.chmod(0o600)
    with pytest.raises(ConfigError, match="damaged"):
        load_network_key(damaged)
    with pytest.raises(ValueError, match="Z85"):
        raw("short")


def test_a_machine_needs_the_key_that_the_run_knows_it_by(network: Network, keys: Path) -> None:
    assert Guard.of(on(network, "gpu", keys)).key.public == network.machine("gpu").public
    wrong = network.model_copy(update={"here": "gpu", "key": keys / "stranger.network"})
    with pytest.raises(ConfigError, match="private key of gpu"):
        Guard.of(wrong)
    with pytest.raises(ConfigError, match="Name one of the session's machines"):
        network.machine("nowhere")


# ---- places ------------------------------------------------------------------------------------


def test_only_what_another_machine_needs_is_on_the_network(network: Network) -> None:
    far = {name for name in PLACES if network.address(name)}
    assert far == set(PLACES) - {"render-acks"}  # between two nodes of one machine
    for name in ("gate-control", "view-self", "view-operator", "view-stream", "stop", "credits"):
        assert network.address(name) is None
    ports = [str(network.address(name)).rpartition(":")[2] for name in far]
    assert len(set(ports)) == len(far)


def test_an_observer_comes_in_at_the_observers_view_only(network: Network) -> None:
    wall = raw(network.observers[0].public)
    assert [name for name in PLACES if wall in network.admitted(name)] == ["view-observer"]
    gpu = raw(network.machine("gpu").public)
    assert gpu not in network.admitted("view-observer")


def test_with_observers_alone_one_socket_listens(keys: Path) -> None:
    alone = Network.of(NetworkSettings.model_validate(settings(keys, machines=[])))
    assert alone is not None
    assert [name for name in PLACES if alone.address(name)] == ["view-observer"]


@given(st.lists(st.binary(max_size=40), max_size=9))
def test_a_request_that_is_not_exactly_right_is_refused(parts: list[bytes]) -> None:
    lists = {b"control": {bytes(32): "gpu"}}
    reply, refused = answer(parts, lists)
    assert refused
    assert reply[2] == b"400"
    assert reply[4] == b""


def test_a_key_comes_in_by_its_list_and_mechanism() -> None:
    lists = {b"control": {bytes(32): "gpu"}}
    asked = [b"1.0", b"7", b"control", b"10.0.0.9", b"", b"CURVE", bytes(32)]
    assert answer(asked, lists) == ([b"1.0", b"7", b"200", b"OK", b"gpu", b""], "")
    for place, part in [(0, b"2.0"), (2, b"bonds"), (2, b""), (5, b"NULL"), (5, b"PLAIN"),
                        (6, b"\1" * 32), (6, b"")]:  # fmt: skip
        other = [*asked[:place], part, *asked[place + 1 :]]
        assert answer(other, lists)[0][2] == b"400"


# ---- sockets -----------------------------------------------------------------------------------


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


# ---- the other machine's clock -----------------------------------------------------------------


@given(
    st.floats(-1e6, 1e6),
    st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=8),
)
def test_the_difference_of_clocks_is_wrong_by_half_the_quickest_way_at_most(
    offset_s: float, ways: list[tuple[float, float]]
) -> None:
    exchange, now_s = Exchange(), 100.0
    for k, (there, back) in enumerate(ways):
        exchange.ask(str(k), now_s)
        stamp = now_s + there + offset_s
        now_s += there + back
        assert exchange.answer(str(k), stamp, now_s)
        now_s += 2.0
    most = min(there + back for there, back in ways) / 2
    assert exchange.uncertain_s() == pytest.approx(most, abs=1e-9)
    assert abs(exchange.offset_s() - offset_s) <= most + 1e-6


def test_answers_to_nothing_asked_are_ignored() -> None:
    exchange = Exchange()
    exchange.ask("a", 1.0)
    assert not exchange.answer("b", 5.0, 1.1)
    assert exchange.answer("a", 5.0, 1.1)
    assert not exchange.answer("a", 9.0, 1.2)
    assert exchange.answers == 1


@given(st.lists(st.floats(-1, 1), max_size=20))
def test_the_consoles_clock_never_runs_backwards(offsets: list[float]) -> None:
    own = FakeClock(50.0)
    clock = ConsoleClock(own)
    clock.start(-1000.0)
    assert clock.now() == pytest.approx(-950.0)
    shown = [clock.now()]
    for offset_s in offsets:
        clock.set(-1000.0 + offset_s)
        own.advance(0.1)
        shown.append(clock.now())
    assert shown == sorted(shown)
    clock.wait_until(shown[-1] + 1.0)
    assert clock.now() >= shown[-1] + 1.0 - 1e-9


class Wire:
    """A console that answers, or not, with a clock that is 1000 s ahead."""

    def __init__(self) -> None:
        self.own, self.answers, self.asked = FakeClock(7.0), True, list[str]()
        self.link = ConsoleLink(self.own, self.asked.append, self.hear)

    def hear(self, wait_s: float) -> None:
        self.own.advance(0.001)
        while self.asked and self.answers:
            stamp = self.own.now() + 1000.0
            self.link.answered(
                Reply(run="r", seq=0, t_acquired=stamp, t_sent=stamp, producer="supervisor",
                      id=self.asked.pop(), ok=True, text="")
            )  # fmt: skip
        self.own.advance(wait_s)


def test_a_node_elsewhere_lives_by_the_consoles_clock_and_ends_without_it() -> None:
    wire = Wire()
    wire.link.meet()
    assert wire.link.clock.now() == pytest.approx(wire.own.now() + 1000.0, abs=0.1)
    for _ in range(50):
        wire.own.advance(0.5)
        assert wire.link.turn()
    wire.answers = False
    turns = 0
    while wire.link.turn():
        wire.own.advance(0.5)
        turns += 1
        assert turns < 100
    assert 20 <= turns <= 40  # 10 to 20 s


def test_a_console_that_never_answers_is_told() -> None:
    wire = Wire()
    wire.answers = False
    with pytest.raises(NodeError, match="has not answered"):
        wire.link.meet(3.0)


@given(st.floats(-1e5, 1e5), st.lists(st.floats(0, 2), min_size=1, max_size=20))
def test_held_up_messages_are_old_for_an_observer(offset_s: float, delays: list[float]) -> None:
    clock, sent_s, now_s = OneWayClock(), 10.0, 10.0
    for delay_s in delays:
        sent_s += 0.1
        now_s = max(now_s, sent_s + delay_s)
        clock.hear(sent_s + offset_s, now_s)
    least = min(delays)
    assert clock.there_s(now_s) <= now_s + offset_s + 1e-6
    assert clock.there_s(now_s) >= now_s + offset_s - (max(delays) - least) - least - 1e-6


# ---- nodes elsewhere, as the supervisor knows them ---------------------------------------------


def beat(pid: int, state: Literal["ready", "running", "stopped"], note: str = "") -> Beat:
    return Beat(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="decoder", pid=pid,
                state=state, counts={}, note=note)  # fmt: skip


def test_a_node_elsewhere_is_gone_when_it_says_so_or_another_speaks_by_its_name() -> None:
    left = Distant(NodeSpec("decoder", "decoder", machine="gpu"))
    left.hear(None)
    assert (left.exit_code(), left.here) == (None, False)
    left.hear(beat(7, "ready"))
    left.signal(signal.SIGKILL)  # ends at this machine
    assert (left.exit_code(), left.here, left.pid) == (None, True, 7)
    left.hear(beat(7, "stopped", "no bundle"))
    assert (left.exit_code(), left.last_words()) == (0, "no bundle")
    assert "gpu has left" in left.how_it_fell()
    gone = Distant(NodeSpec("decoder", "decoder", machine="gpu"))
    gone.hear(beat(7, "running"))
    gone.hear(beat(8, "ready"))
    assert gone.exit_code() == 1
    assert "gpu is gone" in gone.how_it_fell()
    silent = Distant(NodeSpec("decoder", "decoder", machine="gpu"))
    silent.hear(beat(7, "running"))
    silent.kill()
    assert silent.exit_code() == 1


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


def test_a_run_tells_what_to_start_elsewhere_and_which_ports_are_open(network: Network) -> None:
    lines = told_network(network, Path("/run/ph-r/plan.json"))
    assert "/run/ph-r/plan.json" in lines[0]
    assert "phosphene join plan.json --as gpu" in lines[0]
    assert str(network.address("view-observer")) in lines[1]
    own = ("control", "bonds", "records", "grants", "acquisition", "acks", "view-observer")
    ports = [str(network.port + list(PLACES).index(name)) for name in own]
    assert lines[2].endswith(", ".join(ports))
    assert told_network(None, Path("x")) == []


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


# ---- a plan that is carried over ---------------------------------------------------------------


def carried(network: Network, tmp_path: Path, **facts: str) -> Path:
    session = Session.model_validate(
        {"person": "p1", "modality": "fmri", "source": {"kind": "recording", "path": "x"}}
    )
    folder = tmp_path / "console"
    folder.mkdir(mode=0o700)
    plan = Plan(run="r", folder=folder, mode="replay", session=session, network=network,
                facts=facts, out=tmp_path / "out", audit=tmp_path / "audit")  # fmt: skip
    return plan.save()


def test_a_plan_becomes_this_machines(network: Network, keys: Path, tmp_path: Path) -> None:
    file = carried(network, tmp_path)
    plan = read_plan(file, Here("gpu", keys / "gpu.network"))
    assert plan.network is not None
    assert plan.network.mine.nodes == ("decoder", "renderer")
    assert plan.network.distant
    assert (plan.out, plan.audit) == (None, None)
    assert plan.patience_s("renderer", 60.0) == 60.0
    assert plan.patience_s("acquisition", 60.0) == 600.0
    assert "secret" not in file.read_text()
    for machine, key, words in [
        ("gpu", "wall", "private key of gpu"),
        ("wall", "wall", "Name one"),
        ("console", "console", "Name this machine"),
    ]:
        with pytest.raises(ConfigError, match=words):
            read_plan(file, Here(machine, keys / f"{key}.network"))


def test_a_plan_of_one_machine_cannot_be_joined(keys: Path, tmp_path: Path) -> None:
    session = Session.model_validate(
        {"person": "p1", "modality": "fmri", "source": {"kind": "recording", "path": "x"}}
    )
    file = Plan(run="r", folder=tmp_path, mode="replay", session=session).save()
    with pytest.raises(ConfigError, match="one machine"):
        read_plan(file, Here("gpu", keys / "gpu.network"))
    with pytest.raises(ConfigError, match="No such file"):
        read_plan(tmp_path / "none.json", Here("gpu", keys / "gpu.network"))


def test_another_bundle_than_the_consoles_is_refused(
    network: Network, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Found:
        digest = "1234567890abcdef"

    monkeypatch.setattr("phosphene.network.joining.Bundle.load", lambda _path: Found)
    here = Here("gpu", keys / "gpu.network", bundle=tmp_path)
    with pytest.raises(BundleError, match="Copy it anew"):
        read_plan(carried(network, tmp_path, bundle="fedcba0987654321"), here)


def test_sockets_of_a_run_without_network_are_files_in_its_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    folder, context = RunFolder(tmp_path), guarded_context(None)
    with Publisher(context, folder.endpoint("grants")):
        assert (tmp_path / "grants").is_socket()
    context.destroy(0)


def test_a_machine_is_known_by_a_whole_key() -> None:
    with pytest.raises(ValidationError, match="Z85"):
        Peer(name="x", public="short")
    with pytest.raises(ValidationError, match="Z85"):
        Machine(name="x", public="'" * 40, address=LOCAL, listen=LOCAL)
