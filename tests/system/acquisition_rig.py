"""Real bridge and acquisition processes between a pretended supervisor, decoder and recorder."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import nibabel as nib
import numpy as np
import zmq

from phosphene.bus import Puller, Pusher, RunFolder, Subscriber
from phosphene.clock import MonotonicClock
from phosphene.consent import Consent
from phosphene.messages import Credit, Message
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.supervisor.control import ControlRoom

MODULES = {"bridge": "acquisition.bridge", "acquisition": "acquisition"}


def write_run(folder: Path, volumes: int, tr_s: float, seed: int = 0) -> Path:
    """Write a small 4-D NIfTI with a bright ball in noise, and its events."""
    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in (16, 18, 10)], indexing="ij"))
    ball = np.where((at**2).sum(axis=0) < 0.6, 800.0, 20.0)[..., None]
    data = ball + rng.normal(0, 8, (*ball.shape[:3], volumes))
    image = nib.Nifti1Image(data.astype(np.int16), np.diag([3.0, 3.0, 4.0, 1.0]))
    image.header.set_zooms((3.0, 3.0, 4.0, tr_s))
    image.header.set_xyzt_units("mm", "sec")
    path = folder / "run_bold.nii.gz"
    nib.save(image, path)
    rows = [f"{k * 4 * tr_s:.6f}\t{2 * tr_s:.6f}\t{'face' if k % 2 else 'house'}" for k in range(4)]
    (folder / "run_events.tsv").write_text("\n".join(["onset\tduration\ttrial_type", *rows]) + "\n")
    return path


class Rig:
    """One run."""

    def __init__(self, session: dict[str, Any], **plan: Any) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="ph-rig-"))
        self.folder = RunFolder.create(uuid.uuid4().hex[:8], self.base)
        run = self.folder.path.name
        nodes = ("recorder", "decoder", "acquisition", "bridge")
        consent = Consent.for_synthetic(session["person"], datetime.now(UTC))
        self.plan = Plan(
            run=run,
            folder=self.folder.path,
            session=Session.model_validate(session),
            lsl_session=f"test-{uuid.uuid4().hex[:8]}",
            **{"mode": "replay", "consent": consent, "nodes": nodes, **plan},
        )
        self.plan_file = self.plan.save()
        self.zmq: zmq.Context[Any] = zmq.Context()
        self.clock = MonotonicClock()
        self.room = ControlRoom(self.folder, run, self.clock)
        self.records = Puller(self.zmq, self.folder.endpoint("records"))
        where = [self.folder.endpoint("acquisition")]
        self.ears = Subscriber(self.zmq, where, [b"features", b"quality", b"event"])
        self.acks = Pusher(self.zmq, self.folder.endpoint("acks"))
        self.heard: list[Message] = []
        self.recorded: list[Message] = []
        self.acknowledge = True
        self.epoch = "1"
        self._acked = 0
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for socket in (self.records, self.ears, self.acks):
            socket.close()
        self.room.close()
        self.zmq.term()
        self.folder.remove()
        self.base.rmdir()

    def start(self, *names: str) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        for name in names:
            command = [sys.executable, "-m", MODULES[name], "--plan", str(self.plan_file)]
            self.room.beats.pop(name, None)
            self.processes[name] = subprocess.Popen(command, env=environment)

    def go(self, *names: str, timeout_s: float = 40.0) -> None:
        for name in names:
            pid = self.processes[name].pid
            self.until(
                lambda n=name, p=pid: (
                    n in self.room.beats
                    and self.room.beats[n].pid == p
                    and self.room.beats[n].state == "ready"
                ),
                timeout_s,
            )
        for name in names:
            self.room.send(name, "go")

    def tick(self) -> None:
        """Do the work of supervisor, decoder and recorder once."""
        self.room.receive(0.005)
        self.heard.extend(self.ears.receive())
        self.recorded.extend(self.records.receive())
        reached = max((m.header.seq + 1 for m in self.features()), default=0)
        if self.acknowledge and reached != self._acked:
            self._acked = reached
            now = self.clock.now()
            credit = Credit(
                run=self.plan.run, seq=0, t_acquired=now, t_sent=now, producer="decoder",
                stream="features", count=reached, epoch=self.epoch,
            )  # fmt: skip
            self.acks.send(Message(credit))

    def tick_quietly(self) -> None:
        """Take in what comes without waiting and without keeping it."""
        self.room.receive(0.0)
        for socket in (self.records, self.ears):
            for _ in socket.receive():
                pass

    def until(self, reached: Callable[[], bool], timeout_s: float = 30.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not reached():
            self.tick()
            for name, process in self.processes.items():
                code = process.poll()
                assert code is None, f"{name} ended with {code}: {self.note(name)}"
            assert time.monotonic() < deadline, {
                n: (b.state, b.note, dict(b.counts)) for n, b in self.room.beats.items()
            }

    def note(self, name: str) -> str:
        beat = self.room.beats.get(name)
        return "" if beat is None else beat.note

    def count(self, node: str, name: str) -> int:
        beat = self.room.beats.get(node)
        return 0 if beat is None else beat.counts.get(name, 0)

    def done(self, *names: str) -> bool:
        return all(n in self.room.beats and self.room.beats[n].state == "done" for n in names)

    def features(self) -> list[Message]:
        return [m for m in self.heard if m.header.__struct_config__.tag == "features"]

    def events(self) -> list[Message]:
        return [m for m in self.heard if m.header.__struct_config__.tag == "event"]

    def of(self, tag: str) -> list[Message]:
        return [m for m in self.recorded if m.header.__struct_config__.tag == tag]


def bits(messages: list[Message]) -> list[tuple[int, float, bytes]]:
    return [(m.header.index, m.header.t_data, m.arrays["x"].tobytes()) for m in messages]
