"""Causal filters that carry their state from chunk to chunk.

A filter is a cascade of second-order sections; cutting the signal into chunks never changes a bit
of the result, because every section sees the samples one by one, in order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import signal

from acquisition.eeg.config import FilterConfig
from phosphene.errors import InputError, problem

__all__ = ["CausalFilter", "band_delay_ms", "design_sos", "group_delay_ms", "settling_samples"]

Samples = npt.NDArray[np.float64]

_BAND_POINTS = 64


def _run_publicly(sos: Samples, columns: Samples, state: Samples) -> None:
    """Filter (n_channels, n) in place, with the memory (n_channels, n_sections, 2)."""
    memory = np.ascontiguousarray(state.transpose(1, 0, 2))
    columns[:], memory = signal.sosfilt(sos, columns, axis=1, zi=memory)
    state[:] = memory.transpose(1, 0, 2)


try:
    # The loop inside `scipy.signal.sosfilt`. Of a few samples, what is around it takes ten times
    # as long as the loop does, and it runs for every chunk.
    from scipy.signal._sosfilt import _sosfilt as _run
except ImportError:
    _run = _run_publicly


def design_sos(config: FilterConfig, fs_hz: float) -> Samples:
    """Design the cascade: high-pass, low-pass, notches.

    Parameters
    ----------
    config : FilterConfig
        Edges and orders.
    fs_hz : float
        Sampling rate in hertz.

    Returns
    -------
    ndarray of shape (n_sections, 6)
        Second-order sections; a single section that passes everything when nothing is asked for.
    """
    parts = []
    if config.low_hz is not None:
        parts.append(_butter(config.low_order, config.low_hz, "highpass", fs_hz))
    if config.high_hz is not None:
        parts.append(_butter(config.high_order, config.high_hz, "lowpass", fs_hz))
    for notch_hz in config.notch_hz:
        parts.append(signal.tf2sos(*signal.iirnotch(notch_hz, config.notch_q, fs=fs_hz)))
    if not parts:
        return np.array([[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]])
    return np.concatenate(parts)


def _butter(order: int, edge_hz: float, kind: str, fs_hz: float) -> Samples:
    sections: Samples = signal.butter(order, edge_hz, kind, fs=fs_hz, output="sos")
    return sections


def group_delay_ms(sos: Samples, fs_hz: float, frequencies_hz: npt.ArrayLike) -> Samples:
    """Delay of the envelope at each frequency: the sum over the sections.

    Parameters
    ----------
    sos : ndarray of shape (n_sections, 6)
        Second-order sections.
    fs_hz : float
        Sampling rate in hertz.
    frequencies_hz : array_like of shape (n,)
        Frequencies in hertz.

    Returns
    -------
    ndarray of shape (n,)
        Delays in milliseconds.
    """
    frequencies = np.atleast_1d(np.asarray(frequencies_hz, dtype=np.float64))
    delay_samples = np.zeros(len(frequencies))
    for section in sos:
        delay_samples += signal.group_delay((section[:3], section[3:]), frequencies, fs=fs_hz)[1]
    return delay_samples / fs_hz * 1e3


def band_delay_ms(config: FilterConfig, fs_hz: float) -> tuple[float, float]:
    """Delay of the filter over its pass band.

    Parameters
    ----------
    config : FilterConfig
        Edges; an open side counts from 0.1 Hz, or up to half the sampling rate.
    fs_hz : float
        Sampling rate in hertz.

    Returns
    -------
    float
        Mean group delay over the frequencies of the band, in milliseconds. At its lower edge the
        phase of a high-pass runs ahead, so delays differ most there.
    float
        The largest one in the band, in milliseconds.
    """
    low_hz, high_hz = config.low_hz or 0.1, config.high_hz or fs_hz / 2
    inside = np.linspace(low_hz, high_hz, _BAND_POINTS + 2)[1:-1]
    near = [np.abs(inside - hz) <= hz / config.notch_q for hz in config.notch_hz]
    if near:
        inside = inside[~np.any(near, axis=0)]
    delays = group_delay_ms(design_sos(config, fs_hz), fs_hz, inside)
    return float(delays.mean()), float(delays.max())


def settling_samples(sos: Samples, remainder: float = 0.05) -> int:
    """Count the samples after which the slowest mode has decayed to `remainder` of its start."""
    radii = [np.abs(np.roots(section[3:])).max(initial=0.0) for section in sos]
    slowest = float(max(radii))
    if slowest <= 0.0:
        return 0
    return int(np.ceil(np.log(remainder) / np.log(slowest)))


class CausalFilter:
    """One cascade over all channels, with memory.

    Parameters
    ----------
    sos : ndarray of shape (n_sections, 6)
        Second-order sections.
    n_channels : int
        Number of channels.

    Notes
    -----
    The memory starts as if the first sample had lasted forever, so that an electrode offset of
    thousands of microvolts makes no step.
    """

    def __init__(self, sos: Samples, n_channels: int) -> None:
        self._sos = np.ascontiguousarray(sos, dtype=np.float64)
        self._n_channels = n_channels
        self._rest: Samples = signal.sosfilt_zi(self._sos)
        self._state: Samples | None = None

    def reset(self) -> None:
        """Forget everything; the next sample starts anew."""
        self._state = None

    def __call__(self, samples: Samples) -> Samples:
        """Filter the next samples.

        Parameters
        ----------
        samples : ndarray of shape (n, n_channels)
            Finite values in microvolts.

        Returns
        -------
        ndarray of shape (n, n_channels)
            Filtered values in microvolts.

        Raises
        ------
        InputError
            When the number of channels is wrong.
        """
        if samples.ndim != 2 or samples.shape[1] != self._n_channels:
            raise InputError(
                problem("samples.shape", samples.shape, f"(n, {self._n_channels})", "Check source.")
            )
        if len(samples) == 0:
            return np.empty((0, self._n_channels))
        if self._state is None:
            self._state = self._rest * samples[0][:, np.newaxis, np.newaxis]
        columns = np.array(samples.T, dtype=np.float64, order="C")
        _run(self._sos, columns, self._state)
        return columns.T
