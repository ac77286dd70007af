"""What the bridge pushes next: the items of a recording, or of a folder that fills up."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from acquisition.bridge.before import there_before
from acquisition.bridge.feed import FOLDER_DEPTH, FolderFeed
from acquisition.bridge.layout import Place, keep_layout, kept_layout
from acquisition.bridge.timeline import (
    Item,
    VolumeTimeline,
    chunk_items,
    programme_events,
    volume_items,
)
from acquisition.errors import ForeignFileError, MatrixError, OtherSeriesError
from acquisition.fmri.volume import Volume
from acquisition.lsl.formats import EegFormat, VolumeFormat
from acquisition.settings import settings_of
from acquisition.sources.recording import EegRun, FmriRecording, Recording
from acquisition.sources.tcp.door import networks_of
from acquisition.sources.tcp.feed import AfniFeed, Listening, VsendFeed
from acquisition.sources.tcp.memory import Memory
from acquisition.sources.tcp.vsend import VsendDecoder
from phosphene.bundle import Bundle
from phosphene.clock import Clock
from phosphene.dataset import TimedEvent
from phosphene.errors import ConfigError, InputError, PhospheneError, TruncatedError
from phosphene.plan import Plan
from phosphene.stimuli import Programme

__all__ = ["Feed", "LiveVolumes", "Replay", "Source", "mask_hash_of", "open_feed", "planned_events"]

CHUNK_S = 1 / 32
MAX_SPEED_CHUNK_S = 0.25
_MOST_ITEMS = 64
_MOST_HELD = 2
_NOTED = logging.getLogger("bridge")


class Source(Protocol):
    """Hands out items, one at a time."""

    def layout(self) -> VolumeFormat | EegFormat | None:
        """Return what the stream carries, or None while that is not known yet."""
        ...

    def peek(self) -> Item | None:
        """Return the next item without taking it; None when there is none now."""
        ...

    def take(self) -> Item:
        """Take the next item."""
        ...

    def ended(self) -> bool:
        """Return True when there will be no further item."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Return what was refused, repeated or missing."""
        ...

    def complaints(self) -> Sequence[str]:
        """Return why things were left out since the last call, oldest first."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


_KINDS: tuple[tuple[type[InputError], str], ...] = (
    (OtherSeriesError, "second_series"),
    (MatrixError, "other_matrix"),
    (ForeignFileError, "foreign_files"),
    (TruncatedError, "truncated"),
    (InputError, "damaged"),
)


class Replay:
    """A recording, from its start or from where an earlier process came to.

    Parameters
    ----------
    recording : FmriRecording or EegRun
        One run.
    first_index : int
        Volume or sample to begin with.
    chunk_s : float
        Length of EEG chunks in seconds.
    """

    def __init__(self, recording: Recording, first_index: int, chunk_s: float) -> None:
        self._recording = recording
        self._refused: Counter[str] = Counter()
        # Told once: a process that goes on from where another fell has nothing new to say.
        told = recording.eeg.warnings if isinstance(recording, EegRun) else ()
        self._complaints = [] if first_index else list(told)
        layout = self.layout()
        self._place = Place(layout) if isinstance(layout, VolumeFormat) else None
        self._items = self._open(first_index, chunk_s)
        self._next: Item | None = next(self._items, None)

    def _open(self, first_index: int, chunk_s: float) -> Iterator[Item]:
        made = self._recording
        if isinstance(made, EegRun):
            return chunk_items(made.eeg, made.events, chunk_s, first_index)
        volumes = filter(self._holds, made.volumes(self._refuse))
        return volume_items(volumes, made.events, made.tr_s, first_index)

    def _holds(self, volume: Volume) -> bool:
        return self._place is None or self._place.holds(volume)

    def _refuse(self, error: InputError) -> None:
        self._refused[next(name for kind, name in _KINDS if isinstance(error, kind))] += 1
        self._complaints.append(f"file left out: {error}")

    def layout(self) -> VolumeFormat | EegFormat:
        """Return what the stream carries."""
        made = self._recording
        if isinstance(made, FmriRecording):
            times_s, axis = made.slice_times_s, made.slice_axis
            return VolumeFormat(
                made.shape, made.affine, made.tr_s, slice_times_s=times_s, slice_axis=axis
            )
        return EegFormat(made.eeg.fs_hz, made.eeg.channel_names)

    def peek(self) -> Item | None:
        """Return the next item without taking it; None at the end."""
        return self._next

    def take(self) -> Item:
        """Take the next item."""
        item, self._next = self._next, next(self._items, None)
        if item is None:
            raise InputError("the recording has ended; nothing is left to take")
        return item

    def ended(self) -> bool:
        """Return True when everything was taken."""
        return self._next is None

    def counts(self) -> Mapping[str, int]:
        """Return the files that could not be used, by reason, and how many volumes there are."""
        made = self._recording
        planned = {"volumes_planned": made.n_volumes} if isinstance(made, FmriRecording) else {}
        refused = Counter({name: self._refused[name] for _, name in _KINDS})
        if self._place is not None:
            refused.update(self._place.counts)
        return {**refused, **planned}

    def complaints(self) -> Sequence[str]:
        """Return why files could not be used, since the last call."""
        told, self._complaints = self._complaints, []
        return [*told, *([] if self._place is None else self._place.complaints())]

    def close(self) -> None:
        """Forget the recording."""
        self._items, self._next = iter(()), None


class Feed(Protocol):
    """Volumes that come by themselves, in order and once each."""

    def take(self) -> Iterator[Volume]:
        """Yield what has come; raise what has ended the feed, if anything."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Return what was refused, repeated or missing."""
        ...

    def complaints(self) -> Sequence[str]:
        """Return why things were left out since the last call, oldest first."""
        ...

    def close(self) -> None:
        """Stop, and give back what is held."""
        ...


