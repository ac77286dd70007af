"""One real process of a run, between others that are played: what its benchmarks share."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil
import zmq

from phosphene.bus import RunFolder
from phosphene.clock import MonotonicClock
from phosphene.closing import Closing
from phosphene.consent import Consent
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.supervisor.control import ControlRoom

__all__ = ["PERSON", "Rig"]

PERSON = "synthetic-bench"


class Rig(Closing, ABC):
    """One process that is watched, with a run's folder and control around it.

    Parameters
    ----------
    node : str
        Name of its node.
    mode : str
        Mode of the run.
    nodes : sequence of str
        All nodes of the run.
    session : mapping
        What the session says besides person, modality and source.
    """

    def __init__(
        self,
        node: str,
        mode: Literal["live", "pilot"],
        nodes: Sequence[str],
        session: Mapping[str, Any],
    ) -> None:
        self._node = node
        self.base = Path(tempfile.mkdtemp(prefix="ph-bench-"))
        self.folder = RunFolder.create(uuid.uuid4().hex[:8], self.base)
        source = {"kind": "recording", "path": "unused"}
        facts = {"person": PERSON, "modality": "fmri", "source": source, **session}
        self.plan = Plan(
            run=self.folder.path.name, folder=self.folder.path, mode=mode,
            session=Session.model_validate(facts), nodes=tuple(nodes),
            consent=Consent.for_synthetic(PERSON, datetime.now(UTC)),
        )  # fmt: skip
        self._plan_file = self.plan.save()
        self._zmq: zmq.Context[Any] = zmq.Context()
        self.clock = MonotonicClock()
        self.room = ControlRoom(self.folder, self.plan.run, self.clock)
        self._process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End the process and leave nothing behind."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.room.close()
        self._zmq.destroy(linger=0)  # with its sockets
        self.folder.remove()
        self.base.rmdir()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, once it is begun."""
        if self._process is None:
            raise RuntimeError(f"{self._node} was not started")
        return self._process

    def begin(self, module: str, arguments: Sequence[str] = (), **environment: str) -> None:
        """Begin the process, with one thread for each library."""
        command = [sys.executable, "-m", module, "--plan", str(self._plan_file), *arguments]
        env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        self._process = subprocess.Popen(command, env=env)

    def state(self) -> str:
        """Return what the node's last beat says."""
        beat = self.room.beats.get(self._node)
        return "" if beat is None else beat.state

    def said(self) -> str:
        """Return the node's last words."""
        beat = self.room.beats.get(self._node)
        return "" if beat is None else beat.note

    def memory_mib(self) -> float:
        """Return the resident memory of the process."""
        return float(psutil.Process(self.process.pid).memory_info().rss / 2**20)

    def until(self, reached: Callable[[], bool], limit_s: float) -> None:
        """Play everybody else until something holds."""
        end_s = time.monotonic() + limit_s
        while not reached():
            self._tick()
            code = None if self._process is None else self._process.poll()
            if code is not None:
                raise RuntimeError(f"{self._node} ended with {code}: {self.said()}")
            if time.monotonic() > end_s:
                raise TimeoutError(f"{self._node}: not within {limit_s} s; {self.said()}")

    def let_run(self, seconds: float) -> None:
        """Play everybody else for a while."""
        end_s = self.clock.now() + seconds
        self.until(lambda: self.clock.now() >= end_s, seconds + 30)

    @abstractmethod
    def _tick(self) -> None:
        """Play one turn."""
