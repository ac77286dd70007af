"""The real renderer process between a pretended supervisor, decoder and recorder."""

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

import numpy as np
import psutil
import zmq

from phosphene.bus import Publisher, Puller, RunFolder
from phosphene.clock import MonotonicClock
from phosphene.consent import Consent
from phosphene.messages import FrameInfo, Message, Percept, describe
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.supervisor.control import ControlRoom
from tests.benchmarks.bench_render_stats import Stamp
from tests.benchmarks.bench_render_work import CONDITIONS, conditions

__all__ = ["RendererRig", "stamp_of"]

PERSON = "synthetic-bench"
START_LIMIT_S = 300.0


def stamp_of(info: FrameInfo) -> Stamp:
    """Take from a frame's record what the statistics need."""
    return Stamp(
        info.t_due, info.t_rendered, info.percept_seq, info.t_percept, info.state == "neutral"
    )


class RendererRig:
    """One renderer process that gets percepts and whose frames are heard.

    Parameters
    ----------
    renderer : dict
        Renderer settings.
    percepts_hz : float
        Percepts per second, at random moments (exponential pauses with that mean, cut at three
        times as long), so that they meet every phase of the frame clock.
    """

    def __init__(self, renderer: dict[str, Any], percepts_hz: float = 4.0) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="ph-bench-"))
        self.folder = RunFolder.create(uuid.uuid4().hex[:8], self.base)
        source = {"kind": "recording", "path": "unused"}
        session = {"person": PERSON, "modality": "fmri", "source": source, "renderer": renderer}
        self.plan = Plan(
            run=self.folder.path.name, folder=self.folder.path, mode="live",
            session=Session.model_validate(session), nodes=("renderer",),
            consent=Consent.for_synthetic(PERSON, datetime.now(UTC)),
        )  # fmt: skip
        self._plan_file = self.plan.save()
        self._zmq: zmq.Context[Any] = zmq.Context()
        self.clock = MonotonicClock()
        self.room = ControlRoom(self.folder, self.plan.run, self.clock)
        self._records = Puller(self._zmq, self.folder.endpoint("records"))
        self._decoder = Publisher(self._zmq, self.folder.endpoint("decoder"))
        self.infos: list[FrameInfo] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._z, self._c = conditions()
        self._rng, self._pause_s = np.random.default_rng(0), 1.0 / percepts_hz
        self._seq, self._next_s = 0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for socket in (self._records, self._decoder):
            socket.close()
        self.room.close()
        self._zmq.term()
        self.folder.remove()
        self.base.rmdir()

    def start(self) -> dict[str, float]:
        """Start the process; return seconds until it was ready, and until its first frames.

        They count from before the process is made. ``frame_s`` is the first frame of all, which is
        neutral as there is no percept yet, ``picture_s`` the first picture of a percept.
        """
        begin_s = self.clock.now()
        command = [sys.executable, "-m", "renderer", "--plan", str(self._plan_file)]
        self.process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
        self.until(lambda: self.state() == "ready", START_LIMIT_S)
        ready_s = self.clock.now()
        self.room.send("renderer", "go")
        self.until(lambda: bool(self.infos), 30)
        frame_s = self.infos[0].t_rendered
        self.until(lambda: self.infos[-1].state == "picture", 30)
        return {
            "ready_s": ready_s - begin_s,
            "frame_s": frame_s - begin_s,
            "picture_s": self.infos[-1].t_rendered - begin_s,
        }

    def state(self) -> str:
        """Return what the node's last beat says."""
        beat = self.room.beats.get("renderer")
        return "" if beat is None else beat.state

    def ask(self, **settings: str) -> tuple[bool, str, float]:
        """Set settings live; return whether it was done, the answer and how long it took."""
        begin_s = self.clock.now()
        asked = self.room.send("renderer", "set", settings)
        self.until(lambda: asked in self.room.replies, 60)
        reply = self.room.replies[asked]
        return reply.ok, reply.text, self.clock.now() - begin_s

    def let_run(self, seconds: float) -> list[Stamp]:
        """Go on for a while; return the stamps of the frames of that time."""
        begin = len(self.infos)
        end_s = self.clock.now() + seconds
        self.until(lambda: self.clock.now() >= end_s, seconds + 30)
        return [stamp_of(info) for info in self.infos[begin:]]

    def until_model_is_not(self, model: str, limit_s: float) -> None:
        """Wait for a frame of another model."""
        self.until(lambda: self.infos[-1].model != model, limit_s)

    def memory_mib(self) -> float:
        """Return the resident memory of the process."""
        assert self.process is not None
        return float(psutil.Process(self.process.pid).memory_info().rss / 2**20)

    def until(self, reached: Callable[[], bool], limit_s: float) -> None:
        """Send percepts and take in what comes until something holds."""
        end_s = time.monotonic() + limit_s
        while not reached():
            self._tick()
            code = None if self.process is None else self.process.poll()
            if code is not None:
                raise RuntimeError(f"the renderer ended with {code}: {self.said()}")
            if time.monotonic() > end_s:
                raise TimeoutError(f"the renderer: not within {limit_s} s; {self.said()}")

    def said(self) -> str:
        """Return the node's last words."""
        beat = self.room.beats.get("renderer")
        return "" if beat is None else beat.note

    def _tick(self) -> None:
        self.room.receive(0.002)
        self.infos += [m.header for m in self._records.receive() if isinstance(m.header, FrameInfo)]
        now = self.clock.now()
        if now < self._next_s or self.state() != "running":
            return
        pause_s = min(self._rng.exponential(self._pause_s), 3 * self._pause_s)
        self._next_s = now + pause_s
        self._decoder.send(self._percept(now))

    def _percept(self, now: float) -> Message:
        k, self._seq = self._seq, self._seq + 1
        arrays = {"z": self._z[k % CONDITIONS], "c": self._c[k % CONDITIONS]}
        dims = {"z": ("channel", "y", "x"), "c": ("c",)}
        header = Percept(
            run=self.plan.run, seq=k, t_acquired=now, t_sent=self.clock.now(), producer="decoder",
            arrays=describe(arrays, dims, {}), index=k, t_data=float(k), t_seen=float(k),
            t_features=now, confidence=1.0, label=None, probabilities={}, bundle="bench",
        )  # fmt: skip
        return Message(header, arrays)
