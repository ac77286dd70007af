"""Inlets: EEG, volumes and markers in from LSL, with losses counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.lsl.counter import CounterFollower, Piece
from acquisition.lsl.formats import EegFormat, VolumeFormat
from acquisition.lsl.link import StreamLink, StreamWanted
from acquisition.lsl.sample_clock import SampleClock
from acquisition.lsl.staleness import StaleWatch
from phosphene.errors import InputError

__all__ = ["EegChunk", "EegInlet", "Marker", "MarkerInlet", "VolumeInlet", "VolumeSample"]


@dataclass(frozen=True, slots=True)
class EegChunk:
    """Samples without a gap.

    Attributes
    ----------
    data : ndarray of float32, shape (n, n_channels)
        Microvolts. A view that the next `pull` overwrites.
    first_index : int
        Number of the first sample since the start of the source.
    stamps_s : ndarray of float64, shape (n,)
        LSL times in seconds.
    restarted : bool
        True when the numbering started anew and filters must too.
    """

    data: npt.NDArray[np.float32]
    first_index: int
    stamps_s: npt.NDArray[np.float64]
    restarted: bool


class EegInlet:
    """Receive EEG.

    Parameters
    ----------
    source_ids : tuple of str
        Allowed sources.
    now : Callable
        Time in seconds, for staleness.
    chunk_s : float
        Expected time between chunks, in seconds.
    local : bool
        Refuse sources on other machines.
    max_samples : int
        Most samples per pull.
    """

    def __init__(
        self,
        source_ids: tuple[str, ...],
        now: Callable[[], float],
        chunk_s: float = 0.05,
        local: bool = True,
        max_samples: int = 1024,
    ) -> None:
        wanted = StreamWanted(source_ids, "float32", local=local)
        self.link = StreamLink(wanted, now, 60, EegFormat.of)
        self.watch = StaleWatch(chunk_s)
        self._now = now
        self._max_samples = max_samples
        self._counter = CounterFollower()

    def open(self, timeout_s: float = 5.0) -> EegFormat:
        """Connect; return the layout of the stream."""
        self.link.open(timeout_s)
        layout: EegFormat = self.link.layout
        if layout.fs_hz <= 0:
            raise InputError("the EEG stream has no regular rate; declare one at the source")
        self.layout = layout
        n_columns = len(layout.channel_names) + int(layout.counter)
        self._buffer = np.empty((self._max_samples, n_columns), dtype=np.float32)
        self.clock = SampleClock(layout.fs_hz)
        return layout

    @property
    def n_lost(self) -> int:
        """Samples lost so far."""
        return self._counter.n_lost if self.layout.counter else self.clock.n_lost

    def pull(
        self, timeout_s: float, at_least: int = 1, at_most: int | None = None
    ) -> list[EegChunk]:
        """Wait up to `timeout_s` seconds for samples; return their unbroken stretches.

        Each wake costs more than a sample: where nobody needs every single one at once, `at_least`
        lets some gather. After a timeout fewer are returned. The queue is not looked into a second
        time for more than `at_least` where `at_most` is as many.
        """
        at_most = min(at_most or self._max_samples, self._max_samples)
        at_least = min(max(at_least, 1), at_most)
        rows, stamps, _ = self.link.pull(timeout_s, at_most, self._buffer, at_least)
        if not len(stamps):
            return []
        self.watch.data(self._now())
        stamps = stamps + self.link.offset_s()
        pieces, restarted = self._number(rows, stamps)
        n_channels = len(self.layout.channel_names)
        return [
            EegChunk(
                data=rows[piece.begin : piece.end, :n_channels],
                first_index=piece.first_index,
                stamps_s=stamps[piece.begin : piece.end],
                restarted=restarted and number == 0,
            )
            for number, piece in enumerate(pieces)
        ]

    def _number(
        self, rows: npt.NDArray[np.float32], stamps: npt.NDArray[np.float64]
    ) -> tuple[list[Piece], bool]:
        if not self.layout.counter:
            # Across a restart too: what was not measured meanwhile is a gap in the stamps.
            return self.clock.push(stamps, self._now()), False
        # A source that came back goes on counting where it can; only a counter that goes back
        # means that its numbers start anew.
        pieces, went_back = self._counter.push(rows[:, -1])
        if went_back:
            self._counter.restart()
            pieces, broken = self._counter.push(rows[:, -1])
            if broken:
                raise InputError("the last EEG channel is named a sample counter but counts not")
        return pieces, went_back

    def close(self) -> None:
        """Disconnect."""
        self.link.close()


@dataclass(frozen=True, slots=True)
class VolumeSample:
    """One volume.

    Attributes
    ----------
    volume : ndarray of float32, shape of the layout
        Voxel values. A view that the next `pull` overwrites.
    index : int
        Number of the volume since the start of the run.
    stamp_s : float
        LSL time in seconds: when it arrived, or was sent where that is not known.
    restarted : bool
        True when the numbering started anew.
    figures : dict of str to float
        What else is known of it.
    """

    volume: npt.NDArray[np.float32]
    index: int
    stamp_s: float
    restarted: bool
    figures: dict[str, float] = field(default_factory=dict)


class VolumeInlet:
    """Receive volumes.

    Parameters
    ----------
    source_ids : tuple of str
        Allowed sources.
    now : Callable
        Time in seconds, for staleness.
    local : bool
        Refuse sources on other machines.
    sole : bool
        The names are the run's own: nobody else can have made them up.
    """

    def __init__(
        self,
        source_ids: tuple[str, ...],
        now: Callable[[], float],
        local: bool = True,
        sole: bool = False,
    ) -> None:
        wanted = StreamWanted(source_ids, "float32", rate_hz=0.0, local=local, sole=sole)
        self.link = StreamLink(wanted, now, 1, VolumeFormat.of, search_after_s=10.0)
        self._now = now
        self._counter = CounterFollower()

    def open(self, timeout_s: float = 5.0) -> VolumeFormat:
        """Connect; return the layout of the volumes."""
        self.link.open(timeout_s)
        layout: VolumeFormat = self.link.layout
        self.layout = layout
        self.watch = StaleWatch(self.layout.tr_s)
        self._row = np.empty((1, layout.n_channels), dtype=np.float32)
        return layout

    @property
    def n_lost(self) -> int:
        """Volumes lost so far."""
        return self._counter.n_lost

    def pull(self, timeout_s: float) -> VolumeSample | None:
        """Wait up to `timeout_s` seconds for the next volume."""
        rows, stamps, _ = self.link.pull(timeout_s, 1, self._row)
        if not len(stamps):
            return None
        self.watch.data(self._now())
        pieces, went_back = self._counter.push(rows[:, -1])
        if went_back:
            self._counter.restart()
            pieces, _ = self._counter.push(rows[:, -1])
        layout = self.layout
        figures = zip(layout.figures, rows[0, layout.n_voxels : -1].tolist(), strict=True)
        return VolumeSample(
            volume=rows[0, : layout.n_voxels].reshape(layout.shape),
            index=pieces[0].first_index,
            stamp_s=float(stamps[0]) + self.link.offset_s(),
            restarted=went_back,
            figures={name: value for name, value in figures if np.isfinite(value)},
        )

    def close(self) -> None:
        """Disconnect."""
        self.link.close()


@dataclass(frozen=True, slots=True)
class Marker:
    """One marker.

    Attributes
    ----------
    label : str
        What happened.
    stamp_s : float
        LSL time in seconds, on this machine's clock.
    t_s : float or None
        Data time in seconds; None for marker streams of others, which have LSL times only.
    more : dict
        Further fields.
    """

    label: str
    stamp_s: float
    t_s: float | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def detail(self) -> str:
        """The stimulus as JSON; where only its length is known, that."""
        detail = str(self.more.get("detail") or "")
        duration_s = self.more.get("duration")
        if not detail and isinstance(duration_s, int | float) and duration_s > 0:
            return json.dumps({"duration_s": duration_s})
        return detail

    @classmethod
    def of(cls, text: str, stamp_s: float) -> Marker:
        """Read our JSON; take anything else as a plain label."""
        try:
            fields = json.loads(text)
            t_s, label = float(fields.pop("t")), str(fields.pop("label"))
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(text, stamp_s)
        return cls(label, stamp_s, t_s, fields) if np.isfinite(t_s) else cls(text, stamp_s)


class MarkerInlet:
    """Receive markers; silence is normal here and never stale.

    Parameters
    ----------
    source_ids : tuple of str
        Allowed sources.
    now : Callable
        Time in seconds.
    local : bool
        Refuse sources on other machines.
    """

    def __init__(
        self, source_ids: tuple[str, ...], now: Callable[[], float], local: bool = True
    ) -> None:
        wanted = StreamWanted(source_ids, "string", n_channels=1, local=local)
        self.link = StreamLink(wanted, now, 10)

    def open(self, timeout_s: float = 5.0) -> None:
        """Connect."""
        self.link.open(timeout_s)

    def pull(self, timeout_s: float = 0.0) -> list[Marker]:
        """Wait up to `timeout_s` seconds for markers."""
        rows, stamps, _ = self.link.pull(timeout_s, 64)
        offset_s = self.link.offset_s() if len(stamps) else 0.0
        return [
            Marker.of(bytes(row[0]).decode("utf-8", errors="replace"), float(stamp) + offset_s)
            for row, stamp in zip(rows, stamps, strict=True)
        ]

    def close(self) -> None:
        """Disconnect."""
        self.link.close()
