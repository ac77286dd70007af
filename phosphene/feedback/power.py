"""Power of the EEG in a band, sample by sample: the same whatever the chunks it comes in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, problem

__all__ = ["PowerMeter", "PowerStep"]

STEP_S = 0.1
_ORDER = 2
_SETTLE_CYCLES = 3.0


@dataclass(frozen=True)
class PowerStep:
    """Power of one step.

    Attributes
    ----------
    index : int
        Number of the step since the first sample.
    t_end_s : float
        Its end on the recording's axis, in seconds.
    power_uv2 : float
        Mean square of the filtered signal over samples and channels, in square microvolts.
    """

    index: int
    t_end_s: float
    power_uv2: float


class PowerMeter:
    """Causal band-pass (Butterworth, order 2 twice over), square, mean in steps of 0.1 s.

    Steps count from the first sample. After the begin and after each gap, nothing is told until the
    filter has settled: three periods of the band's width.

    Parameters
    ----------
    fs_hz : float
        Sampling rate in hertz.
    band_hz : tuple of float
        Pass band in hertz.
    columns : sequence of int or None
        Channels to average; None for all.

    Raises
    ------
    ConfigError
        If the band does not lie below half the rate.
    """

    def __init__(
        self, fs_hz: float, band_hz: tuple[float, float], columns: Sequence[int] | None = None
    ) -> None:
        from scipy.signal import butter

        if not 0 < band_hz[0] < band_hz[1] < fs_hz / 2:
            allowed = f"a band below {fs_hz / 2:g} Hz, half the rate of the stream"
            raise ConfigError(problem("protocol.score.band_hz", band_hz, allowed, "Choose one."))
        self._sos = butter(_ORDER, band_hz, btype="bandpass", fs=fs_hz, output="sos")
        self._fs_hz, self._columns = fs_hz, None if columns is None else list(columns)
        self.step = max(1, round(STEP_S * fs_hz))
        self._settle = math.ceil(_SETTLE_CYCLES / (band_hz[1] - band_hz[0]) * fs_hz)
        self._state: npt.NDArray[np.float64] | None = None
        self._clean = 0  # samples since the begin or the last gap
        self._taken = 0
        self._squares: list[float] = []
        self._bad = False
        self._next: int | None = None

    def add(self, samples: npt.NDArray[Any], first_index: int, t_first_s: float) -> list[PowerStep]:
        """Take samples in.

        Parameters
        ----------
        samples : ndarray (time, channel)
            In microvolts; rows with a value that is not a number are a gap.
        first_index : int
            Number of the first row since the start of the stream; what is skipped is a gap.
        t_first_s : float
            Its time on the recording's axis, in seconds.

        Returns
        -------
        list of PowerStep
            Steps that were completed and that the filter had settled for.
        """
        rows = np.asarray(samples, np.float64)
        rows = rows if self._columns is None else rows[:, self._columns]
        if self._next is None:
            self._next = first_index
        known = max(0, self._next - first_index)  # sent twice
        missing = max(0, first_index - self._next)
        found = [] if not missing else self._skip(missing, first_index, t_first_s)
        rows, at_s = rows[known:], t_first_s + known / self._fs_hz
        good: npt.NDArray[np.bool_] = np.asarray(np.isfinite(rows).all(axis=1))
        edges = np.flatnonzero(np.diff(good)) + 1
        for part, ok in zip(np.split(rows, edges), good[np.r_[0, edges]] if len(good) else (),
                            strict=False):  # fmt: skip
            found += self._put(self._squared(part) if ok else None, len(part), at_s)
            at_s += len(part) / self._fs_hz
        self._next = max(self._next, first_index + len(samples))
        return found

    def _skip(self, missing: int, first_index: int, t_first_s: float) -> list[PowerStep]:
        return self._put(None, missing, t_first_s - missing / self._fs_hz)

    def _squared(self, part: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        from scipy.signal import sosfilt

        if self._state is None:
            self._state = np.zeros((self._sos.shape[0], 2, part.shape[1]))
        filtered, self._state = sosfilt(self._sos, part, axis=0, zi=self._state)
        # Summed channel by channel: np.mean sums in an order that depends on the length.
        total = np.zeros(len(part))
        for channel in range(part.shape[1]):
            total += filtered[:, channel] ** 2
        mean: npt.NDArray[np.float64] = total / part.shape[1]
        return mean

    def _put(
        self, squares: npt.NDArray[np.float64] | None, count: int, at_s: float
    ) -> list[PowerStep]:
        found: list[PowerStep] = []
        if squares is None:
            self._state, self._clean = None, 0
        for k in range(count):
            if squares is None:
                self._bad = True
            else:
                self._clean += 1
                self._squares.append(float(squares[k]))
                self._bad = self._bad or self._clean <= self._settle
            self._taken += 1
            if self._taken % self.step == 0:
                if not self._bad:
                    mean = math.fsum(self._squares) / len(self._squares)
                    end_s = at_s + (k + 1) / self._fs_hz
                    found.append(PowerStep(self._taken // self.step - 1, end_s, mean))
                self._squares, self._bad = [], False
        return found