class LiveVolumes:
    """Volumes as a scanner measures them; they never end by themselves.

    Parameters
    ----------
    plan : Plan
        The run.
    first_index : int
        Volume to begin with.
    feed : Feed
        Where they come from; closed with this.
    keep : Path or None
        File in which it is kept what the stream carries, for a process that starts again in the
        middle of the run.

    Notes
    -----
    Some scanners write wrong slice times, or none, into the first volume only. Where slice timing
    is wanted and the first volume tells none, it therefore waits for the second one.
    """

    def __init__(self, plan: Plan, first_index: int, feed: Feed, keep: Path | None = None) -> None:
        self._plan, self._keep = plan, keep
        self._tr_s = plan.session.acquisition.fmri.tr_s
        self._events = planned_events(plan)
        self._first = first_index
        self._feed = feed
        self._layout: VolumeFormat | None = None
        self._timeline: VolumeTimeline | None = None
        self._place: Place | None = None
        self._held: deque[Volume] = deque()
        self._items: deque[Item] = deque()

    def _look(self) -> None:
        if len(self._items) >= _MOST_ITEMS:
            return  # the feed waits, and lets its sender wait
        for volume in self._feed.take():
            self._held.append(volume)
            timeline = self._timeline or self._begin()
            while timeline is not None and self._held:
                held = self._held.popleft()
                if self._place is None or self._place.holds(held):
                    self._items.extend(timeline.take(held))
            if len(self._items) >= _MOST_ITEMS:
                break

    def _begin(self) -> VolumeTimeline | None:
        """Fix what the stream carries; None while slice times may still come."""
        layout = kept_layout(self._keep) or self._first_layout()
        if layout is None:
            return None
        if self._keep is not None:
            keep_layout(self._keep, layout)
        self._layout, self._place = layout, Place(layout)
        self._timeline = VolumeTimeline(self._events, layout.tr_s, self._first)
        return self._timeline

    def _first_layout(self) -> VolumeFormat | None:
        first = self._held[0]
        times = next((v.slice_times_s for v in self._held if v.slice_times_s is not None), None)
        if times is None and len(self._held) < _MOST_HELD and _slice_timed(self._plan):
            return None
        tr_s = self._tr_s or first.tr_s
        if not tr_s > 0:
            raise ConfigError(
                "the volumes do not tell their TR; set acquisition.fmri.tr_s (NIfTI files do not)"
            )
        x, y, z = first.data.shape
        return VolumeFormat(
            (x, y, z), first.affine, tr_s, slice_times_s=times, slice_axis=first.slice_axis
        )

    def layout(self) -> VolumeFormat | None:
        """Return what the stream carries; None before the first volume."""
        self._look()
        return self._layout

    def peek(self) -> Item | None:
        """Return the next item without taking it; None when nothing has come."""
        self._look()
        return self._items[0] if self._items else None

    def take(self) -> Item:
        """Take the next item."""
        return self._items.popleft()

    def ended(self) -> bool:
        """Return False: the scanner may always send more."""
        return False

    def counts(self) -> Mapping[str, int]:
        """Return what was refused, repeated or missing."""
        counts = Counter(self._feed.counts())
        if self._place is not None:
            counts.update(self._place.counts)
        return {"moved": 0, **counts}

    def complaints(self) -> Sequence[str]:
        """Return why things were left out since the last call."""
        own = [] if self._place is None else self._place.complaints()
        return [*self._feed.complaints(), *own]

    def close(self) -> None:
        """Close the feed."""
        self._feed.close()


