"""Everybody around the operator's window, played by one process: the gate above all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import zmq

from phosphene import quality
from phosphene.bus import Publisher, Puller
from phosphene.messages import (
    Beat,
    Event,
    Features,
    Frame,
    Grant,
    Message,
    Percept,
    Quality,
    Regions,
    Reply,
    StatMap,
    View,
    decode,
    describe,
    encode,
    topic_of,
)
from tests.benchmarks.bench_rig import PERSON, Rig

__all__ = ["FPS", "SIDE_PX", "STAMP_BYTES", "Stage", "stamp_in"]

FPS, SIDE_PX, TR_S = 30.0, 512, 1.0
HISTORY = 240
STAMP_BYTES = 8
"""The first pixels of a frame hold the moment it was sent, as a float64."""
NODES = ("bridge", "acquisition", "decoder", "renderer", "gate", "recorder", "supervisor")
START_LIMIT_S = 60.0
ROIS = ("V1", "V2", "V4", "FFA", "PPA", "LOC")
GRID = (64, 64, 24)
AFFINE = (3.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 1.0)
SOCKETS = ("grants", "view-operator", "view-self")

Picture = npt.NDArray[np.uint8]


def stamp_in(picture: Picture) -> float:
    """Return when a frame was sent (LSL clock, seconds), from its first pixels."""
    return float(np.frombuffer(picture.reshape(-1)[:STAMP_BYTES].tobytes(), np.float64)[0])


class Stage(Rig):
    """Runs one window process and sends it all that a run sends.

    Parameters
    ----------
    module : str
        What is started: ``gui``, or a module that starts it and looks on.
    arguments : list of str
        Further arguments of that module.
    """

    def __init__(self, module: str = "gui", arguments: list[str] | None = None) -> None:
        nodes = (*NODES[:-1], "gui")
        super().__init__("gui", "pilot", nodes, {"decoder": {"bundle": "unused"}})
        self._module, self._arguments = module, arguments or []
        self._bonds = Puller(self._zmq, self.folder.endpoint("bonds"))
        self._out = {n: Publisher(self._zmq, self.folder.endpoint(n)) for n in SOCKETS}
        self._desk: zmq.Socket[bytes] = self._zmq.socket(zmq.ROUTER)
        self._desk.linger = 0
        self._desk.bind(self.folder.endpoint("gate-control"))
        self.passing, self.reason = True, ""
        self.frames = 0
        self._rng = np.random.default_rng(0)
        small = self._rng.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
        self._pictures = small.repeat(SIDE_PX // 16, axis=1).repeat(SIDE_PX // 16, axis=2)
        self._seq: dict[tuple[bytes, str], int] = {}
        self._due = {"volume": np.inf}
        self._volume = 0

    def start(self) -> None:
        """Start the window, give it four minutes of a run's past, and let it settle."""
        self.begin(self._module, self._arguments, QT_QPA_PLATFORM="offscreen")
        self.until(lambda: self.state() == "ready", START_LIMIT_S)
        self.room.send("gui", "go")
        self.until(lambda: self.state() == "running", START_LIMIT_S)
        for _ in range(HISTORY):
            self._send_volume()
            self.let_run(0.005)
        self._due["volume"] = self.clock.now()

    def blank(self, reason: str = "stopped by the participant") -> float:
        """Take every picture away; return when that was sent."""
        self.passing, self.reason = False, reason
        now = self.clock.now()
        self._send_views()
        return now

    def unblank(self) -> None:
        """Let pictures pass again."""
        self.passing, self.reason = True, ""
        self._send_views()

    # ---- what is sent --------------------------------------------------------------------------

    def _tick(self) -> None:
        self.room.receive(0.001)
        for _ in self._bonds.receive():
            pass
        self._answer()
        for name, every_s, send in (
            ("frame", 1 / FPS, self._send_frame), ("view", 0.1, self._send_views),
            ("grant", 0.25, self._send_grant), ("beat", 0.5, self._send_beats),
            ("volume", TR_S, self._send_volume),
        ):  # fmt: skip
            now = self.clock.now()
            due_s = self._due.setdefault(name, now)
            if now >= due_s:
                self._due[name] = max(due_s + every_s, now - every_s)
                send()

    def _answer(self) -> None:
        while self._desk.poll(0):
            identity, *frames = self._desk.recv_multipart()
            asked = decode(frames).header
            reply = self._message(Reply, "gate", id=asked.id, ok=True, text="done")
            self._desk.send_multipart([identity, *encode(reply)])

    def _message(
        self, kind: Callable[..., Any], producer: str, arrays: dict[str, Any] | None = None,
        dims: dict[str, tuple[str, ...]] | None = None, /, **fields: Any,
    ) -> Message:  # fmt: skip
        key = (topic_of(kind), str(fields.get("sink", producer)))
        seq = self._seq[key] = self._seq.get(key, -1) + 1
        now, held = self.clock.now(), arrays or {}
        header = kind(
            run=self.plan.run, seq=seq, t_acquired=now, t_sent=now, producer=producer,
            arrays=describe(held, dims or {}, {}), **fields,
        )  # fmt: skip
        return Message(header, held)

    def _send_frame(self) -> None:
        if not self.passing or self.state() != "running":
            return
        self.frames += 1
        for sink in ("operator", "self"):
            picture = self._pictures[self.frames % len(self._pictures)].copy()
            now = self.clock.now()
            stamp = np.frombuffer(np.float64(now).tobytes(), np.uint8)
            picture.reshape(-1)[:STAMP_BYTES] = stamp
            message = self._message(
                Frame, "gate", {"picture": picture}, {"picture": ("height", "width", "colour")},
                t_due=now, t_rendered=now, late=False, skipped=0, render_ms=12.0, state="picture",
                percept_seq=self._volume, percept_index=self._volume, confidence=0.6, age_s=0.4,
                t_percept=now, seed=1, model="bench", sink=sink, level=4,
            )  # fmt: skip
            self._out[f"view-{sink}"].send(message)

    def _send_views(self) -> None:
        for sink in ("operator", "self"):
            self._out[f"view-{sink}"].send(self._message(
                View, "gate", sink=sink, passing=self.passing, reason=self.reason,
                passed=self.frames, phase="running" if self.passing else "stopped",
            ))  # fmt: skip

    def _send_grant(self) -> None:
        assert self.plan.consent is not None
        scopes = tuple(scope.value for scope in self.plan.consent.scopes)
        self._out["grants"].send(self._message(
            Grant, "gate", person=PERSON, scopes=scopes, decode=self.passing, reason=self.reason,
            phase="running" if self.passing else "stopped",
        ))  # fmt: skip

    def _send_beats(self) -> None:
        for name in NODES:
            counts = {"recorded_bytes": self.frames} if name == "recorder" else {}
            beat = self._message(Beat, name, pid=1, state="running", counts=counts)
            self._out["grants"].send(beat)

    def _send_volume(self) -> None:
        k, self._volume = self._volume, self._volume + 1
        t_data, chance = k * TR_S, self._rng.standard_normal
        values = {name: 0.1 * float(chance()) for name in quality.MOTION}
        values |= {quality.FD: abs(0.2 * float(chance())),
                   quality.DVARS: 1.0 + 0.2 * float(chance()),
                   quality.FD_LOW: 0.2, quality.FD_HIGH: 0.5, quality.TSNR: 60.0,
                   quality.DRIFT: 0.1, quality.TR_ANNOUNCED: TR_S, quality.TR_MEASURED: TR_S,
                   quality.VOLUMES: float(k + 1)}  # fmt: skip
        values |= {quality.region_key(roi): float(chance()) for roi in ROIS}
        send = self._out["view-operator"].send
        if k == 0:
            send(self._regions())
        if k % 8 == 0:
            label = ("face", "house", "cat", "rest")[k // 8 % 4]
            event = {"t_data": t_data, "label": label, "stream": "markers", "duration_s": 8.0}
            send(self._message(Event, "acquisition", **event))
        x = {"x": chance(500).astype(np.float32)}
        send(self._message(
            Features, "acquisition", x, {"x": ("voxel",)}, kind="fmri", index=k, t_data=t_data,
            mask_hash="m", ready=True,
        ))  # fmt: skip
        send(self._message(Quality, "acquisition", index=k, t_data=t_data, values=values))
        if k >= HISTORY or k % 60 == 0:
            send(self._map(k, t_data))
        send(self._message(
            Percept, "decoder", {"c": chance(24).astype(np.float32)}, {"c": ("c",)}, index=k,
            t_data=t_data, t_seen=t_data - 5, t_features=self.clock.now(), label="face",
            confidence=float(self._rng.random()), probabilities={"face": 0.6, "house": 0.4},
            bundle="bench",
        ))  # fmt: skip

    def _map(self, k: int, t_data: float) -> Message:
        x, y, z = np.ogrid[: GRID[0], : GRID[1], : GRID[2]]
        inside = ((x - 32) / 24) ** 2 + ((y - 32) / 28) ** 2 + ((z - 12) / 10) ** 2 < 1
        t = np.where(inside, 3 * self._rng.standard_normal(GRID), 0).astype(np.float32)
        grey = np.where(inside, 160, 20).astype(np.uint8)
        axes = ("x", "y", "z")
        return self._message(
            StatMap, "acquisition", {"t": t, "underlay": grey}, {"t": axes, "underlay": axes},
            index=k, t_data=t_data, contrast="face - house", dof=100.0,
            affine=AFFINE,
        )  # fmt: skip

    def _regions(self) -> Message:
        labels = np.zeros(GRID, np.uint8)
        for k in range(len(ROIS)):
            labels[20 + 4 * k : 24 + 4 * k, 20:28, 8:14] = k + 1
        axes = ("x", "y", "z")
        return self._message(
            Regions, "acquisition", {"underlay": labels * 20, "labels": labels},
            {"underlay": axes, "labels": axes}, names=ROIS, how="for the benchmark",
            affine=AFFINE,
        )  # fmt: skip
