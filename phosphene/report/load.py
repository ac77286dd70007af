"""Everything the report needs from a run's recordings, read once; pictures stay on the disk."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from phosphene.messages import (
    Beat,
    Event,
    Features,
    Frame,
    FrameInfo,
    Grant,
    Message,
    Painting,
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

__all__ = ["Gap", "RunData", "frames_of", "load"]

_SOURCES = ("acquisition", "bridge")


class Gap(NamedTuple):
    """Samples that did not come.

    Attributes
    ----------
    stream : str
        Of which stream.
    data_s, length_s : float
        Begin in data time, and length, both in seconds.
    before_s, after_s : float
        LSL time at which the last samples before, and the first after it, were sent on.
    """

    stream: str
    data_s: float
    length_s: float
    before_s: float
    after_s: float


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
    markers : list of Event
        What the operator marked.
    frameinfos : list of FrameInfo
        Facts of every frame rendered.
    frames : list of Frame
        Headers of the frames whose pictures were recorded.
    paintings : list of Painting
        What painted at the start of each of the renderer's lives, and after each change.
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
    lost : list of Gap
        Missing samples.
    told : list of (float, str, str)
        LSL time, node and sentence of each beat of the nodes that take data.
    lives : dict
        LSL time of the first beat of each node's process.
    newest_s : float
        LSL time at which the newest samples or volume were sent on.
    grant : Grant or None
        The last one: what was allowed at the end.
    """

    parts: list[Path]
    start: RunStart | None = None
    stop: RunStop | None = None
    percepts: list[Message] = field(default_factory=list)
    features: list[Features] = field(default_factory=list)
    qualities: list[Quality] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    markers: list[Event] = field(default_factory=list)
    frameinfos: list[FrameInfo] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    paintings: list[Painting] = field(default_factory=list)
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
    lost: list[Gap] = field(default_factory=list)
    told: list[tuple[float, str, str]] = field(default_factory=list)
    lives: dict[tuple[str, int], float] = field(default_factory=dict)
    zero: float | None = None
    newest_s: float = -math.inf
    next_index: int | None = None
    grant: Grant | None = None

    @property
    def zero_s(self) -> float:
        """LSL time at which data time began, or the recording where no data came."""
        return self.first_s if self.zero is None else self.zero

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
            (data.markers if header.producer == "gate" else data.events).append(header)
        case Frame():
            data.frames.append(header)
        case FrameInfo():
            data.frameinfos.append(header)
        case Painting():
            data.paintings.append(header)
        case View():
            data.views.append(header)
        case Volume():
            data.volumes.add(header.index)
            data.newest_s = header.t_sent
            data.zero = header.t_sent if data.zero is None else data.zero
            data.shape = header.arrays[0].shape if header.arrays else data.shape
        case Regions():
            data.regions = data.regions or message
        case StatMap():
            # A node that was started again tells the rest of the run: more is in the longer one.
            data.maps = [m for m in data.maps if m.header.contrast != header.contrast]
            data.maps.append(message)
        case Samples():
            data.samples += message.arrays["samples"].shape[0]
            _look_for_gaps(data, message)
        case Grant():
            data.scopes.update(header.scopes)
            data.grant = header
        case Beat():
            data.beats[header.producer, header.pid] = header
            data.lives.setdefault((header.producer, header.pid), header.t_sent)
            if header.producer in _SOURCES:
                data.told.append((header.t_sent, header.producer, header.note))
            if header.note:
                data.notes[header.producer, header.note] += 1
        case RunStart():
            data.start = data.start or header
        case RunStop():
            data.stop = header


def _look_for_gaps(data: RunData, message: Message) -> None:
    """Note samples that are not there, or not a number, between those before and these."""
    header: Any = message.header
    rows = message.arrays["samples"]
    before_s = data.newest_s if data.next_index is not None else header.t_sent
    first = header.first_index if data.next_index is None else data.next_index
    missing = np.concatenate([
        np.ones(max(0, header.first_index - first), bool), np.isnan(rows).any(axis=1)
    ])  # fmt: skip
    begin = max(first, header.first_index) - max(0, header.first_index - first)
    edges = np.flatnonzero(np.diff(missing.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    for a, b in edges:
        gap = Gap(header.stream, (begin + int(a)) / header.fs_hz, int(b - a) / header.fs_hz,
                  before_s, header.t_sent)  # fmt: skip
        last = data.lost[-1] if data.lost else None
        if last is not None and abs(last.data_s + last.length_s - gap.data_s) < 0.5 / header.fs_hz:
            data.lost[-1] = last._replace(length_s=last.length_s + gap.length_s,
                                          after_s=gap.after_s)  # fmt: skip
        else:
            data.lost.append(gap)
    if data.zero is None:
        data.zero = header.t_sent - header.t_data
    data.next_index = max(first, header.first_index + len(rows))
    data.newest_s = header.t_sent


def frames_of(data: RunData) -> Iterator[Message]:
    """Yield the recorded frames with their pictures, one at a time."""
    for path in data.parts:
        for message in RecordingReader(path):
            if isinstance(message.header, Frame):
                yield message
