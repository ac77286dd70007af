"""Everything the report needs from a run's recordings, read once; pictures stay on the disk."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phosphene.messages import (
    Beat,
    Event,
    Features,
    Frame,
    FrameInfo,
    Grant,
    Message,
    Percept,
    Quality,
    Regions,
    RunStart,
    RunStop,
    Samples,
    StatMap,
    View,
    Volume,
    topic_of,
)
from phosphene.recorder.gaps import GapWatch
from phosphene.recorder.reader import RecordingReader, parts_of

__all__ = ["RunData", "frames_of", "load"]


@dataclass
class RunData:
    """One run as recorded.

    Attributes
    ----------
    parts : list of Path
        Its files, in order.
    start : RunStart or None
        First start document.
    stop : RunStop or None
        Stop document of the last file.
    percepts : list of Message
        With their arrays.
    frameinfos : list of FrameInfo
        Facts of every frame rendered.
    frames : list of Frame
        Headers of the frames whose pictures were recorded.
    topics, missing : Counter
        Messages, and missing numbers, of each topic.
    shape : tuple of int
        Voxels of a recorded volume; empty where none was recorded.
    notes : Counter
        How often each node's sentence was in a recorded beat, in order of appearance.
    regions : Message or None
        Where the regions lie.
    maps : list of Message
        Statistical maps of the whole run, the newest of each contrast.
    """

    parts: list[Path]
    start: RunStart | None = None
    stop: RunStop | None = None
    percepts: list[Message] = field(default_factory=list)
    features: list[Features] = field(default_factory=list)
    qualities: list[Quality] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    frameinfos: list[FrameInfo] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    scopes: set[str] = field(default_factory=set)
    volumes: set[int] = field(default_factory=set)
    shape: tuple[int, ...] = ()
    notes: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: int = 0
    regions: Message | None = None
    maps: list[Message] = field(default_factory=list)
    topics: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    beats: dict[tuple[str, int], Beat] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)
    first_s: float = math.inf
    last_s: float = -math.inf

    @property
    def facts(self) -> dict[str, str]:
        """Facts of the start document."""
        return {} if self.start is None else self.start.facts

    @property
    def fps(self) -> float | None:
        """Frames per second that were asked for; None at full speed, where frames follow data."""
        try:
            return None if self.facts.get("speed") == "max" else float(self.facts["fps"])
        except (KeyError, ValueError):
            return None

    @property
    def consented(self) -> set[str]:
        """Consent scopes that were told at the start or held at some time."""
        return self.scopes | set(self.facts.get("consent_scopes", "").split())

    def counters(self) -> dict[str, dict[str, int]]:
        """Return each node's counters: from the stop document, or summed over its last beats."""
        if self.stop is not None and self.stop.counts:
            return self.stop.counts
        total: dict[str, Counter[str]] = {}
        for (node, _), beat in self.beats.items():
            total.setdefault(node, Counter()).update(beat.counts)
        return {node: dict(counts) for node, counts in total.items()}


def load(out: Path, run: str | None = None) -> RunData:
    """Read a run.

    Parameters
    ----------
    out : Path
        Folder with its recordings, or one file.
    run : str or None
        Identifier; None takes the newest.

    Raises
    ------
    RecordingError
        If there is no recording.
    """
    data = RunData(parts_of(out, run))
    watch = GapWatch()
    for path in data.parts:
        reader = RecordingReader(path, pictures=False)
        data.stop = None
        for message in reader:
            watch.see(message.header)
            _take(data, message)
        if reader.ending.damage:
            data.damage.append(f"{path.name}: {reader.ending.damage}")
    data.missing = watch.missing
    return data


def _take(data: RunData, message: Message) -> None:
    header: Any = message.header
    data.topics[topic_of(header).decode()] += 1
    data.first_s, data.last_s = min(data.first_s, header.t_sent), max(data.last_s, header.t_sent)
    match header:
        case Percept():
            data.percepts.append(message)
        case Features():
            data.features.append(header)
        case Quality():
            data.qualities.append(header)
        case Event():
            data.events.append(header)
        case Frame():
            data.frames.append(header)
        case FrameInfo():
            data.frameinfos.append(header)
        case View():
            data.views.append(header)
        case Volume():
            data.volumes.add(header.index)
            data.shape = header.arrays[0].shape if header.arrays else data.shape
        case Regions():
            data.regions = data.regions or message
        case StatMap():
            # A node that was started again tells the rest of the run: more is in the longer one.
            data.maps = [m for m in data.maps if m.header.contrast != header.contrast]
            data.maps.append(message)
        case Samples():
            data.samples += message.arrays["samples"].shape[0]
        case Grant():
            data.scopes.update(header.scopes)
        case Beat():
            data.beats[header.producer, header.pid] = header
            if header.note:
                data.notes[header.producer, header.note] += 1
        case RunStart():
            data.start = data.start or header
        case RunStop():
            data.stop = header


def frames_of(data: RunData) -> Iterator[Message]:
    """Yield the recorded frames with their pictures, one at a time."""
    for path in data.parts:
        for message in RecordingReader(path):
            if isinstance(message.header, Frame):
                yield message
