"""Which samples belong to which step: decided by sample number alone.

An epoch or window is a span of sample numbers. It is due once its last sample is there, in the
order of last samples; how the samples were cut into chunks has no part in it.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import Literal

from acquisition.eeg.config import EegConfig, EpochConfig, WindowConfig

__all__ = ["Span", "SpanPlanner", "sample_index"]


def sample_index(t_s: float, fs_hz: float) -> int:
    """Return the number of the sample nearest to `t_s` seconds of data time; halves round up."""
    return math.floor(t_s * fs_hz + 0.5)


@dataclass(frozen=True, slots=True)
class Span:
    """Samples of one step.

    Attributes
    ----------
    kind : {"epoch", "window"}
        What asked for it.
    index : int
        Number among its kind since the start.
    first : int
        Oldest sample needed, that of the baseline included.
    start, stop : int
        Samples of the step; `stop` is not included.
    baseline : tuple of int or None
        Samples whose mean is subtracted.
    t_event_s : float
        Data time of the marker, or of the window's end, in seconds.
    label : str or None
        Label of the marker.
    """

    kind: Literal["epoch", "window"]
    index: int
    first: int
    start: int
    stop: int
    baseline: tuple[int, int] | None
    t_event_s: float
    label: str | None


class SpanPlanner:
    """Keep the spans that wait for their samples.

    Parameters
    ----------
    config : EegConfig
        Epoch and window settings.
    """

    def __init__(self, config: EegConfig) -> None:
        self._config = config
        self._waiting: list[tuple[int, int, Span]] = []
        self._n_epochs = 0
        self._n_windows = 0
        self._block = config.decimation

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def longest(self) -> int:
        """Samples that the longest step needs, from its oldest to its newest."""
        lengths = [1]
        if self._config.epoch is not None:
            span = self._epoch_span(self._config.epoch, 0.0, None, 0)
            lengths.append(span.stop - span.first)
        if self._config.window is not None:
            lengths.append(self._window_span(self._config.window, 0).stop)
        return max(lengths)

    @property
    def next_stop(self) -> int | None:
        """First sample that the step due next does not need; None while none is planned."""
        stops = [self._waiting[0][0]] if self._waiting else []
        if self._config.window is not None:
            stops.append(self._window_span(self._config.window, self._n_windows).stop)
        return min(stops, default=None)

    def add_marker(self, t_s: float, label: str | None) -> Span | None:
        """Plan the epoch of a marker; None when its label opens no epoch."""
        epoch = self._config.epoch
        if epoch is None or (epoch.labels is not None and label not in epoch.labels):
            return None
        span = self._epoch_span(epoch, t_s, label, self._n_epochs)
        self._n_epochs += 1
        heapq.heappush(self._waiting, (span.stop, span.index, span))
        return span

    def due(self, next_index: int) -> list[Span]:
        """Take the spans whose samples all lie before `next_index`, in order of their ends."""
        spans = []
        while self._waiting and self._waiting[0][0] <= next_index:
            spans.append(heapq.heappop(self._waiting)[2])
        if (config := self._config.window) is not None:
            while (window := self._window_span(config, self._n_windows)).stop <= next_index:
                spans.append(window)
                self._n_windows += 1
        return sorted(spans, key=lambda span: (span.stop, span.kind, span.index))

    def begun(self, next_index: int) -> list[Span]:
        """Return the spans that wait and of which a sample before `next_index` is a part."""
        spans = [entry[2] for entry in self._waiting if entry[2].start < next_index]
        if (config := self._config.window) is not None:
            number = self._n_windows
            while (window := self._window_span(config, number)).start < next_index:
                spans.append(window)
                number += 1
        return spans

    def drop_before(self, index: int) -> int:
        """Forget spans that need a sample before `index`; return how many epochs that cost."""
        kept = [entry for entry in self._waiting if entry[2].first >= index]
        n_dropped = len(self._waiting) - len(kept)
        self._waiting = kept
        heapq.heapify(self._waiting)
        if (config := self._config.window) is not None:
            while self._window_span(config, self._n_windows).first < index:
                self._n_windows += 1
        return n_dropped

    def drop_oldest(self) -> None:
        """Forget the span that would be due first."""
        heapq.heappop(self._waiting)

    def _epoch_span(self, epoch: EpochConfig, t_s: float, label: str | None, index: int) -> Span:
        fs_hz = self._config.fs_hz
        event = sample_index(t_s, fs_hz)
        start = event + sample_index(epoch.start_s, fs_hz)
        n_samples = sample_index(epoch.stop_s - epoch.start_s, fs_hz) // self._block * self._block
        baseline = None
        if epoch.baseline_s is not None:
            begin, end = (event + sample_index(edge_s, fs_hz) for edge_s in epoch.baseline_s)
            baseline = (begin, max(end, begin + 1))
        first = start if baseline is None else min(start, baseline[0])
        stop = start + n_samples
        return Span("epoch", index, first, start, stop, baseline, t_s, label)

    def _window_span(self, window: WindowConfig, index: int) -> Span:
        fs_hz = self._config.fs_hz
        # The hop is rounded per window, not once, so that windows keep pace with the clock.
        start = sample_index(index * window.hop_s, fs_hz)
        n_samples = sample_index(window.length_s, fs_hz) // self._block * self._block
        stop = start + n_samples
        return Span("window", index, start, start, stop, None, stop / fs_hz, None)
