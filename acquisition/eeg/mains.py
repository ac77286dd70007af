"""Does the hum of the mains stand out in a second of raw EEG? Pure."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["MainsWatch", "mains_uv", "stands_out"]

MAINS_HZ = (50, 60)
_AROUND_HZ = 5
_LEAST_UV = 5.0
_TIMES = 5.0
"""How far hum must stand above its surroundings, which in clean EEG are of its own size."""
_SECONDS = 5

Samples = npt.NDArray[np.float64]


@lru_cache(maxsize=2)
def _waves(n: int, fs_hz: float) -> tuple[Samples, Samples]:
    """Return the frequencies, and tapered cosines above sines of all, scaled to give RMS."""
    taper = np.hanning(n + 2)[1:-1]
    shifts = (0, -_AROUND_HZ, _AROUND_HZ)
    hz = np.array([f + shift for f in MAINS_HZ for shift in shifts], np.float64)
    turns = 2 * np.pi * np.outer(hz / fs_hz, np.arange(n))
    waves = np.concatenate([np.cos(turns), np.sin(turns)]) * taper
    return hz, waves * np.sqrt(2) / taper.sum()


def mains_uv(samples: Samples, fs_hz: float) -> tuple[Samples, Samples]:
    """Return the amplitude at each mains frequency, and around it.

    Parameters
    ----------
    samples : ndarray of shape (n, n_channels)
        About a second, in microvolts, without missing values.
    fs_hz : float
        Sampling rate in hertz.

    Returns
    -------
    hum, around : ndarray of shape (2, n_channels)
        Root mean square in microvolts, at 50 and 60 Hz; zero where the rate is too low for it.
    """
    hz, waves = _waves(len(samples), fs_hz)
    parts = waves @ (samples - samples.mean(axis=0))
    found = np.hypot(parts[: len(hz)], parts[len(hz) :])
    found[hz >= fs_hz / 2] = 0.0
    by_mains = found.reshape(len(MAINS_HZ), -1, samples.shape[1])
    return by_mains[:, 0], by_mains[:, 1:].max(axis=1)


def stands_out(samples: Samples, fs_hz: float) -> npt.NDArray[np.bool_]:
    """Tell for 50 and 60 Hz, and for each channel (2, n_channels), whether hum stands out."""
    hum, around = mains_uv(samples, fs_hz)
    return np.asarray((hum > _LEAST_UV) & (hum > _TIMES * around))


class MainsWatch:
    """Says when the mains hum at a frequency that the notch does not take out.

    Parameters
    ----------
    fs_hz : float
        Sampling rate in hertz.
    notch_hz : float or None
        Frequency that is taken out.
    """

    def __init__(self, fs_hz: float, notch_hz: float | None) -> None:
        self._fs_hz, self._notch_hz = fs_hz, notch_hz
        self._seconds = [0] * len(MAINS_HZ)
        self.told = ""

    def second(self, samples: Samples) -> None:
        """Take a full second (n, n_channels) of raw samples in microvolts."""
        if not np.isfinite(samples).all():
            return
        # Half of the channels: one that hums alone has a loose electrode.
        common = stands_out(samples, self._fs_hz).mean(axis=1) >= 0.5
        for place, hz in enumerate(MAINS_HZ):
            hums = bool(common[place]) and hz != self._notch_hz
            self._seconds[place] = self._seconds[place] + 1 if hums else 0
            if self._seconds[place] == _SECONDS:
                notch = "no notch" if self._notch_hz is None else f"notch at {self._notch_hz:g}"
                self.told = f"mains at {hz} Hz, {notch}: set notch_hz = {hz}"