def mask_hash_of(plan: Plan) -> str:
    """Return the hash of the mask that the person's decoder was fitted on; "" for none."""
    bundle = _bundle_of(plan)
    return "" if bundle is None else bundle.manifest.mask_hash


def _bundle_of(plan: Plan) -> Bundle | None:
    where = plan.session.decoder.bundle
    try:
        return None if where is None else Bundle.load(where)
    except PhospheneError:
        return None  # acquisition and decoder say so, and go on without it


def _slice_timed(plan: Plan) -> bool:
    """Tell whether the run corrects slice timing, by its session or its bundle."""
    bundle = _bundle_of(plan)
    return settings_of(plan.session.acquisition, bundle).fmri.slice_timing != "off"


def open_feed(
    plan: Plan, first_index: int, run_folder: Path, clock: Clock, wake: Callable[[], None]
) -> Feed:
    """Open what a session's live volumes come from.

    Parameters
    ----------
    plan : Plan
        The run.
    first_index : int
        Volume to begin with.
    run_folder : Path
        Where a process that starts again finds what an earlier one has kept.
    clock : Clock
        Present time.
    wake : Callable
        Called, from another thread, when a volume has come.

    Raises
    ------
    InputError
        If folder or port cannot be had.
    """
    source, tr_s = plan.session.source, plan.session.acquisition.fmri.tr_s
    port = source.usual_port
    if port is not None:
        where = Listening(source.host, port, networks_of(source.allowed_hosts))
        memory = Memory(run_folder / "bridge.tcp")
        _NOTED.info("listening for %s at %s:%d", source.kind, source.host, port)
        if source.kind == "afni":
            return AfniFeed(where, memory.key, first_index, clock, wake, memory)
        decoder = VsendDecoder(memory.key, images=source.images)
        return VsendFeed(where, decoder, first_index, clock, wake, memory)
    folder = source.path
    if folder is None:
        raise ConfigError("source.path: a live folder needs one")
    skip = there_before(run_folder, folder, FOLDER_DEPTH)
    keep = run_folder / "bridge.series"
    return FolderFeed(
        folder, tr_s, source.poll_s, skip, clock, wake, keep, source.series, source.images,
        source.echo,
    )  # fmt: skip


def planned_events(plan: Plan) -> tuple[TimedEvent, ...]:
    """Return what the synthetic participant of a plan will be shown; empty for everybody else."""
    if not plan.programme:
        return ()
    try:
        programme = msgspec.json.decode(plan.programme, type=Programme)
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"programme of the plan: cannot be read: {error}") from error
    return programme_events(programme, plan.run)
