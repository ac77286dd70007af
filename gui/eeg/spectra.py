"""Power spectra of the newest seconds. No Qt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["power_db", "welch"]

Floats = npt.NDArray[np.float64]


def welch(
    rows: npt.NDArray[np.floating], fs_hz: float, segment_s: float = 2.0
) -> tuple[Floats, Floats]:
    """Estimate the power spectral density after Welch (1967): Hann windows, half overlapping.

    Parameters
    ----------
    rows : ndarray of shape (n, channels)
        Microvolts. Segments with a missing value are left out, channel by channel.
    fs_hz : float
        Rate in hertz.
    segment_s : float
        Length of a segment in seconds; its inverse is the resolution.

    Returns
    -------
    ndarray of shape (frequencies,)
        Hertz.
    ndarray of shape (frequencies, channels)
        Square microvolts per hertz; NaN for a channel without a whole segment.
    """
    size = max(8, round(segment_s * fs_hz))
    frequencies = np.arange(size // 2 + 1) * (fs_hz / size)
    values = np.ascontiguousarray(np.asarray(rows, np.float64).T)
    n_channels, end = values.shape
    n_segments = max(0, (end - size) // (size // 2) + 1)
    # The periodic window, as for a Fourier series.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    total = np.zeros((n_channels, len(frequencies)))
    count = np.zeros(n_channels)
    for k in range(n_segments):
        # Counted from the end, so that the newest samples are always in it.
        part = values[:, end - size - k * (size // 2) : end - k * (size // 2)]
        whole = np.isfinite(part.sum(axis=1))
        part = np.where(whole[:, np.newaxis], part, 0.0)
        part -= part.mean(axis=1, keepdims=True)
        spectrum = np.fft.rfft(part * window, axis=1)
        total += spectrum.real**2 + spectrum.imag**2
        count += whole
    density = total / (fs_hz * (window**2).sum())
    density[:, 1 : None if size % 2 else -1] *= 2
    found: Floats = (density / np.where(count > 0, count, np.nan)[:, np.newaxis]).T
    return frequencies.astype(np.float64), found


def power_db(density: Floats) -> Floats:
    """Return decibels relative to one square microvolt per hertz, never below -60."""
    decibels: Floats = 10 * np.log10(np.maximum(density, 1e-6))
    return decibels
