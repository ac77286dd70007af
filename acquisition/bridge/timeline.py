"""In which order, and at what time, the parts of a run are pushed.

A marker always comes before the data of its time, so that whoever receives both knows of an event
before its data. Markers are numbered from 0 within the run; a bridge that starts again in the
middle repeats numbers rather than leaving some out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from acquisition.fmri.volume import Volume
from acquisition.sources.eeg import EegRecording
from phosphene.dataset import TimedEvent
from phosphene.stimuli import Programme

__all__ = [
    "ChunkItem",
    "Item",
    "MarkerItem",
    "VolumeItem",
    "VolumeTimeline",
    "chunk_items",
    "programme_events",
    "volume_items",
]


@dataclass(frozen=True)
class MarkerItem:
    """A marker, due at `t_s` seconds of data time.

    Attributes
    ----------
    number : int
        Position among the run's markers.
    label : str
        What happens; empty for the end of the run.
    more : dict
        ``duration`` (seconds) and ``detail``; for the end ``end``, the count of all data and
        ``next``, the number that a further volume or sample would have.
    """

    t_s: float
    number: int
    label: str
    more: dict[str, Any]


@dataclass(frozen=True)
class VolumeItem:
    """A volume, due at `t_s` seconds of data time."""

    t_s: float
    volume: Volume = field(repr=False)


@dataclass(frozen=True)
class ChunkItem:
    """EEG samples (n, channels) in microvolts, due at `t_s` seconds, after their last one."""

    t_s: float
    first_index: int
    samples: npt.NDArray[np.float32] = field(repr=False)


Item = MarkerItem | VolumeItem | ChunkItem


def programme_events(programme: Programme, run: str) -> tuple[TimedEvent, ...]:
    """Return what a programme shows as events; `detail` is the clip as JSON."""
    return tuple(
        TimedEvent(
            run=run,
            t_s=block.onset_s,
            duration_s=block.duration_s,
            label=block.clip.start.category,
            detail=msgspec.json.encode(block.clip).decode(),
        )
        for block in programme.blocks
    )


class _Markers:
    """The markers of a run that still wait for their time."""

    def __init__(self, events: Sequence[TimedEvent], after_s: float) -> None:
        self._waiting = [_marker(n, e) for n, e in enumerate(events) if e.t_s > after_s]
        self._total = len(events)

    def until(self, t_s: float) -> Iterator[MarkerItem]:
        """Yield those due at `t_s` seconds or before."""
        while self._waiting and self._waiting[0].t_s <= t_s:
            yield self._waiting.pop(0)

    def end(self, t_s: float, **counts: int) -> Iterator[MarkerItem]:
        """Yield the rest, and the marker that says how much data there was."""
        yield from self.until(float("inf"))
        yield MarkerItem(t_s, self._total, "", {"end": True, **counts})


def _marker(number: int, event: TimedEvent) -> MarkerItem:
    more = {"duration": event.duration_s, "detail": event.detail}
    return MarkerItem(event.t_s, number, event.label, more)


class VolumeTimeline:
    """Puts the markers of a run between its volumes.

    Parameters
    ----------
    events : sequence of TimedEvent
        In order of time.
    tr_s : float
        Repetition time in seconds; volume ``index`` is due at its end, ``(index + 1) * tr_s``.
    first_index : int
        Where to begin; earlier volumes, and markers that came with them, are left out.
    """

    def __init__(self, events: Sequence[TimedEvent], tr_s: float, first_index: int = 0) -> None:
        # The marker at the start of a volume belongs to it, whatever rounding says.
        self._slack_s = 5e-7
        after_s = first_index * tr_s - self._slack_s if first_index else float("-inf")
        self._markers = _Markers(events, after_s)
        self._tr_s, self._first = tr_s, first_index
        self._t_s, self._next = 0.0, first_index

    def take(self, volume: Volume) -> Iterator[Item]:
        """Yield what has to be pushed now that a volume is there: markers, then the volume."""
        if volume.index < self._first:
            return
        self._next = volume.index + 1
        self._t_s = self._next * self._tr_s
        yield from self._markers.until(self._t_s - self._slack_s)
        yield VolumeItem(self._t_s, volume)

    def end(self, count: int) -> Iterator[Item]:
        """Yield what is left at the end of a run of `count` volumes."""
        yield from self._markers.end(self._t_s, volumes=count, next=self._next)


def volume_items(
    volumes: Iterable[Volume], events: Sequence[TimedEvent], tr_s: float, first_index: int = 0
) -> Iterator[Item]:
    """Yield volumes and markers of a recorded run, then the end; see `VolumeTimeline`."""
    timeline = VolumeTimeline(events, tr_s, first_index)
    count = 0
    for volume in volumes:
        count += 1
        yield from timeline.take(volume)
    yield from timeline.end(count)


def chunk_items(
    eeg: EegRecording, events: Sequence[TimedEvent], chunk_s: float, first_index: int = 0
) -> Iterator[Item]:
    """Yield chunks and markers of an EEG run, then the end marker.

    Parameters
    ----------
    eeg : EegRecording
        The run.
    events : sequence of TimedEvent
        In order of time.
    chunk_s : float
        Length of a chunk in seconds; at least one sample is taken.
    first_index : int
        Sample to begin with; earlier ones, and markers that came with them, are left out.
    """
    size = max(1, round(chunk_s * eeg.fs_hz))
    after_s = first_index / eeg.fs_hz if first_index else float("-inf")
    markers = _Markers(events, after_s)
    for begin in range(first_index, len(eeg.data), size):
        samples = eeg.data[begin : begin + size]
        t_s = (begin + len(samples)) / eeg.fs_hz
        yield from markers.until(t_s)
        yield ChunkItem(t_s, begin, samples)
    count = len(eeg.data)
    yield from markers.end(eeg.duration_s, samples=count, next=count)
