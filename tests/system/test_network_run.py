"""Decoder and renderer on another machine, an observer on a third: one run, over TCP with keys.

The other machine is this one with a run folder, keys and paths of its own, and, where the
kernel lends one, a clock that started at another time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest
import zmq

from phosphene.bundle import Bundle
from phosphene.network.keys import load_network_key, new_network_key
from phosphene.network.layout import PLACES
from phosphene.plan import Plan
from phosphene.seal.bundles import seal_bundle
from phosphene.seal.passphrase import VARIABLE
from tests.system.chain import (
    SCANNED,
    Running,
    ViewWatch,
    environment,
    opened,
    percepts,
    put,
    report,
    running,
    steward,
    wait_for,
)
from tests.system.conftest import TR_S, Participant

pytestmark = pytest.mark.timing

PHRASE = "correct horse battery"
FREE_PORT = 34_000 + os.getpid() % 20_000
MORE = """[gate]
level_observer = 2
observer_release = "live"
after_crash = "resume"
[network]
key = "keys/console.network"
address = "127.0.0.1"
port = {port}
[[network.machines]]
name = "gpu"
key = "keys/gpu.network.pub"
address = "127.0.0.1"
nodes = ["decoder", "renderer"]
[[network.observers]]
name = "wall"
key = "keys/wall.network.pub"
"""


def other_clock() -> list[str]:
    """Return what lends a process a clock of its own; empty where nothing does."""
    ways: list[list[str]] = [
        ["unshare", "--time", "--monotonic", "500000", "--fork", "--kill-child"],
        ["unshare", "--user", "--map-root-user", "--time", "--monotonic", "500000", "--fork",
         "--kill-child"],
    ]  # fmt: skip
    for way in ways:
        with contextlib.suppress(OSError):
            tried = subprocess.run([*way, "true"], capture_output=True, check=False)
            if tried.returncode == 0:
                return way
    return []


@pytest.fixture
def people(participant: Participant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session file, a consent with observers, keys of three machines."""
    tmp_path = tmp_path_factory.mktemp("net")  # a short path, as sockets need
    for name in ("console", "gpu", "wall", "stranger"):
        new_network_key(tmp_path / f"keys/{name}.network", tmp_path / f"keys/{name}.network.pub")
    (tmp_path / "incoming").mkdir()
    consent = participant.consent.read_text().replace(
        '"view_self",', '"view_self", "view_observer",'
    )
    (tmp_path / "consent.toml").write_text(consent)
    words = {"person": participant.person, "bundle": participant.bundle, "port": FREE_PORT,
             "folder": "incoming"}  # fmt: skip
    (tmp_path / "session.toml").write_text((SCANNED + MORE).format(**words))
    return tmp_path


@contextlib.contextmanager
def command(log: Path, runtime: Path, *words: object, before: list[str] | None = None
) -> Iterator[subprocess.Popen[str]]:  # fmt: skip
    """Run a command beside the run, with its own runtime folder."""
    with (
        log.open("w") as told,
        subprocess.Popen(
            [*(before or []), sys.executable, "-m", "phosphene.cli", *map(str, words)],
            env=environment(runtime), stdout=told, stderr=subprocess.STDOUT, text=True,
        ) as process,
    ):  # fmt: skip
        try:
            yield process
        finally:
            for child in (
                [*psutil.Process(process.pid).children(recursive=True)]
                if (process.poll() is None)
                else []
            ):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.terminate()
            process.terminate()
            process.wait(20)


def listening(pid: int) -> set[tuple[str, int]]:
    """Return where a process and its children listen by TCP."""
    found = set()
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            for line in process.net_connections("tcp"):
                if line.status == psutil.CONN_LISTEN:
                    found.add((line.laddr.ip, line.laddr.port))
    return found


def spoken_to(port: int, key: str | None, keys: Path, kind: int) -> bool:
    """Return whether a socket says anything to a stranger within its patience."""
    with zmq.Context() as context, context.socket(kind) as probe:
        probe.linger = 0
        if kind == zmq.SUB:
            probe.subscribe(b"")
        if key is not None:
            own = load_network_key(keys / f"{key}.network")
            server = load_network_key(keys / "console.network").public
            probe.curve_publickey, probe.curve_secretkey = own.public.encode(), own.secret.encode()
            probe.curve_serverkey = server.encode()
        probe.connect(f"tcp://127.0.0.1:{port}")
        if kind == zmq.DEALER:
            with contextlib.suppress(zmq.Again):
                probe.send_multipart([b"command", b"x"], zmq.NOBLOCK)
        return bool(probe.poll(400))


def check_ports(run: Running, keys: Path) -> None:
    """Nothing listens but what is configured, and it says nothing to those who are not listed."""
    plan = Plan.model_validate_json((run.runtime / run_name(run) / "plan.json").read_text())
    network = plan.network
    assert network is not None
    here = {int(network.bound(n).rpartition(":")[2]) for n in PLACES
            if network.address(n) and network.home(PLACES[n][0]).name == "console"}  # fmt: skip
    found = {line for line in listening(run.process.pid) if not is_lsl(*line)}
    assert found == {("127.0.0.1", port) for port in here}
    observers = int(str(network.address("view-observer")).rpartition(":")[2])
    grants = int(str(network.address("grants")).rpartition(":")[2])
    for port, kind in [(observers, zmq.SUB), (grants, zmq.SUB), (network.port, zmq.DEALER)]:
        assert not spoken_to(port, None, keys, kind), "a client without security was answered"
        assert not spoken_to(port, "stranger", keys, kind), "an unlisted key was answered"
    assert not spoken_to(grants, "wall", keys, zmq.SUB), "an observer got more than its view"
    assert spoken_to(observers, "wall", keys, zmq.SUB)


