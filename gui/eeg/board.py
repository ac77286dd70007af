"""Everything the EEG views show, fed by the receiving thread. No Qt, no lock of its own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gui.eeg.averages import Average, Averages
from gui.eeg.filters import DisplayFilter
from gui.eeg.quality import BAD, ChannelState, impedances_kohm
from gui.eeg.ring import SampleRing
from phosphene.eeg_flags import ChannelFlag
from phosphene.messages import Event, Message, Quality, Signal

__all__ = ["EegBoard", "Look", "Mark", "MarkerLog", "Stretch", "TraceData"]

KEPT_S = 30.0
OVERLAP_S = 2.0
"""Samples that come again for longer than this are those of another run of the stream."""
WIDE_LOW_HZ = 0.5
SPECTRUM_S = 6.0
_MOST_MARKS, _MOST_STRETCHES = 300, 4000
_EPOCH_FLAGS_S = 10.0
_ONLY_IN_EPOCHS = ChannelFlag.LARGE | ChannelFlag.INTERPOLATED

Rows = npt.NDArray[np.float32]
Look = Literal["wide", "band"]


@dataclass(frozen=True)
class Mark:
    """One marker at `t_s` seconds of data time."""

    t_s: float
    label: str
    stream: str


@dataclass(frozen=True)
class Stretch:
    """A bad stretch, in seconds of data time; channel None: the whole epoch was rejected."""

    start_s: float
    stop_s: float
    channel: str | None


@dataclass(frozen=True)
class MarkerLog:
    """Newest markers, how many came, how many the window missed, and how many came twice."""

    marks: tuple[Mark, ...] = ()
    total: int = 0
    lost: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class TraceData:
    """What the traces show.

    Attributes
    ----------
    rows : ndarray of float32 (n, channels)
        Filtered samples of the channels asked for, NaN where there is nothing.
    stop_s : float
        Data time of the end of the last row.
    fs_hz : float
        Their rate.
    marks, stretches
        Within these seconds.
    """

    rows: Rows
    stop_s: float
    fs_hz: float
    marks: tuple[Mark, ...]
    stretches: tuple[Stretch, ...]


class EegBoard:
    """State of the EEG views."""

    def __init__(self) -> None:
        self.version = 0
        self.header: Signal | None = None
        self.n_rows = 0
        self._flags: dict[str, int] = {}
        self._epoch_flags: dict[str, tuple[int, float]] = {}
        self._impedances: dict[str, float] = {}
        self._names: tuple[str, ...] = ()
        self._stretches: deque[Stretch] = deque(maxlen=_MOST_STRETCHES)
        self._marks: deque[Mark] = deque(maxlen=_MOST_MARKS)
        self._drawn: deque[Mark] = deque(maxlen=_MOST_MARKS)
        self._total = self._lost = self._repeated = 0
        self._next_seq: dict[str, int] = {}
        self._judged = -1
        self.averages: Averages | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels as far as they are known."""
        return self.header.channels if self.header is not None else self._names

    # ---- fed -----------------------------------------------------------------------------------

    def on_signal(self, message: Message) -> None:
        """Take in samples."""
        header = message.header_as(Signal)
        rows = np.asarray(message.arrays["signal"], np.float32)
        rows, first = self._continue(header, rows)
        self.header = header
        self._raw.push(rows, first)
        self._wide.push(self._filter_wide(rows, first), first)
        self._band.push(self._filter_band(rows, first), first)
        self.n_rows += len(rows)
        self._note_flags(header)
        if self.averages is not None:
            self.averages.advance(self._band)
        self.version += 1

    def _continue(self, header: Signal, rows: Rows) -> tuple[Rows, int]:
        """Return what is new of the rows; another stream, or one that starts over, begins anew."""
        old, first = self.header, header.first_index
        same = old is not None and (
            (old.fs_hz, old.channels, old.stream) == (header.fs_hz, header.channels, header.stream)
        )
        again = max(0, self._raw.next_index - first) if same else 0
        if not same or again > OVERLAP_S * header.fs_hz:
            if old is not None:
                self._drawn.clear()
                self._stretches.clear()
            self._begin(header)
            return rows, first
        return rows[again:], first + min(again, len(rows))

    def _begin(self, header: Signal) -> None:
        fs_hz, n = header.fs_hz, len(header.channels)
        capacity = round(KEPT_S * fs_hz)
        self._raw, self._wide, self._band = (SampleRing(capacity, n) for _ in range(3))
        self._filter_wide = DisplayFilter(fs_hz, n, WIDE_LOW_HZ, 0.0, header.notch_hz)
        self._filter_band = DisplayFilter(fs_hz, n, *header.band_hz, header.notch_hz)
        self.averages = Averages(fs_hz, n, header.reject_uv)
        for mark in self._drawn:
            self.averages.marker(mark.t_s, mark.label)
        self._flags, self._judged = {}, -1

    def _note_flags(self, header: Signal) -> None:
        """Keep the newest flags; what was bad for a second becomes a stretch."""
        if not header.flags:
            return
        self._flags = dict(zip(header.channels, header.flags, strict=False))
        second = int(self._raw.next_index / header.fs_hz + 1e-6)
        if second == self._judged:
            return
        self._judged = second
        for name, flags in self._flags.items():
            if flags & BAD:
                self._stretches.append(Stretch(second - 1.0, float(second), name))

    def on_quality(self, header: Quality) -> None:
        """Take in the figures of an epoch, or of a second."""
        values = header.values
        if not self._names:
            ends = [k for k in values if k.startswith("rms_") and k.endswith("_uv") and len(k) > 7]
            self._names = tuple(k[4:-3] for k in ends if k != "rms_uv")
        self._impedances |= impedances_kohm(values, self.channels)
        if "rejected" not in values:
            return
        step_s = self.header.step_s if self.header is not None else 0.0
        start_s = header.t_data - step_s
        for name in self.channels:
            flags = int(values.get(f"flags_{name}", 0.0))
            self._epoch_flags[name] = (flags, header.t_data)
            if flags & BAD and step_s:
                self._stretches.append(Stretch(start_s, header.t_data, name))
        if values["rejected"] and step_s:
            self._stretches.append(Stretch(start_s, header.t_data, None))
        self.version += 1

    def on_event(self, header: Event) -> None:
        """Take in a marker; the same number again is one that came twice."""
        expected = self._next_seq.get(header.producer)
        if expected is not None and header.seq > expected:
            self._lost += header.seq - expected
        self._next_seq[header.producer] = header.seq + 1
        mark = Mark(header.t_data, header.label, header.stream)
        self._total += 1
        if mark in self._drawn:
            self._repeated += 1
            return
        self._marks.append(mark)
        self._drawn.append(mark)
        if self.averages is not None:
            self.averages.marker(mark.t_s, mark.label)
            self.averages.advance(self._band)
        self.version += 1

    # ---- read ----------------------------------------------------------------------------------

    def states(self) -> list[ChannelState]:
        """Return how each channel is: its last second, and what the last epoch adds."""
        now_s = 0.0 if self.header is None else self._raw.next_index / self.header.fs_hz
        found = []
        for name in self.channels:
            flags = self._flags.get(name)
            of_epoch, at_s = self._epoch_flags.get(name, (None, 0.0))
            if flags is None:
                flags = of_epoch
            elif of_epoch is not None and now_s - at_s < _EPOCH_FLAGS_S:
                flags |= of_epoch & _ONLY_IN_EPOCHS
            found.append(ChannelState(name, flags, self._impedances.get(name)))
        return found

    def log(self) -> MarkerLog:
        """Return the newest markers with their counts."""
        return MarkerLog(tuple(self._marks), self._total, self._lost, self._repeated)

    def traces(
        self, seconds: float, align: int, channels: list[int], look: Look
    ) -> TraceData | None:
        """Return the newest seconds of some channels, ending at a multiple of `align` rows."""
        if self.header is None:
            return None
        fs_hz, ring = self.header.fs_hz, self._wide if look == "wide" else self._band
        stop = ring.next_index // align * align
        start = stop - int(seconds * fs_hz) // align * align
        start_s, stop_s = start / fs_hz, stop / fs_hz
        return TraceData(
            ring.get(start, stop, channels),
            stop_s,
            fs_hz,
            tuple(m for m in self._drawn if start_s <= m.t_s < stop_s),
            tuple(s for s in self._stretches if s.stop_s > start_s and s.start_s < stop_s),
        )

    def newest_raw(self) -> tuple[Rows, float] | None:
        """Return the newest unfiltered seconds, and their rate in hertz, for a spectrum."""
        if self.header is None:
            return None
        stop = self._raw.next_index
        start = max(self._raw.first_index, stop - round(SPECTRUM_S * self.header.fs_hz))
        return self._raw.get(start, stop), self.header.fs_hz

    def average_of(self, channel: int) -> tuple[npt.NDArray[np.float64], list[Average], int]:
        """Return times in milliseconds, a channel's averages, and epochs that came too late."""
        if self.averages is None:
            return np.zeros(0), [], 0
        return self.averages.times_ms, self.averages.of(channel), self.averages.too_late
