"""Who comes in over a network: settings, keys, places, and a plan that is carried over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phosphene.cli import main
from phosphene.errors import BundleError, ConfigError
from phosphene.network.admission import answer
from phosphene.network.joining import Here, read_plan
from phosphene.network.keys import (
    load_network_key,
    load_network_public,
    raw,
)
from phosphene.network.layout import PLACES, Machine, Network, Peer
from phosphene.network.sockets import Guard
from phosphene.network.words import told_network
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.session_network import NetworkSettings
from tests.unit.network_bench import LOCAL, carried, keys_in, network_of, on, settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def network(keys: Path) -> Network:
    return network_of(keys)


# ---- settings ------------------------------------------------------------------------------------


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


# ---- keys ----------------------------------------------------------------------------------------


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


# ---- places --------------------------------------------------------------------------------------


def test_only_what_another_machine_needs_is_on_the_network(network: Network) -> None:
    far = {name for name in PLACES if network.address(name)}
    assert far == set(PLACES) - {"render-acks"}  # between two nodes of one machine
    for name in ("gate-control", "view-self", "view-operator", "view-stream", "stop", "credits"):
        assert network.address(name) is None
    ports = [str(network.address(name)).rpartition(":")[2] for name in far]
    assert len(set(ports)) == len(far)


@pytest.mark.parametrize("node", ["decoder", "renderer"])
def test_a_node_that_is_alone_elsewhere_reaches_every_socket_that_it_uses(
    keys: Path, node: str
) -> None:
    machine = {"name": "gpu", "key": keys / "gpu.network.pub", "address": LOCAL, "nodes": [node]}
    network = Network.of(NetworkSettings.model_validate(settings(keys, machines=[machine])))
    assert network is not None
    text = "".join(file.read_text() for file in (ROOT / node).glob("*.py"))
    used = {"control", "bonds", *re.findall(r'endpoint\("([a-z-]+)"\)', text)}
    assert {"grants", "records", "decoder"} <= used
    gpu = raw(network.machine("gpu").public)
    for name in used:
        assert network.address(name) is not None, f"{name} would be a file on the other machine"
        assert gpu in network.admitted(name), name


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


def test_a_run_tells_what_to_start_elsewhere_and_which_ports_are_open(network: Network) -> None:
    lines = told_network(network, Path("/run/ph-r/plan.json"))
    assert "/run/ph-r/plan.json" in lines[0]
    assert "phosphene join plan.json --as gpu" in lines[0]
    assert str(network.address("view-observer")) in lines[1]
    own = ("control", "bonds", "records", "grants", "acquisition", "acks", "view-observer")
    ports = [str(network.port + list(PLACES).index(name)) for name in own]
    assert lines[2].endswith(", ".join(ports))
    assert told_network(None, Path("x")) == []


# ---- a plan that is carried over -----------------------------------------------------------------


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


def test_a_machine_is_known_by_a_whole_key() -> None:
    with pytest.raises(ValidationError, match="Z85"):
        Peer(name="x", public="short")
    with pytest.raises(ValidationError, match="Z85"):
        Machine(name="x", public="'" * 40, address=LOCAL, listen=LOCAL)