def is_lsl(ip: str, port: int) -> bool:
    """Return whether a port is one of LSL's, which the session's LSL settings limit."""
    return 16_572 <= port < 16_772 and ip in ("0.0.0.0", "::", "127.0.0.1", "::1")  # noqa: S104


def run_name(run: Running) -> str:
    folder = run.folder()
    assert folder is not None
    return folder.name


def test_decoder_and_renderer_elsewhere_and_an_observer(
    participant: Participant, people: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    keys, clock = people / "keys", other_clock()
    key, public = steward(people)
    sockets = tmp_path_factory.mktemp("gpu")  # a short path, as sockets need
    elsewhere = people / "elsewhere"
    elsewhere.mkdir()
    sealed = elsewhere / "decoder.phos.sealed"
    seal_bundle(Bundle.load(participant.bundle), sealed, [key.public], datetime.now(UTC))
    key.save(elsewhere / "lab.key", elsewhere / "lab.pub", PHRASE, cost=2**4)
    shutil.copy(keys / "gpu.network", elsewhere / "gpu.network")
    with running(
        "live", people / "session.toml", "--consent", people / "consent.toml", "--confirmed-by",
        "test", "--out", people / "out", "--seal", public, "--headless",
        "--programme", participant.programme, runtime=people / "run", log=people / "log",
    ) as run:  # fmt: skip
        wait_for("the word to the others", lambda: "phosphene join plan.json" in run.said(), 60)
        folder = wait_for("run folder", run.folder, 10)
        carried = shutil.copy(folder / "plan.json", elsewhere / "plan.json")
        observe = (
            next(line for line in run.said().splitlines() if line.startswith("wall observes by"))
            .split("phosphene observe ")[1]
            .split()[0]
        )
        with (
            patch.dict(os.environ, {VARIABLE: PHRASE}),
            command(people / "gpu.log", sockets, "join", carried, "--as", "gpu", "--key",
                    elsewhere / "gpu.network", "--bundle", sealed, "--bundle-key",
                    elsewhere / "lab.key", before=clock),
            command(people / "wall.log", people / "wall-run", "observe", observe, "--console",
                    keys / "console.network.pub", "--key", keys / "wall.network",
                    before=clock),
        ):  # fmt: skip
            ready = "all nodes are ready"
            wait_for("readiness", lambda: ready in run.said(), 180)
            with scanning(participant, people / "incoming"):
                seen = people / "wall.log"
                wait_for("a picture elsewhere", lambda: "picture 8x8" in seen.read_text(), 60)
                wait_for("percepts", lambda: most(run, "percepts") >= 3, 90)
                check_ports(run, keys)
                names = {child.name() for child in psutil.Process(run.process.pid).children()}
                assert names
                assert run.node("decoder") is None
                assert run.node("renderer") is None
                watch = ViewWatch(run)
                wait_for("the operator's picture", watch.look, 10)
                fell = time.monotonic()
                kill_node(sockets, "decoder")
                wait_for("a blank view", lambda: not watch.look(), 5)
                assert time.monotonic() - fell < 1.5
                wait_for("the decoder's return", lambda: "decoder is back" in run.said(), 60)
                wait_for("pictures again", watch.look, 20)
                watch.close()
            run.process.send_signal(signal.SIGINT)
            assert run.process.wait(120) == 0
            wait_for("its end elsewhere", lambda: "renderer has ended" in
                     (people / "gpu.log").read_text(), 20)  # fmt: skip
        assert "level 2" in seen.read_text()
        assert "level 4" not in seen.read_text()
    with opened(people / "out", key):
        assert report(people / "out")["exit_status"] == "success"
        assert len(percepts(people / "out")) > 5
    assert not list(sockets.glob("ph-*")), "the other machine's folder stays"
    told = json.loads((elsewhere / "plan.json").read_text())
    for secret in ("gpu", "wall", "console"):
        assert load_network_key(keys / f"{secret}.network").secret not in json.dumps(told)


@contextlib.contextmanager
def scanning(participant: Participant, folder: Path) -> Iterator[None]:
    """Put the volumes of a scan into a folder, one each TR, for as long as the block lasts."""
    over = threading.Event()

    def scan() -> None:
        for path in sorted(participant.dicom.iterdir()):
            put(folder, path.name, path.read_bytes())
            if over.wait(TR_S):
                return

    thread = threading.Thread(target=scan)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def most(run: Running, what: str) -> int:
    """Return the largest number of something that the progress line has shown."""
    return max((int(n) for n in re.findall(rf"{what} (\d+)", run.said())), default=0)


def kill_node(place: Path, module: str) -> None:
    """Kill a node of the machine whose sockets are in a place."""
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "-m" in line and line[line.index("-m") + 1] == module and str(place) in " ".join(line):
            process.kill()
            return
    raise AssertionError(f"{module} runs nowhere")


def test_a_port_that_somebody_has_ends_the_start_in_words(
    participant: Participant, people: Path
) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # an earlier run had it
        other.bind(("127.0.0.1", FREE_PORT))
        other.listen()
        with running(
            "live", people / "session.toml", "--consent", people / "consent.toml",
            "--confirmed-by", "test", "--headless", runtime=people / "run", log=people / "log",
        ) as run:  # fmt: skip
            assert run.process.wait(60) != 0
            assert f"control cannot listen at tcp://127.0.0.1:{FREE_PORT}" in run.said()
            assert "Traceback" not in run.said()
