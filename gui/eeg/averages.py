"""Averages of epochs by class, with their standard error. No Qt."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gui.eeg.ring import SampleRing

__all__ = ["Average", "Averages"]

START_S, STOP_S = -0.2, 0.8
MOST_CLASSES = 8
_MOST_WAITING = 256

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Average:
    """The average of one class in one channel.

    Attributes
    ----------
    label : str
        The class.
    n : int
        Epochs in it.
    too_large, no_data : int
        Epochs that were left out in this channel: above the limit, or with samples missing.
    mean_uv, error_uv : ndarray (times,)
        Mean, and standard error of the mean, in microvolts; the latter is NaN for one epoch.
    """

    label: str
    n: int
    too_large: int
    no_data: int
    mean_uv: Floats
    error_uv: Floats


@dataclass
class _Sums:
    total: Floats
    squares: Floats
    n: npt.NDArray[np.int64]
    no_data: npt.NDArray[np.int64]
    seen: int = 0


@dataclass(order=True)
class _Waiting:
    t_s: float
    label: str = field(compare=True)


class Averages:
    """Cuts epochs round markers and sums them up by label.

    Neither chunks nor the order in which markers and samples come change an average.

    Parameters
    ----------
    fs_hz : float
        Rate in hertz.
    n_channels : int
        Channels.
    reject_uv : float
        Peak-to-peak amplitude above which a channel's epoch is left out, in microvolts.
    """

    def __init__(self, fs_hz: float, n_channels: int, reject_uv: float) -> None:
        self._fs_hz, self._reject_uv = fs_hz, reject_uv
        self._start, self._stop = round(START_S * fs_hz), round(STOP_S * fs_hz)
        self._shape = (self._stop - self._start, n_channels)
        self._waiting: list[_Waiting] = []
        self._sums: dict[str, _Sums] = {}
        self.too_late = 0
        self.other_classes = 0

    @property
    def times_ms(self) -> Floats:
        """Times of the samples round the marker, in milliseconds."""
        return np.arange(self._start, self._stop) / self._fs_hz * 1e3

    @property
    def labels(self) -> list[str]:
        """Classes so far, in the order of their names."""
        return sorted(self._sums)

    def marker(self, t_s: float, label: str) -> None:
        """Note a marker at `t_s` seconds of data time."""
        bisect.insort(self._waiting, _Waiting(t_s, label))
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.pop(0)
            self.too_late += 1

    def advance(self, ring: SampleRing) -> bool:
        """Take in what is complete; return whether there was any."""
        done = False
        while self._waiting:
            first = self._waiting[0]
            event = round(first.t_s * self._fs_hz)
            if event + self._stop > ring.next_index:
                break
            self._waiting.pop(0)
            if event + self._start < ring.first_index:
                self.too_late += 1
                continue
            self._add(first.label, ring.get(event + self._start, event + self._stop))
            done = True
        return done

    def _add(self, label: str, rows: npt.NDArray[np.float32]) -> None:
        sums = self._sums.get(label)
        if sums is None:
            if len(self._sums) == MOST_CLASSES:
                self.other_classes += 1
                return
            zeros, none = np.zeros(self._shape), np.zeros(self._shape[1], np.int64)
            sums = self._sums[label] = _Sums(zeros, zeros.copy(), none, none.copy())
        sums.seen += 1
        epoch = rows.astype(np.float64)
        epoch -= epoch[: -self._start].mean(axis=0)
        with np.errstate(invalid="ignore"):
            good = np.ptp(epoch, axis=0) <= self._reject_uv  # False for NaN
        epoch[:, ~good] = 0.0
        sums.total += epoch
        sums.squares += epoch**2
        sums.n += good
        sums.no_data += ~np.isfinite(rows).all(axis=0)

    def of(self, channel: int) -> list[Average]:
        """Return the averages of one channel, by class."""
        found = []
        for label in self.labels:
            sums = self._sums[label]
            n = int(sums.n[channel])
            mean = sums.total[:, channel] / max(n, 1)
            error = np.full(len(mean), np.nan)
            if n > 1:
                spread = np.maximum(sums.squares[:, channel] / n - mean**2, 0.0)
                error = np.sqrt(spread / (n - 1))
            no_data = int(sums.no_data[channel])
            found.append(Average(label, n, sums.seen - n - no_data, no_data, mean, error))
        return found
