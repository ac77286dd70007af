"""A live run from a fall to its end: dark until somebody looks, and no pixel of it in the clear."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import pytest
import zmq

from phosphene.bus import Subscriber
from phosphene.messages import Command, Frame, Message, Reply, View, decode, encode
from phosphene.recorder.reader import read_run
from tests.system.chain import SCANNED, Running, opened, running, steward, wait_for
from tests.system.conftest import TR_S, Participant

STAYS_DARK_S = 1.5
SLICE = 96
LIVELY = 12
"""A slice of so many different bytes comes nowhere by chance."""
LOOKED_FOR = 60
HIDDEN = {".git", ".venv"}
"""No process of a run writes there."""


class Operator:
    """Hears the operator's view and asks the gate.

    Parameters
    ----------
    run : Running
        The run.
    """

    def __init__(self, run: Running) -> None:
        self._zmq: zmq.Context[Any] = zmq.Context()
        folder = wait_for("run folder", run.folder, 30)
        self._view = Subscriber(self._zmq, [f"ipc://{folder}/view-operator"], [b"view", b"frame"])
        self._desk: zmq.Socket[bytes] = self._zmq.socket(zmq.DEALER)
        self._desk.linger = 0
        self._desk.connect(f"ipc://{folder}/gate-control")
        self.view: View | None = None
        self.frames = 0

    def look(self) -> View | None:
        """Return the newest word of the gate."""
        for message in self._view.receive():
            if isinstance(message.header, View):
                self.view = message.header
            elif isinstance(frame := message.header, Frame):
                self.frames += frame.state == "picture"
        return self.view

    def sees(self) -> bool:
        """Tell whether pictures come."""
        before, view = self.frames, self.look()
        return view is not None and view.passing and self.frames > before

    def reason(self) -> str:
        """Return why nothing is shown; "" while something is."""
        view = self.look()
        return "" if view is None or view.passing else view.reason

    def ask(self, action: str) -> bool:
        """Give an order and return whether it was obeyed."""
        now = time.monotonic()
        command = Command(run="r", seq=0, t_acquired=now, t_sent=now, producer="test", id="1",
                          action=action, arguments={})  # fmt: skip
        self._desk.send_multipart(encode(Message(command)))
        assert self._desk.poll(5000), f"{action}: no answer"
        reply = decode(self._desk.recv_multipart()).header
        return isinstance(reply, Reply) and reply.ok

    def close(self) -> None:
        self._view.close()
        self._desk.close()
        self._zmq.term()


def strangers(run: Running) -> set[str]:
    """Return the addresses beyond this machine that a process of the run is connected to."""
    me = psutil.Process(run.process.pid)
    lines = [c for p in (me, *me.children(recursive=True)) for c in p.net_connections("inet")]
    return {line.raddr.ip for line in lines if line.raddr and not line.raddr.ip.startswith("127.")}


def slices(picture: npt.NDArray[np.uint8]) -> Iterator[bytes]:
    """Yield some runs of a picture's pixels that are unlike anything else."""
    for row in picture[::4]:
        raw = row.tobytes()
        for at in range(0, len(raw) - SLICE, SLICE):
            if len(set(found := raw[at : at + SLICE])) >= LIVELY:
                yield found


def files_since(begun_s: float, *folders: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the files below folders that were written since a time."""
    for folder in folders:
        for path in folder.rglob("*"):
            # Other tests may run beside this one, and take their files away.
            with contextlib.suppress(FileNotFoundError):
                seen = HIDDEN.isdisjoint(path.relative_to(folder).parts) and path.is_file()
                if seen and path.stat().st_mtime >= begun_s - 1:
                    yield path, path.read_bytes()


def traces(wanted: list[bytes], *folders: Path, begun_s: float) -> list[Path]:
    """Return the files in which any of these bytes stand."""
    return [path for path, raw in files_since(begun_s, *folders) if any(w in raw for w in wanted)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything that a run writes outside of its folders lies below this one."""
    for name, folder in (("TMPDIR", "tmp"), ("PHOSPHENE_STATE", "state"), ("XDG_CACHE_HOME", "c")):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(name, str(tmp_path / folder))
    (tmp_path / "incoming").mkdir()
    return tmp_path


def test_after_a_fall_it_stays_dark_and_leaves_no_picture_readable(
    participant: Participant, place: Path
) -> None:
    begun_s = time.time()
    session, out = place / "session.toml", place / "out"
    key, public = steward(place)
    words = {"person": participant.person, "bundle": participant.bundle, "folder": "incoming"}
    session.write_text(SCANNED.format(**words))
    scan = [sys.executable, "-m", "acquisition.simulate", "scanner", "--seed", "3", "--to",
            str(place / "incoming"), "--tr", str(TR_S), "--volumes", "300",
            "--programme", str(participant.programme)]  # fmt: skip
    with running(
        "live", session, "--consent", participant.consent, "--confirmed-by", "test", "--out", out,
        "--seal", public, "--programme", participant.programme,
        runtime=place / "run", log=place / "log",
    ) as run:  # fmt: skip
        wait_for("readiness", lambda: "all nodes are ready" in run.said(), 60)
        with subprocess.Popen(scan, stdout=subprocess.DEVNULL) as hardware:
            operator = Operator(run)
            try:
                fall_and_come_back(run, operator)
                assert strangers(run) == set()
            finally:
                operator.close()
                hardware.terminate()
        assert run.end() == 0
    with opened(out, key):
        pictures = [
            m.arrays["picture"]
            for m in read_run(out)
            if isinstance(m.header, Frame) and m.header.state == "picture"
        ]
    found = {piece for picture in pictures for piece in slices(picture)}
    assert len(found) > LOOKED_FOR, "pictures with something on them were recorded"
    wanted = sorted(found)[:: len(found) // LOOKED_FOR]
    # The report was made here by the steward, not by the run.
    for made in ("report.html", "report.json", "preview.mp4", "volumes.csv"):
        (out / made).unlink(missing_ok=True)
    assert traces(wanted, place, Path.cwd(), begun_s=begun_s) == []
    (place / "planted.bin").write_bytes(b"x" + wanted[0] + b"x")
    assert traces(wanted, place, begun_s=begun_s) == [place / "planted.bin"]


def fall_and_come_back(run: Running, operator: Operator) -> None:
    """Kill the decoder of a run that shows pictures, and let the operator go on."""
    wait_for("pictures", operator.sees, 60)
    decoder = run.node("decoder")
    assert decoder is not None
    decoder.kill()
    wait_for("blank", operator.reason, 10)
    wait_for("the rule", lambda: "unblank to go on" in operator.reason(), 30)
    until_s, before = time.monotonic() + STAYS_DARK_S, operator.frames
    while time.monotonic() < until_s:
        operator.look()
        assert operator.frames == before, "a picture came though nobody said so"
        time.sleep(0.02)
    assert "unblank to go on" in operator.reason()
    assert operator.ask("unblank")
    wait_for("pictures again", operator.sees, 30)
