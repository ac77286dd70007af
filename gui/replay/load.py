"""Reads a recording for the replay panel, once and without its pictures. No Qt."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from gui.replay.axis import Axis
from gui.replay.keyring import files_of
from gui.replay.recording import MOST_EVENTS, Decoded, Mark, Painted, Recording, Spell, Step
from gui.replay.way import Way
from gui.texts import tr
from phosphene.errors import RecordingError
from phosphene.messages import (
    Event,
    Frame,
    Grant,
    Painting,
    Percept,
    Quality,
    RunStart,
    RunStop,
    Samples,
    View,
    Volume,
)
from phosphene.recorder.access import Place, messages_of
from phosphene.recorder.reader import Ending

__all__ = ["StoppedError", "is_ours", "load"]

Opener = Callable[[Path], BinaryIO]
MARKER_PRODUCER = "gate"
"""Who makes events of what the operator types during a run."""
_TELL_EVERY = 400
_BLANK_GAP_S = 0.05
_BEFORE_S = 1e-3
_EPOCH = "rejected"
"""The figure that each epoch has, and no second."""


class StoppedError(Exception):
    """Somebody does not want the recording any more."""


def is_ours(where: Path) -> bool:
    """Return whether a file or folder is a recording of Phosphene, by its name."""
    files = files_of(where)
    return bool(files) and all(".mcap" in path.name for path in files)


def load(
    where: Path,
    open_file: Opener,
    progress: Callable[[float], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Recording:
    """Read a run; of a folder with several runs the newest.

    Parameters
    ----------
    where : Path
        Recording, finished or not, or its folder.
    open_file : Callable
        Opens one file; a sealed one with its key.
    progress : Callable
        Told from 0 to 1 how far it is.
    stopped : Callable
        Asked now and then whether to leave off.

    Raises
    ------
    RecordingError
        If there is no recording, or it cannot be opened.
    StoppedError
        If `stopped` said so.
    """
    parts = _newest_run(where, open_file)
    reading = _Reading(Recording(where, parts))
    for number, path in enumerate(parts):
        ending = Ending()
        with open_file(path) as file:
            size = max(1, file.seek(0, io.SEEK_END))
            for count, (message, place) in enumerate(messages_of(file, ending)):
                reading.take(message.header, place, number)
                if count % _TELL_EVERY == 0:
                    if stopped():
                        raise StoppedError
                    progress((number + ending.read_bytes / size) / len(parts))
        if ending.damage:
            reading.found.damage.append(f"{path.name}: {ending.damage}")
        elif not ending.complete:
            reading.found.damage.append(tr("{file}: cut off", file=path.name))
    progress(1.0)
    return reading.finish()


def _newest_run(where: Path, open_file: Opener) -> list[Path]:
    if not where.exists():
        raise RecordingError(tr("{path}: does not exist", path=where))
    if where.is_file():
        return [where]
    runs: list[tuple[Path, str]] = []
    for path in files_of(where):
        start = _start_of(path, open_file)
        if start is not None:
            runs.append((path, start.run))
    if not runs:
        raise RecordingError(tr("{path}: no recording is in this folder", path=where))
    return [path for path, run in runs if run == runs[-1][1]]


def _start_of(path: Path, open_file: Opener) -> RunStart | None:
    with open_file(path) as file:
        for message, _ in messages_of(file, Ending()):
            if isinstance(message.header, RunStart):
                return message.header
    return None


class _Reading:
    """Gathers messages; what is only known by the clock is placed at the end."""

    def __init__(self, found: Recording) -> None:
        self.found = found
        self._anchors: list[tuple[float, float]] = []
        self._views: dict[str, list[View]] = {}
        self._frames: list[tuple[Frame, Place, int]] = []
        self._events: set[tuple[float, str, str]] = set()
        self._steps: dict[int, Step] = {}
        self._epochs: dict[int, Step] = {}
        self._way = Way()
        self._least: list[float] = []
        self._nearest: list[float] = []

    def take(self, header: Any, place: Place | None, part: int) -> None:
        """Take in one message."""
        found = self.found
        match header:
            case Quality():
                self._anchors.append((header.t_sent, header.t_data))
                # Epochs and seconds of EEG are both counted from 0.
                known = self._epochs if _EPOCH in header.values else self._steps
                known[header.index] = Step(header.index, header.t_data, dict(header.values))
            case Volume() | Samples():
                self._anchors.append((header.t_sent, header.t_data))
            case Percept():
                found.decoded.append(Decoded(
                    header.index, header.t_data, header.t_seen, header.t_sent, header.label or "",
                    header.confidence,
                ))  # fmt: skip
            case Frame() if place is not None:
                self._frames.append((header, place, part))
                self._nearest.append(self._way.take(header))
            case Painting():
                self._way.settings = header.settings
                self._least.append(float(header.settings.get("min_confidence", "1")))
            case Event():
                self._take_event(header)
            case View():
                self._views.setdefault(header.sink, []).append(header)
            case Grant():
                found.held = frozenset(header.scopes)
            case RunStart():
                found.start = found.start or header
                self._way.even = header.facts.get("speed") == "max"
            case RunStop():
                found.stop = header
            case _:
                pass

    def _take_event(self, event: Event) -> None:
        # A node that was started again tells some of them a second time.
        key = (event.t_data, event.label, event.producer)
        if key in self._events:
            return
        self._events.add(key)
        own = event.producer == MARKER_PRODUCER
        self.found.marks.append(Mark(event.t_data, event.label, own))
        if not own:
            self.found.truth.add(event)

    def finish(self) -> Recording:
        """Place everything on the recording's axis."""
        found, axis = self.found, Axis(self._anchors)
        self._place_steps()
        found.decoded.sort(key=lambda percept: percept.t_s)
        found.marks.sort(key=lambda mark: mark.t_s)
        times = axis.at([frame.t_rendered for frame, _, _ in self._frames])
        shown = self._shown_from(times.tolist())
        found.painted = sorted(
            (
                Painted(t_s, frame.t_percept if frame.percept_seq >= 0 else -1.0,
                        frame.state == "neutral", frame.level, part, place, nearest_s)
                for t_s, nearest_s, (frame, place, part)
                in zip(shown, self._nearest, self._frames, strict=True)
            ),
            key=lambda painted: painted.t_s,
        )  # fmt: skip
        ends = [step.t_s for step in (*found.steps[-1:], *found.seconds[-1:])]
        ends += [mark.t_s for mark in found.marks[-1:]]
        ends += [d.t_s for d in found.decoded[-1:]] + [p.t_s for p in found.painted[-1:]]
        found.end_s = max([0.0, *ends])
        found.least = max(self._least, default=found.least)
        found.blocks = found.truth.blocks(found.end_s, most=MOST_EVENTS)
        found.blank = {sink: _spells(views, axis, found.end_s)
                       for sink, views in self._views.items()}  # fmt: skip
        return found

    def _place_steps(self) -> None:
        found = self.found
        steps, epochs = (sorted(of.values(), key=lambda step: step.t_s)
                         for of in (self._steps, self._epochs))  # fmt: skip
        if epochs:
            found.unit, found.steps, found.seconds = "epoch", epochs, steps
            return
        found.steps = steps
        if found.start is not None and found.start.modality == "eeg":
            found.unit = "second"

    def _shown_from(self, times: list[float]) -> list[float]:
        """Return when each frame was on show, without the latency of the chain.

        The first frame of a percept stands at the end of its data, so that a volume, what it was
        decoded to and its picture stand at one place, and two runs of one recording can be laid
        together; the next percept's place ends it.
        """
        known = {percept.sent_s: k for k, percept in enumerate(self.found.decoded)}
        first: dict[float, float] = {}
        shown = []
        for t_s, (frame, _, _) in zip(times, self._frames, strict=True):
            place = known.get(frame.t_percept) if frame.percept_seq >= 0 else None
            if place is None:
                shown.append(t_s)
                continue
            begun_s = first.setdefault(frame.t_percept, t_s)
            shown.append(self._within(place, t_s - begun_s))
        return shown

    def _within(self, place: int, since_s: float) -> float:
        decoded = self.found.decoded
        next_s = decoded[place + 1].t_s if place + 1 < len(decoded) else math.inf
        return max(decoded[place].t_s, min(decoded[place].t_s + since_s, next_s - _BEFORE_S))


def _spells(views: list[View], axis: Axis, end_s: float) -> list[Spell]:
    """Return when a view was blank, from what the gate told of it at each change."""
    ordered = sorted(views, key=lambda view: view.t_sent)
    times = [*axis.at([view.t_sent for view in ordered]).tolist(), end_s]
    found: list[Spell] = []
    for k, view in enumerate(ordered):
        if view.passing:
            continue
        last = found[-1] if found else None
        if last is not None and last.reason == view.reason and times[k] <= last.end_s:
            found[-1] = Spell(last.start_s, max(last.end_s, times[k + 1]), last.reason)
        else:
            found.append(Spell(times[k], times[k + 1], view.reason))
    return [spell for spell in found if spell.end_s - spell.start_s > _BLANK_GAP_S]
