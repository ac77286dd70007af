"""A small recorded run for tests of the replay panel and of the page after a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from phosphene.messages import (
    Event,
    Frame,
    Grant,
    Message,
    Percept,
    Quality,
    RunStart,
    RunStop,
    View,
    describe,
    encode,
)
from phosphene.recorder.writer import RecordingFile
from phosphene.seal.keys import StewardKey
from phosphene.seal.writer import Seal
from phosphene.stimuli import Scene
from phosphene.stimuli.scene import sample_scene

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ZERO_S = 500.0
TR_S = 2.0
STEPS = 12
ALL = "view_self view_operator view_observer record_brain record_images export"
LABELS = ("face", "house")


def flat(value: int) -> npt.NDArray[np.uint8]:
    """Return a grey picture, which JPEG keeps."""
    return np.full((64, 64, 3), value, np.uint8)


def grey_of(step: int) -> int:
    """Return the grey of the picture that the percept of a step is painted as."""
    return 20 + 15 * step


def scene_of(label: str) -> Scene:
    """Return a scene of a category."""
    return sample_scene(np.random.default_rng(0), label)


def facts_with(scopes: str = ALL, **more: str) -> dict[str, str]:
    """Return the facts of a start document."""
    until = (NOW + timedelta(days=30)).isoformat()
    return {
        "consent_person": "p01", "consent_scopes": scopes, "consent_expires": until,
        "consent_id": "0" * 32, "level_operator": "4", "level_self": "4", "level_observer": "0",
        "speed": "1", "fps": "1", "bundle": "b" * 64, "record_images": "true", "visit": "v01",
    } | more  # fmt: skip


def stamped(kind: type, t: float, seq: int, producer: str, **fields: Any) -> Any:
    """Return a header, sent `t` seconds after the run's begin."""
    at = {"t_acquired": ZERO_S + t, "t_sent": ZERO_S + t}
    return kind(run="run-1", seq=seq, producer=producer, **at, **fields)


def start_of_run(**facts: Any) -> Message:
    """Return the start document."""
    fields = {"person": "p01", "mode": "pilot", "modality": "fmri", "t_wall": NOW.timestamp()}
    return Message(stamped(RunStart, 0.0, 0, "recorder", facts=facts_with(**facts), **fields))


def percept(step: int, label: str | None = None) -> Message:
    """Return what was decoded at a step: faces and houses in turn."""
    arrays = {"c": np.zeros(4, np.float32)}
    specs = describe(arrays, {"c": ("feature",)}, {})
    t = TR_S * (step + 1)
    header = stamped(
        Percept, t + 0.1, step, "decoder", arrays=specs, index=step, t_data=t, t_seen=t - 1.0,
        t_features=ZERO_S + t, confidence=0.05 * (step + 1), label=label or LABELS[step % 2],
        probabilities={"face": 0.5, "house": 0.5}, bundle="b",
    )  # fmt: skip
    return Message(header, arrays)


def frame(step: int, picture: npt.NDArray[np.uint8]) -> Message:
    """Return the frame that shows the percept of a step."""
    arrays = {"picture": picture}
    specs = describe(arrays, {"picture": ("y", "x", "rgb")}, {})
    t = TR_S * (step + 1)
    header = stamped(
        Frame, t + 0.2, step, "gate", arrays=specs, t_due=ZERO_S + t, t_rendered=ZERO_S + t + 0.15,
        late=False, skipped=0, render_ms=1.0, state="picture", percept_seq=step,
        percept_index=step, confidence=0.5, age_s=0.1, t_percept=ZERO_S + t + 0.1, seed=0,
        model="m", sink="recorder",
    )  # fmt: skip
    return Message(header, arrays)


def view(t: float, seq: int, sink: str, why: str = "") -> Message:
    """Return what the gate says of a view."""
    return Message(stamped(View, t, seq, "gate", sink=sink, passing=not why, reason=why, passed=0))


def run_messages(labels: Sequence[str] | None = None, **facts: Any) -> list[Message]:
    """Return a run of `STEPS` volumes, a spell of blank from 9 to 13 s, and one marker at 7 s."""
    made = [start_of_run(**facts), view(0.0, 0, "operator"), view(0.0, 1, "self")]
    scopes = tuple(made[0].header.facts["consent_scopes"].split())
    granted = {"person": "p01", "scopes": scopes, "decode": True, "reason": ""}
    made.append(Message(stamped(Grant, 0.0, 0, "gate", **granted)))
    for step in range(STEPS):
        t = TR_S * (step + 1)
        if step % 4 == 0:
            scene = msgspec.json.encode(scene_of(LABELS[step // 4 % 2])).decode()
            onset = {"t_data": TR_S * step, "label": LABELS[step // 4 % 2], "stream": "stimuli"}
            made.append(Message(stamped(Event, TR_S * step, step, "bridge", detail=scene, **onset)))
        values = {"fd_mm": 0.1 * step, "fd_low_mm": 0.2, "fd_high_mm": 0.5}
        made.append(Message(
            stamped(Quality, t, step, "acquisition", index=step, t_data=t, values=values)
        ))  # fmt: skip
        if step == 3:
            own = {"t_data": 7.0, "label": "coughed", "stream": "markers"}
            made.append(Message(stamped(Event, 7.0, 0, "gate", **own)))
        if step == 4:
            made += [view(9.0, 2, "operator", "the operator's blank"),
                     view(13.0, 3, "operator")]  # fmt: skip
        made.append(percept(step, labels[step] if labels else None))
        made.append(frame(step, flat(grey_of(step))))
    counts = {"renderer": {"frames": STEPS, "frames_late": 1}}
    end = {"exit_status": "success", "reason": "the end", "interrupted": False, "counts": counts}
    made.append(Message(stamped(RunStop, TR_S * STEPS + 1, 0, "recorder", **end)))
    return made


def write(folder: Path, messages: list[Message], key: StewardKey | None = None) -> Path:
    """Write a finished recording; with a key sealed to it."""
    folder.mkdir(parents=True, exist_ok=True)
    seal = None if key is None else Seal((key.public,), "run-1", 1, NOW, NOW + timedelta(days=30))
    name = "recording.mcap" + ("" if key is None else ".sealed") + ".part"
    file = RecordingFile(folder / name, seal=seal)
    for number, message in enumerate(messages):
        file.add(message, encode(message))
        if number % 7 == 6:
            file.flush()
    return file.finish()
