"""Causal filters for the eye: chunks never change what is drawn. No Qt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, iirnotch, sosfilt, sosfilt_zi, tf2sos

__all__ = ["DisplayFilter"]

Rows = npt.NDArray[np.float32]
_NOTCH_Q = 30.0


class DisplayFilter:
    """High-pass, low-pass and notches, each second-order sections with a state.

    Parameters
    ----------
    fs_hz : float
        Rate in hertz.
    n_channels : int
        Columns.
    low_hz, high_hz : float
        Pass band in hertz; 0, or a rate that the stream does not carry, leaves that side open.
    notch_hz : tuple of float
        Frequencies to remove, in hertz.
    """

    def __init__(
        self,
        fs_hz: float,
        n_channels: int,
        low_hz: float,
        high_hz: float,
        notch_hz: tuple[float, ...] = (),
    ) -> None:
        sections = []
        if 0 < low_hz < fs_hz / 2:
            sections.append(butter(1, low_hz, "highpass", fs=fs_hz, output="sos"))
        if 0 < high_hz < fs_hz / 2:
            sections.append(butter(4, high_hz, "lowpass", fs=fs_hz, output="sos"))
        sections += [tf2sos(*iirnotch(f, _NOTCH_Q, fs_hz)) for f in notch_hz if f < fs_hz / 2]
        self._sos = np.concatenate(sections) if sections else None
        self._rest = None if self._sos is None else sosfilt_zi(self._sos)[:, :, np.newaxis]
        self._state: npt.NDArray[np.float64] | None = None
        self._last = np.zeros(n_channels)
        self._next = -1

    def __call__(self, rows: Rows, first_index: int) -> Rows:
        """Filter the next rows (n, channels); a gap starts anew, NaN stays NaN."""
        if self._sos is None or self._rest is None or not len(rows):
            return rows
        if first_index != self._next:
            self._state = None
        self._next = first_index + len(rows)
        missing = ~np.isfinite(rows)
        values = rows.astype(np.float64)
        if missing.any():
            values = _held(values, missing, self._last)
        if self._state is None:
            self._state = self._rest * values[0]
        self._last = values[-1].copy()
        filtered, self._state = sosfilt(self._sos, values, axis=0, zi=self._state)
        made: Rows = filtered.astype(np.float32)
        made[missing] = np.nan
        return made


def _held(
    values: npt.NDArray[np.float64],
    missing: npt.NDArray[np.bool_],
    last: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Put the last value of the channel where there is none."""
    rows = np.where(missing, -1, np.arange(len(values))[:, np.newaxis])
    source = np.maximum.accumulate(rows, axis=0)
    held: npt.NDArray[np.float64] = np.where(
        source >= 0, values[source, np.arange(values.shape[1])], last
    )
    return held
