"""The EEG chain: samples and markers in, decoder-ready steps out. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquisition.eeg.asr import AsrModel
from acquisition.eeg.channels import (
    ChannelFlag,
    HoldLast,
    average_reference,
)
from acquisition.eeg.cleaner import Cleaner
from acquisition.eeg.config import EegConfig
from acquisition.eeg.epochs import Span, SpanPlanner, sample_index
from acquisition.eeg.growing import GrowingStep, Rings
from acquisition.eeg.repair import Interpolator
from phosphene.errors import CausalityError, InputError, problem

__all__ = ["EegCore", "EegCounts", "EegStep"]


@dataclass(frozen=True, slots=True)
class EegStep:
    """One epoch or window, ready for a decoder.

    Attributes
    ----------
    features : ndarray of float32, shape (n_channels, n_times)
        Filtered, referenced, baseline-corrected, block-averaged microvolts; rows of unusable
        channels are zero.
    kind : {"epoch", "window"}
        What it is.
    index : int
        Number among its kind since the start.
    t_event_s : float
        Data time of the marker, or of the window's end, in seconds.
    t_last_s : float
        Data time of the newest sample used, in seconds.
    label : str or None
        Label of the marker.
    ready : bool
        False while the filter still settles after a start or a long gap.
    rejected : bool
        True when amplitude or channel quality speak against it; it is flagged, not dropped.
    quality : ndarray of uint8, shape (n_channels,)
        Sum of `ChannelFlag` values per channel.
    n_held : int
        Values that were missing and held, over all channels.
    """

    features: npt.NDArray[np.float32]
    kind: Literal["epoch", "window"]
    index: int
    t_event_s: float
    t_last_s: float
    label: str | None
    ready: bool
    rejected: bool
    quality: npt.NDArray[np.uint8]
    n_held: int


@dataclass(slots=True)
class EegCounts:
    """What passed and what was lost.

    Attributes
    ----------
    samples, lost : int
        Samples received and samples missing between them.
    held : ndarray of int64, shape (n_channels,)
        Held values per channel.
    markers, ignored : int
        Markers received, and those whose label opens no epoch.
    triggers_late : int
        Triggers of the scanner that came after their samples were given on.
    too_late, dropped : int
        Epochs whose samples were gone when the marker came, and epochs lost to a long gap or to
        too many waiting markers.
    restarts : int
        Restarts of the filter after a long gap.
    """

    samples: int = 0
    lost: int = 0
    held: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    markers: int = 0
    ignored: int = 0
    triggers_late: int = 0
    too_late: int = 0
    dropped: int = 0
    restarts: int = 0


class EegCore:
    """Turn samples and markers into steps; chunking never changes a bit of them.

    Parameters
    ----------
    config : EegConfig
        Settings.
    first_index : int
        Number of the first sample expected. Data time is sample number over `config.fs_hz`.
    asr : AsrModel, optional
        What clean data look like, where that is known before the stream begins.
    """

    def __init__(
        self, config: EegConfig, first_index: int = 0, asr: AsrModel | None = None
    ) -> None:
        self.config = config
        self.counts = EegCounts(held=np.zeros(config.n_channels, dtype=np.int64))
        self.cleaner = Cleaner(config, asr)
        self._interpolate = Interpolator(config.channel_names)
        self._listed = np.isin(config.channel_names, config.bad_channels)
        self._hold = HoldLast(config.n_channels)
        self._plan = SpanPlanner(config)
        self._slice = max(1, round(config.fs_hz))
        # Only epochs are asked for afterwards.
        history = 0 if config.epoch is None else sample_index(config.history_s, config.fs_hz)
        capacity = self._plan.longest + history + self._slice + self.cleaner.delay_samples
        self._rings = Rings(capacity, config.n_channels)
        self._growing: dict[tuple[str, int], GrowingStep] = {}
        self._restart(first_index)
        self.counts.restarts = 0

    @property
    def next_index(self) -> int:
        """Number of the sample expected next."""
        return self._rings.held.next_index

    @property
    def wanted(self) -> int | None:
        """Samples that the step due next still needs; None while none is planned."""
        stop = self._plan.next_stop
        if stop is None:
            return None
        return max(1, stop + self.cleaner.delay_samples - self.next_index)

    @property
    def ready_index(self) -> int:
        """Steps that start here or later find the filter settled."""
        return self.cleaner.ready_index

    def delay_ms(self, frequency_hz: float) -> float:
        """Group delay of the filter at a frequency in hertz, in milliseconds."""
        return self.cleaner.filter_delay_ms(frequency_hz)

    def push(self, samples: npt.NDArray[np.floating], first_index: int) -> list[EegStep]:
        """Take the next samples.

        Parameters
        ----------
        samples : ndarray of shape (n, n_channels)
            Microvolts; values that are not finite are held and counted.
        first_index : int
            Number of the first of them since the start of the stream.

        Returns
        -------
        list of EegStep
            Steps that became complete, in order of their last samples.

        Raises
        ------
        InputError
            When the shape is wrong.
        CausalityError
            When samples come again that were already taken.
        """
        rows = np.asarray(samples, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.config.n_channels:
            allowed = f"(n, {self.config.n_channels})"
            raise InputError(problem("samples.shape", rows.shape, allowed, "Check the source."))
        if first_index < self.next_index:
            allowed = f"{self.next_index} or later"
            raise CausalityError(
                problem("first_index", first_index, allowed, "Start a new core for a new stream.")
            )
        steps = self._bridge(first_index) if len(rows) else []
        self.counts.samples += len(rows)
        for begin in range(0, len(rows), self._slice):
            steps += self._advance(rows[begin : begin + self._slice])
        return steps

    def marker(self, t_s: float, label: str | None = None) -> list[EegStep]:
        """Take a marker at `t_s` seconds of data time; a late one may complete at once."""
        if not np.isfinite(t_s):
            raise InputError(problem("t_s", t_s, "a finite time in seconds", "Check the markers."))
        self.counts.markers += 1
        span = self._plan.add_marker(t_s, label)
        if span is None:
            self.counts.ignored += 1
            return []
        if span.first < self._rings.clean.first_index:
            self.counts.too_late += self._plan.drop_before(self._rings.clean.first_index)
        elif len(self._plan) > self.config.max_pending:
            self._plan.drop_oldest()
            self.counts.dropped += 1
        return self._collect()

    def trigger(self, t_s: float) -> None:
        """Take a trigger: the scanner begins a volume at `t_s` seconds of data time."""
        self.cleaner.trigger(sample_index(t_s, self.config.fs_hz))
        self.counts.triggers_late = self.cleaner.n_late_triggers

    def _bridge(self, first_index: int) -> list[EegStep]:
        """Fill a short gap with held values; start anew after a long one."""
        gap = first_index - self.next_index
        self.counts.lost += gap
        if gap > self.config.max_gap_s * self.config.fs_hz:
            self.counts.dropped += self._plan.drop_before(first_index)
            self._restart(first_index)
            return []
        missing = np.full((gap, self.config.n_channels), np.nan)
        return self._advance(missing) if gap else []

    def _restart(self, first_index: int) -> None:
        self.cleaner.restart(first_index)
        self._hold = HoldLast(self.config.n_channels)
        self._rings.restart(first_index)
        self._growing.clear()
        self._plan.drop_before(first_index)
        self.counts.restarts += 1

    def _advance(self, rows: npt.NDArray[np.float64]) -> list[EegStep]:
        values, held = self._hold(rows)
        if held.any():
            self.counts.held += held.sum(axis=0)
        raw, clean = self.cleaner(values)
        self._rings.held.push(held)
        self._rings.raw.push(raw)
        self._rings.clean.push(clean)
        return self._collect()

    def _collect(self) -> list[EegStep]:
        return [self._step(span) for span in self._plan.due(self._rings.clean.next_index)]

    def work_ahead(self) -> None:
        """Do what can be done already for the steps that come next.

        It changes no bit of them; whoever calls it when there is time has them sooner.
        """
        spans = self._plan.begun(self._rings.clean.next_index)
        self._growing = {(span.kind, span.index): self._grown(span) for span in spans}

    def _grown(self, span: Span) -> GrowingStep:
        growing = self._growing.pop((span.kind, span.index), None)
        if growing is None:
            growing = GrowingStep(span, self.config)
        growing.grow(self._rings)
        return growing

    def _step(self, span: Span) -> EegStep:
        config, growing = self.config, self._grown(span)
        quality = growing.tally.quality(config.quality, self._listed)
        rows, flags, usable = growing.rows(), quality.flags, quality.usable
        if config.interpolate and self._interpolate.can(quality.bad):
            rows = self._interpolate(rows, quality.bad)
            flags = np.where(quality.bad, flags | np.uint8(ChannelFlag.INTERPOLATED), flags)
            usable = np.ones_like(usable)
        if config.reference == "average":
            rows = average_reference(rows, usable)
        if span.baseline is not None:
            rows = rows[:-1] - rows[-1]
        features = np.ascontiguousarray(np.where(usable, rows, 0.0).T, dtype=np.float32)
        return EegStep(
            features=features,
            kind=span.kind,
            index=span.index,
            t_event_s=span.t_event_s,
            t_last_s=(span.stop - 1) / config.fs_hz,
            label=span.label,
            ready=self.cleaner.ready(span.first, span.stop),
            rejected=quality.rejected,
            quality=flags,
            n_held=quality.n_held,
        )
