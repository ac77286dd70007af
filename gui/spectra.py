"""Spectra of the signals of regions. No Qt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gui.history import Curve

__all__ = ["LEAST_POINTS", "amplitudes"]

LEAST_POINTS = 16

Floats = npt.NDArray[np.float64]


def amplitudes(curve: Curve) -> tuple[Floats, Floats]:
    """Return the amplitude spectrum of a signal, without its mean and its slope.

    Parameters
    ----------
    curve : tuple of ndarray
        Times in seconds and values; volumes that were lost are filled in along a straight line.

    Returns
    -------
    ndarray
        Frequencies in hertz up to half the rate of the volumes, without 0; empty for fewer than 16
        points.
    ndarray
        Amplitudes in the unit of the values: 2 |X| / sum(w) with a Hann window w.
    """
    times, values = curve
    whole = np.isfinite(values)
    times, values = times[whole], values[whole]
    empty = np.zeros(0)
    if len(times) < LEAST_POINTS:
        return empty, empty
    step_s = float(np.median(np.diff(times)))
    if step_s <= 0:
        return empty, empty
    even = np.arange(times[0], times[-1] + step_s / 2, step_s)
    y = np.interp(even, times, values)
    slope = np.polynomial.polynomial.polyfit(even - even[0], y, 1)
    y = y - np.polynomial.polynomial.polyval(even - even[0], slope)
    window = np.hanning(len(y) + 2)[1:-1]
    found = 2 * np.abs(np.fft.rfft(y * window)) / window.sum()
    frequencies = np.fft.rfftfreq(len(y), step_s)
    return frequencies[1:].astype(np.float64), found[1:].astype(np.float64)
