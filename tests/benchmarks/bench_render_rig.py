"""The real renderer process between a pretended supervisor, decoder and recorder."""

from __future__ import annotations

from typing import Any

import numpy as np

from phosphene.bus import Publisher, Puller
from phosphene.messages import FrameInfo, Message, Percept, describe
from tests.benchmarks.bench_render_stats import Stamp
from tests.benchmarks.bench_render_work import CONDITIONS, conditions
from tests.benchmarks.bench_rig import Rig

__all__ = ["RendererRig", "stamp_of"]

START_LIMIT_S = 300.0


def stamp_of(info: FrameInfo) -> Stamp:
    """Take from a frame's record what the statistics need."""
    return Stamp(
        info.t_due, info.t_rendered, info.percept_seq, info.t_percept, info.state == "neutral"
    )


class RendererRig(Rig):
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
        super().__init__("renderer", "live", ("renderer",), {"renderer": renderer})
        self._records = Puller(self._zmq, self.folder.endpoint("records"))
        self._decoder = Publisher(self._zmq, self.folder.endpoint("decoder"))
        self.infos: list[FrameInfo] = []
        self._z, self._c = conditions()
        self._rng, self._pause_s = np.random.default_rng(0), 1.0 / percepts_hz
        self._seq, self._next_s = 0, 0.0

    def start(self) -> dict[str, float]:
        """Start the process; return seconds until it was ready, and until its first frames.

        They count from before the process is made. ``frame_s`` is the first frame of all, which is
        neutral as there is no percept yet, ``picture_s`` the first picture of a percept.
        """
        begin_s = self.clock.now()
        self.begin("renderer")
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

    def ask(self, **settings: str) -> tuple[bool, str, float]:
        """Set settings live; return whether it was done, the answer and how long it took."""
        begin_s = self.clock.now()
        asked = self.room.send("renderer", "set", settings)
        self.until(lambda: asked in self.room.replies, 60)
        reply = self.room.replies[asked]
        return reply.ok, reply.text, self.clock.now() - begin_s

    def stamps(self, seconds: float) -> list[Stamp]:
        """Go on for a while; return the stamps of the frames of that time."""
        begin = len(self.infos)
        self.let_run(seconds)
        return [stamp_of(info) for info in self.infos[begin:]]

    def until_model_is_not(self, model: str, limit_s: float) -> None:
        """Wait for a frame of another model."""
        self.until(lambda: self.infos[-1].model != model, limit_s)

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
