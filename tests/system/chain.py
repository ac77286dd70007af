"""Runs the real command line and looks at it from outside: processes, sockets, files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import zmq

from phosphene.bus import Subscriber
from phosphene.messages import Message, Percept, View
from phosphene.recorder.names import recordings_in
from phosphene.recorder.reader import read_run
from phosphene.report import build
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import is_sealed, unlocked

MODULES = {
    "recorder": "phosphene.recorder",
    "gate": "phosphene.gate",
    "sink": "phosphene.sink",
    "renderer": "renderer",
    "decoder": "decoder",
    "acquisition": "acquisition",
    "bridge": "acquisition.bridge",
}


NO_STOP = '[stop]\nnone = "nobody takes part in this test"\n'
SCANNED = (
    """
person = "{person}"
modality = "fmri"
[source]
kind = "dicom-folder"
path = "{folder}"
[consent]
unsigned = true
[decoder]
bundle = "{bundle}"
"""
    + NO_STOP
)
"""Session file of a person whose scanner writes to a folder."""


def environment(runtime: Path) -> dict[str, str]:
    runtime.mkdir(mode=0o700, exist_ok=True)
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    kept = {k: v for k, v in os.environ.items() if k not in hidden}
    return {**kept, "XDG_RUNTIME_DIR": str(runtime)}


def phosphene(*arguments: object, runtime: Path, check: bool = True) -> str:
    """Run a command to its end and return what it has said."""
    done = subprocess.run(
        [sys.executable, "-m", "phosphene.cli", *map(str, arguments)],
        env=environment(runtime),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout
    return done.stdout


def wait_for(what: str, condition: Callable[[], Any], timeout_s: float) -> Any:
    """Poll until a condition holds and return its value."""
    deadline = time.monotonic() + timeout_s
    while True:
        if value := condition():
            return value
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s"
        time.sleep(0.01)


def volumes_told(said: str) -> int:
    """Return the largest volume count that the progress line has shown."""
    numbers = [
        int(word.removesuffix("volume"))
        for line in said.replace("\r", "\n").splitlines()
        for word in line.split(" ")[:1]
        if word.endswith("volume") and word.removesuffix("volume").isdigit()
    ]
    return max(numbers, default=0)


def put(folder: Path, name: str, raw: bytes) -> None:
    """Write a file the way exports do: under a passing name, then renamed."""
    passing = folder / f".{name}.tmp"
    passing.write_bytes(raw)
    passing.rename(folder / name)


def percepts(out: Path) -> list[tuple[Any, ...]]:
    """Return what every recorded percept says, byte for byte, without its stamps."""
    found = []
    for message in read_run(out):
        header = message.header
        if isinstance(header, Percept):
            arrays = {name: array.tobytes() for name, array in message.arrays.items()}
            found.append(
                (header.index, header.t_data, header.t_seen, header.confidence, header.label,
                 tuple(header.probabilities.items()), tuple(arrays.items()))
            )  # fmt: skip
    return found


def report(out: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((out / "report.json").read_text())
    return loaded


def steward(folder: Path) -> tuple[StewardKey, Path]:
    """Make a data steward's pair of keys; the public one lies in a file of the folder."""
    key, public = StewardKey.new(), folder / "lab.pub"
    public.write_bytes(key.pem)
    return key, public


@contextmanager
def opened(out: Path, key: StewardKey) -> Iterator[None]:
    """Lend the key of a sealed run, and make the report that its own machine cannot make."""
    paths = recordings_in(out)
    assert paths
    assert all(is_sealed(path) for path in paths)
    with unlocked(paths, key):
        build(out)
        yield


@dataclass
class Running:
    """A run of the command line that is under way."""

    process: subprocess.Popen[str]
    runtime: Path
    log: Path
    views: list[tuple[float, View]] = field(default_factory=list)

    def node(self, name: str) -> psutil.Process | None:
        """Return the process of a node."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = child.cmdline()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if "-m" in line and line[line.index("-m") + 1] == MODULES[name]:
                return child
        return None

    def folder(self) -> Path | None:
        """Return the run's socket folder once it is there."""
        return next(iter(self.runtime.glob("ph-*")), None)

    def said(self) -> str:
        return self.log.read_text()

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(40)


@contextmanager
def running(*arguments: object, runtime: Path, log: Path) -> Iterator[Running]:
    """Start a command, hand it over, and end it."""
    with (
        log.open("w") as sink,
        subprocess.Popen(
            [sys.executable, "-m", "phosphene.cli", *map(str, arguments)],
            env=environment(runtime),
            stdout=sink,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        run = Running(process, runtime, log)
        try:
            yield run
        finally:
            run.end()


class ViewWatch:
    """Listens to what the gate tells the operator's sink.

    Parameters
    ----------
    run : Running
        The run to watch.
    """

    def __init__(self, run: Running) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        folder = wait_for("run folder", run.folder, 30)
        self._inlet = Subscriber(
            self._context, [f"ipc://{folder / 'view-operator'}"], [b"view", b"frame"]
        )
        self.heard_s = time.monotonic()
        self.passing = False

    def look(self) -> bool:
        """Return True while the view shows pictures; silence for 0.75 s counts as blank."""
        for message in self._inlet.receive():
            self._hear(message)
        return self.passing and time.monotonic() - self.heard_s < 0.75

    def _hear(self, message: Message) -> None:
        if isinstance(message.header, View):
            self.heard_s = time.monotonic()
            self.passing = message.header.passing

    def close(self) -> None:
        self._inlet.close()
        self._context.term()
