"""What an EEG amplifier records besides the response: brain, eyes, mains and itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy

from acquisition.simulate.scalp import CHANNELS, bump, positions

__all__ = ["alpha", "blinks", "hum", "pink", "sensor"]

Array = npt.NDArray[np.float64]


def pink(n: int, fs_hz: float, level_uv: float, rng: np.random.Generator) -> Array:
    """Background activity with power falling as 1/f above 0.5 Hz, smooth over the scalp.

    Returns
    -------
    ndarray of shape (n, 32)
        Microvolts; `level_uv` is the standard deviation of every channel.
    """
    frequency = np.fft.rfftfreq(n, 1 / fs_hz)
    gain = 1 / np.sqrt(np.maximum(frequency, 0.5))
    gain[0] = 0.0
    white = np.fft.rfft(rng.standard_normal((n, len(CHANNELS))), axis=0)
    sources = np.fft.irfft(white * gain[:, np.newaxis], n, axis=0)
    mixing = np.stack([bump(place, 0.35) for place in positions()])
    return _scaled(sources @ mixing, level_uv)


def alpha(n: int, fs_hz: float, level_uv: float, rng: np.random.Generator) -> Array:
    """Occipital rhythm of 8 to 12 Hz that waxes and wanes, shape (n, 32), microvolts at Oz."""
    # As an attribute, scipy loads it when it is used: a scanner has no such rhythm.
    sos = scipy.signal.butter(2, (8.0, 12.0), "bandpass", fs=fs_hz, output="sos")
    waves = np.stack([scipy.signal.sosfilt(sos, rng.standard_normal(n)) for _ in range(2)], axis=1)
    patterns = np.stack([bump((-0.3, -0.8), 0.5), bump((0.3, -0.8), 0.5)])
    mixed = waves @ patterns
    return mixed * (level_uv / max(float(mixed[:, CHANNELS.index("Oz")].std()), 1e-9))


def hum(n: int, fs_hz: float, line_hz: float, level_uv: float, rng: np.random.Generator) -> Array:
    """Line hum with one phase and an amplitude per channel, shape (n, 32), microvolts."""
    amplitude = level_uv * rng.uniform(0.3, 1.0, len(CHANNELS))
    wave = np.sin(2 * np.pi * line_hz * np.arange(n) / fs_hz + rng.uniform(0, 2 * np.pi))
    made: Array = wave[:, np.newaxis] * amplitude
    return made


def blinks(
    n: int, fs_hz: float, rate_hz: float, level_uv: float, rng: np.random.Generator
) -> Array:
    """Blinks of 0.3 s at random moments, strongest at the forehead, shape (n, 32), microvolts."""
    trace = np.zeros(n)
    length = max(2, round(0.3 * fs_hz))
    for begin in np.flatnonzero(rng.random(n) < rate_hz / fs_hz):
        part = trace[begin : begin + length]
        part += (np.hanning(length) * rng.uniform(0.6, 1.4))[: len(part)]
    return level_uv * trace[:, np.newaxis] * bump((0.0, 1.0), 0.5)


def sensor(n: int, level_uv: float, rng: np.random.Generator) -> Array:
    """White noise of electrodes and amplifier, shape (n, 32), microvolts."""
    return level_uv * rng.standard_normal((n, len(CHANNELS)))


def _scaled(values: Array, level: float) -> Array:
    scaled: Array = values * (level / np.maximum(values.std(axis=0), 1e-9))
    return scaled
