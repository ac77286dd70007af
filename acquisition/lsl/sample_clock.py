"""Number the samples of amplifiers that send no counter. No I/O."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from acquisition.lsl.counter import Piece

__all__ = ["SampleClock"]

_KNOWN_S = 1.0  # seconds of data until it is known how old samples are when they come


class SampleClock:
    """Count samples, find gaps in their time stamps, and convert LSL time to data time.

    Parameters
    ----------
    fs_hz : float
        Declared sampling rate in hertz.
    gap_s : float
        Time stamps this much ahead of the count mean lost samples, in seconds. Below it a jump
        is jitter: amplifiers send in packets, and stamps carry milliseconds of noise.
    follow_s : float
        Time constant with which slow drift is followed, in seconds.

    Notes
    -----
    The offset is ``o += a (stamp - n / fs - o)`` sample by sample, so chunking does not change it.

    Stamps that jump are no loss where the clock that makes them was set: they go back, or come
    nearer to the present than any stamp before (of a second or more), which no lost sample can do.
    Numbering then goes on, and the offset is taken anew.

    Attributes
    ----------
    n_lost : int
        Samples missing, judged by time stamps.
    n_resets : int
        How often the clock of the stamps was set; what was lost then is not known.
    """

    def __init__(self, fs_hz: float, gap_s: float = 0.25, follow_s: float = 10.0) -> None:
        self._fs_hz = fs_hz
        self._gap_s = gap_s
        self._gain = 1.0 - math.exp(-1.0 / (fs_hz * follow_s))
        self._offset_s: float | None = None
        self._next = 0
        self._least_lag_s, self._since = float("inf"), 0
        self.n_lost = 0
        self.n_resets = 0

    def push(self, stamps_s: npt.NDArray[np.float64], now_s: float | None = None) -> list[Piece]:
        """Take the LSL times of the next samples and return their unbroken stretches.

        Parameters
        ----------
        stamps_s : ndarray of shape (n,)
            On this machine's clock, in seconds.
        now_s : float or None
            Present time on the same clock; without it a clock that was set ahead looks like a loss.
        """
        pieces: list[Piece] = []
        for row, stamp_s in enumerate(stamps_s.tolist()):
            if self._offset_s is None:
                self._offset_s = stamp_s
            ahead_s = stamp_s - self._next / self._fs_hz - self._offset_s
            if abs(ahead_s) > self._gap_s and self._was_set(stamp_s, ahead_s, now_s):
                self.n_resets += 1
                self._least_lag_s, self._since = float("inf"), self._next
                self._offset_s = stamp_s - self._next / self._fs_hz
                ahead_s = 0.0
            elif ahead_s > self._gap_s:
                missing = round(ahead_s * self._fs_hz)
                self._next += missing
                self.n_lost += missing
                ahead_s -= missing / self._fs_hz
            if not pieces or pieces[-1].first_index + row - pieces[-1].begin != self._next:
                pieces.append(Piece(row, row + 1, self._next))
            else:
                last = pieces[-1]
                pieces[-1] = Piece(last.begin, row + 1, last.first_index)
            self._offset_s += self._gain * ahead_s
            self._next += 1
            if now_s is not None:
                self._least_lag_s = min(self._least_lag_s, now_s - stamp_s)
        return pieces

    def _was_set(self, stamp_s: float, ahead_s: float, now_s: float | None) -> bool:
        if ahead_s < 0:
            return True
        if self._next - self._since < _KNOWN_S * self._fs_hz:
            return False
        return now_s is not None and now_s - stamp_s < self._least_lag_s - self._gap_s

    def data_time_s(self, stamp_s: float) -> float | None:
        """Convert LSL time to data time in seconds; None before the first sample."""
        return None if self._offset_s is None else stamp_s - self._offset_s
