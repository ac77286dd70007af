"""What tests of reports share: the messages of a run, its files, its report."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from phosphene.messages import (
    Event,
    Features,
    Frame,
    FrameInfo,
    Message,
    Painting,
    Percept,
    Quality,
    RunStart,
    RunStop,
    describe,
    encode,
)
from phosphene.recorder.writer import RecordingFile
from phosphene.report import build
from phosphene.stimuli import CATEGORIES, Programme, draw, embed, make_programme

DELAY_S = 5.0
PROGRAMME = make_programme(3, 6, clip_s=4.0, rest_s=1.0, lead_in_s=1.0)


class Script:
    """Makes the messages of a run whose decoder is right up to some noise."""

    def __init__(self, programme: Programme, noise: float = 0.3, fps: float = 4.0) -> None:
        self.programme, self.noise, self.fps = programme, noise, fps
        self.rng = np.random.default_rng(1)
        self.seq: dict[str, int] = {}

    def head(self, producer: str, kind: str, t_sent: float, t_acquired: float) -> dict[str, Any]:
        key = producer + kind
        self.seq[key] = self.seq.get(key, -1) + 1
        return {
            "run": "r1",
            "seq": self.seq[key],
            "t_acquired": t_acquired,
            "t_sent": t_sent,
            "producer": producer,
        }

    def start(self, **facts: str) -> Message:
        known = {"fps": str(self.fps), "speed": "1", "consent_scopes": "record_brain record_images"}
        return Message(
            RunStart(
                **self.head("recorder", "start", 99.0, 99.0), person="p01", mode="pilot",
                modality="fmri", t_wall=0.0, facts=known | facts,
            )
        )  # fmt: skip

    def stop(self, **facts: Any) -> Message:
        known: dict[str, Any] = {"exit_status": "success", "reason": "the end", "counts": {}}
        known |= {"interrupted": False} | facts
        return Message(RunStop(**self.head("recorder", "stop", 999.0, 999.0), **known))

    def events(self) -> Iterable[Message]:
        for block in self.programme.blocks:
            at = 100.0 + block.onset_s
            detail = msgspec.json.encode(block.clip).decode()
            yield Message(
                Event(
                    **self.head("acquisition", "event", at, at), t_data=block.onset_s,
                    label=block.clip.start.category, stream="s", detail=detail,
                )
            )  # fmt: skip

    def volume(self, k: int) -> Iterable[Message]:
        """Everything that one volume causes: quality, features, percept, frames."""
        at = 100.0 + k
        values = {"fd_mm": 0.1 + 0.01 * (k % 5), "dvars_psc": 1.0, "motion_x_mm": 0.01 * k,
                  "pitch_deg": 0.1, "tsnr": 60.0, "roi_ffa_psc": float(np.sin(k))}  # fmt: skip
        stamp = self.head("acquisition", "quality", at + 0.02, at)
        yield Message(Quality(**stamp, index=k, t_data=float(k), values=values))
        x = {"x": np.zeros(5, np.float32)}
        yield Message(
            Features(
                **self.head("acquisition", "features", at + 0.02, at),
                arrays=describe(x, {"x": ("feature",)}, {}), kind="fmri", index=k,
                t_data=float(k), mask_hash="m", ready=True,
            ), x,
        )  # fmt: skip
        yield from self.percept(k, at)

    def percept(self, k: int, at: float) -> Iterable[Message]:
        t_seen = k - DELAY_S
        scene = self.programme.scene_at(t_seen)
        c = embed(scene) if scene else np.zeros(17, np.float32)
        c = (c + self.noise * self.rng.standard_normal(17)).astype(np.float32)
        odds = np.exp(3 * np.clip(c[:8], -9, 9))
        p = odds / odds.sum()
        arrays = {"c": c}
        sent = at + 0.05
        header = Percept(
            **self.head("decoder", "percept", sent, at),
            arrays=describe(arrays, {"c": ("c",)}, {}), index=k, t_data=float(k), t_seen=t_seen,
            t_features=at + 0.02, confidence=float(p.max()), label=CATEGORIES[int(p.argmax())],
            probabilities=dict(zip(CATEGORIES, map(float, p), strict=True)), bundle="b" * 64,
        )  # fmt: skip
        yield Message(header, arrays)
        picture = draw(scene) if scene else np.full((64, 64, 3), 128, np.uint8)
        noise = 60 * self.noise * self.rng.standard_normal(picture.shape)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
        for n in range(int(self.fps)):
            due = sent + 0.01 + n / self.fps
            yield from self.frame(header, picture, due, at)

    def frame(
        self, percept: Percept, picture: np.ndarray, due: float, at: float
    ) -> Iterable[Message]:
        facts: dict[str, Any] = {
            "t_due": due, "t_rendered": due + 0.001, "late": False, "skipped": 0, "render_ms": 5.0,
            "state": "picture", "percept_seq": percept.seq, "percept_index": percept.index,
            "confidence": percept.confidence, "age_s": 0.1, "t_percept": percept.t_sent, "seed": 0,
            "model": "m",
        }  # fmt: skip
        yield Message(FrameInfo(**self.head("renderer", "frameinfo", due + 0.001, at), **facts))
        arrays = {"picture": picture}
        specs = describe(arrays, {"picture": ("y", "x", "rgb")}, {})
        stamp = self.head("renderer", "frame", due + 0.002, at)
        yield Message(Frame(**stamp, arrays=specs, **facts, sink="recorder"), arrays)

    def all(self) -> list[Message]:
        messages = [self.start(), *self.events()]
        for k in range(int(self.programme.duration_s + DELAY_S)):
            messages += self.volume(k)
        return [*messages, *self.paintings(), self.stop()]

    def paintings(self) -> Iterable[Message]:
        """The renderer's word at the start, and when its path was changed."""
        for t_s, path in ((100.5, "smooth"), (110.5, "hold")):
            told = {"model": "world-64", "path": path, "precision": "fp32", "mode": "zc"}
            yield Message(
                Painting(**self.head("renderer", "painting", t_s, t_s), model="world-64",
                         weights="ab" * 8, engine="ONNX Runtime 1", size_px=64, settings=told)
            )  # fmt: skip


def write(out: Path, messages: Iterable[Message], name: str = "recording.mcap.part") -> Path:
    out.mkdir(exist_ok=True)
    file = RecordingFile(out / name)
    for message in messages:
        file.add(message, encode(message))
    return file.finish()


def report(out: Path, *arguments: Any) -> dict[str, Any]:
    assert build(out, *arguments) == out / "report.html"
    loaded: dict[str, Any] = json.loads((out / "report.json").read_text())
    return loaded


@functools.cache
def whole_run() -> tuple[Message, ...]:
    """All messages of one run; made once, for they never change."""
    return tuple(Script(PROGRAMME).all())


def without(kinds: tuple[type, ...]) -> Callable[[Message], bool]:
    return lambda message: not isinstance(message.header, kinds)
