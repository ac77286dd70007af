"""Our own recordings, replayed like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from acquisition.fmri.volume import Volume as BrainVolume
from acquisition.sources.eeg import EegMarker, EegRecording
from phosphene.dataset import TimedEvent
from phosphene.errors import InputError
from phosphene.messages import Event, Message, Samples, Volume
from phosphene.recorder.reader import parts_of, read_run

__all__ = ["OwnRun", "read_own"]


class _Lasting(msgspec.Struct, frozen=True):
    duration_s: float


class OwnRun:
    """What a recorded run holds of the brain and of what was shown.

    Attributes
    ----------
    run : str
        Identifier of the run.
    events : tuple of TimedEvent
        In order of time.
    first_volume : Volume or None
        Header of the first volume; None where the run has EEG.
    n_volumes : int
        Number of volumes.
    eeg : EegRecording or None
        The samples; None where the run has volumes.
    files : list of Path
        Files of the run.
    """

    def __init__(self, where: Path, run: str | None) -> None:
        self._where, self._wanted = where, run
        self.files = parts_of(where, run)
        self.run = ""
        self.first_volume: Volume | None = None
        self.shape: tuple[int, ...] = ()
        self.n_volumes = 0
        events: list[TimedEvent] = []
        chunks: list[Message] = []
        for message in read_run(where, run):
            header = message.header
            self.run = self.run or header.run
            if isinstance(header, Volume):
                self.n_volumes += 1
                if self.first_volume is None:
                    self.first_volume, self.shape = header, message.arrays["volume"].shape
            elif isinstance(header, Samples):
                chunks.append(message)
            elif isinstance(header, Event):
                events.append(_event(header))
        # A run that was joined in the middle is replayed from where it was joined.
        begin_s = min((m.header.first_index / m.header.fs_hz for m in chunks), default=0.0)
        moved = (msgspec.structs.replace(e, t_s=e.t_s - begin_s) for e in events)
        self.events = tuple(sorted((e for e in moved if e.t_s >= 0), key=lambda e: e.t_s))
        self.eeg = _eeg(where, chunks, self.events) if chunks else None
        if self.eeg is None and self.first_volume is None:
            raise InputError(
                f"{where}: the recording holds no brain data; it was made without the consent "
                "scope record_brain and cannot be replayed"
            )

    def volumes(self, _refuse: Callable[[InputError], None]) -> Iterator[BrainVolume]:
        """Yield the volumes in order, once each."""
        last = -1
        for message in read_run(self._where, self._wanted):
            header = message.header
            if isinstance(header, Volume) and header.index > last:
                last = header.index
                affine = np.asarray(header.affine, np.float64).reshape(4, 4)
                data = message.arrays["volume"].astype(np.float32)
                yield BrainVolume(
                    data, affine, header.index, header.tr_s,
                    slice_times_s=header.slice_times_s or None, slice_axis=header.slice_axis,
                )  # fmt: skip


def read_own(where: Path, run: str | None) -> OwnRun:
    """Read what can be replayed of a recording file or folder.

    Raises
    ------
    RecordingError
        If it is not a recording or cannot be read.
    InputError
        If it holds no brain data.
    """
    return OwnRun(where, run)


def _event(header: Event) -> TimedEvent:
    duration_s = header.duration_s
    if duration_s is None:
        try:
            duration_s = msgspec.json.decode(header.detail or "null", type=_Lasting).duration_s
        except msgspec.DecodeError:
            duration_s = 0.0  # a stimulus, or nothing
    return TimedEvent(
        run=header.run,
        t_s=header.t_data,
        duration_s=duration_s,
        label=header.label,
        detail=header.detail,
    )


def _eeg(where: Path, chunks: list[Message], events: tuple[TimedEvent, ...]) -> EegRecording:
    """Put the recorded blocks on one grid; samples that were lost are NaN."""
    first: Any = chunks[0].header
    begin = first.first_index
    end = max(m.header.first_index + len(m.arrays["samples"]) for m in chunks)
    data = np.full((end - begin, len(first.channels)), np.nan, np.float32)
    for message in chunks:
        at = message.header.first_index - begin
        samples = message.arrays["samples"]
        if message.header.channels != first.channels or at < 0:
            raise InputError(f"{where}: the EEG stream changed within the run")
        data[at : at + len(samples)] = samples
    markers = tuple(EegMarker(e.t_s, e.label, first.stream) for e in events)
    return EegRecording(where.stem, data, first.fs_hz, first.channels, markers)
