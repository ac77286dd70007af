"""The recorder as a process that is killed, frozen and stopped while messages stream."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from phosphene.bus import Pusher, RunFolder
from phosphene.consent import Consent, Scope
from phosphene.messages import Beat, Command, Features, Message, RunStop, decode, describe, encode
from phosphene.plan import Plan
from phosphene.recorder.info import contents
from phosphene.recorder.reader import RecordingReader, read_run
from phosphene.recorder.recover import recover_all
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import unlocked
from phosphene.seal.verify import State, verify_sealed

pytestmark = pytest.mark.timing


class Run:
    """A recorder process, and this test as its supervisor and its sender."""

    def __init__(self, folder: Path, seal: tuple[Path, ...] = ()) -> None:
        self.out = folder / "out"
        consent = Consent(
            person="p01", scopes=frozenset(Scope), expires=datetime.now(UTC) + timedelta(hours=1)
        )
        source = {"kind": "recording", "path": "x"}
        session = {
            "person": "p01",
            "modality": "fmri",
            "source": source,
            "recorder": {"seal": [str(path) for path in seal]},
        }
        plan = Plan.model_validate(
            {
                "run": "r",
                "folder": folder,
                "mode": "live",
                "session": session,
                "nodes": ("recorder",),
                "consent": consent,
                "out": self.out,
            }
        )
        self.plan_file = plan.save()
        end = RunFolder(folder).endpoint
        self.zmq: zmq.Context[Any] = zmq.Context()
        self.control: zmq.Socket[bytes] = self.zmq.socket(zmq.ROUTER)
        self.control.linger = 0
        self.control.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self.control.bind(end("control"))
        self.push = Pusher(self.zmq, end("records"))
        self.push.socket.linger = 0
        self.seq = 0
        self.slowest_s = 0.0
        self.beat: Beat | None = None
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        self.beat = None
        process = subprocess.Popen(
            [sys.executable, "-m", "phosphene.recorder", "--plan", str(self.plan_file)]
        )
        deadline = time.monotonic() + 20
        while self.beat is None or self.beat.state == "starting":
            assert time.monotonic() < deadline, "the recorder did not get ready"
            assert process.poll() is None, "the recorder ended at its start"
            self.listen(0.1)
        return process

    def listen(self, timeout_s: float) -> None:
        if self.control.poll(int(timeout_s * 1000)):
            header = decode(self.control.recv_multipart()[1:]).header
            if isinstance(header, Beat):
                self.beat = header

    def send(self) -> bool:
        arrays = {"x": np.full(200, self.seq, np.float32)}
        now = time.monotonic()
        header = Features(
            run="r", seq=self.seq, t_acquired=now, t_sent=now, producer="acquisition",
            arrays=describe(arrays, {"x": ("feature",)}, {}), kind="fmri", index=self.seq,
            t_data=1.0, mask_hash="m", ready=True,
        )  # fmt: skip
        self.seq += 1
        sent = self.push.send(Message(header, arrays))
        self.slowest_s = max(self.slowest_s, time.monotonic() - now)
        return sent

    def stream(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.send()
            self.listen(0.01)

    def ask(self, action: str, **arguments: str) -> None:
        header = Command(
            run="r", seq=0, t_acquired=0, t_sent=0, producer="supervisor", id=action,
            action=action, arguments=arguments,
        )  # fmt: skip
        self.control.send_multipart([b"recorder", *encode(Message(header))])

    def end(self) -> int:
        self.ask("finish", exit_status="success", counts=json.dumps({"a": {"b": 1}}))
        self.ask("stop")
        code = self.process.wait(10)
        while self.control.poll(200):
            self.listen(0)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        self.push.close()
        self.control.close()
        self.zmq.term()


@pytest.fixture
def run() -> Iterator[Run]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path, closing(Run(Path(path))) as made:
        yield made


def test_a_killed_recorder_loses_at_most_half_a_second_and_its_successor_repairs(
    run: Run,
) -> None:
    run.stream(2.0)
    killed_s = time.monotonic()
    run.process.send_signal(signal.SIGKILL)
    run.process.wait(5)
    part = run.out / "recording.mcap.part"
    kept = [m for m in RecordingReader(part) if isinstance(m.header, Features)]
    assert [m.header.seq for m in kept] == list(range(len(kept))), "an exact prefix"
    assert all((m.arrays["x"] == m.header.seq).all() for m in kept)
    assert killed_s - kept[-1].header.t_sent <= 0.5
    run.process = run.start()
    run.stream(0.5)
    assert run.end() == 0
    names = sorted(p.name for p in run.out.iterdir())
    assert names == ["recording-002.mcap", "recording.mcap"]
    stop = list(read_run(run.out))[-1].header
    assert isinstance(stop, RunStop)
    assert (stop.exit_status, stop.counts) == ("success", {"a": {"b": 1}})
    seen = [m.header.seq for m in read_run(run.out) if isinstance(m.header, Features)]
    assert seen == sorted(set(seen))
    assert seen[-1] == run.seq - 1, "everything until the regular end is there"


def test_a_frozen_recorder_never_holds_up_a_live_sender_and_the_gap_is_counted(run: Run) -> None:
    run.stream(0.3)
    run.process.send_signal(signal.SIGSTOP)
    while run.push.dropped < 50:
        run.send()
    run.process.send_signal(signal.SIGCONT)
    while not run.send():
        run.listen(0.01)
    run.stream(0.3)
    assert run.slowest_s < 0.2
    assert run.end() == 0
    assert contents(run.out).missing["features"] == run.push.dropped
    assert run.beat is not None
    assert run.beat.counts["gaps"] == run.push.dropped
    assert run.beat.counts["received"] == run.seq - run.push.dropped


def test_a_signal_to_stop_still_finishes_the_file(run: Run) -> None:
    run.stream(0.3)
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(10) == 0
    (path,) = run.out.iterdir()
    assert path.name == "recording.mcap"
    assert list(read_run(path))[-1].header.exit_status == "abort"


def test_a_killed_recorder_leaves_a_sealed_prefix_that_only_the_steward_repairs() -> None:
    key = StewardKey.new()
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        folder = Path(path)
        key.save(folder / "s.key", folder / "s.pub", "correct horse battery", cost=2**4)
        run = Run(folder, (folder / "s.pub",))
        try:
            run.stream(1.5)
            killed_s = time.monotonic()
            run.process.send_signal(signal.SIGKILL)
            run.process.wait(5)
        finally:
            run.close()
        (part,) = run.out.iterdir()
        assert part.name == "recording.mcap.sealed.part"
        # what the arrays hold, and what every header says
        pattern = np.full(200, 7, np.float32).tobytes()
        assert not any(trace in part.read_bytes() for trace in (pattern, b"features", b"p01"))
        assert verify_sealed(part).state is verify_sealed(part, key).state is State.CUT
        assert recover_all(run.out) == []
        with unlocked([part], key):
            (repaired,) = recover_all(run.out)
        with unlocked([repaired.path], key):
            kept = [m for m in RecordingReader(repaired.path) if isinstance(m.header, Features)]
        assert [m.header.seq for m in kept] == list(range(len(kept))), "an exact prefix"
        assert all((m.arrays["x"] == m.header.seq).all() for m in kept)
        assert killed_s - kept[-1].header.t_sent <= 0.5
        assert verify_sealed(repaired.path).state is State.WHOLE
        assert pattern not in repaired.path.read_bytes()
