"""Is a channel worth listening to? Checks on one step's own samples, so always causal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.eeg.config import QualityConfig
from phosphene.eeg_flags import ChannelFlag

__all__ = [
    "ChannelFlag",
    "ChannelQuality",
    "ChannelTally",
    "HoldLast",
    "average_reference",
    "channel_quality",
]

Samples = npt.NDArray[np.float64]


_UNFIT = (
    ChannelFlag.FLAT
    | ChannelFlag.RAILED
    | ChannelFlag.HELD
    | ChannelFlag.NOISY
    | ChannelFlag.LISTED
)


_ORDER = np.array(
    [
        ChannelFlag.FLAT,
        ChannelFlag.RAILED,
        ChannelFlag.HELD,
        ChannelFlag.NOISY,
        ChannelFlag.LARGE,
        ChannelFlag.LISTED,
    ],
    np.uint8,
)
_LEAST_TO_COMPARE = 3
"""Channels without which none is noisier than usual."""


@dataclass(frozen=True, slots=True)
class ChannelQuality:
    """Findings for one step.

    Attributes
    ----------
    flags : ndarray of uint8, shape (n_channels,)
        Sum of `ChannelFlag` values per channel.
    usable : ndarray of bool, shape (n_channels,)
        False where the channel carries no brain signal (flat, railed or mostly held).
    n_held : int
        Held values in the step, over all channels.
    """

    flags: npt.NDArray[np.uint8]
    usable: npt.NDArray[np.bool_]
    n_held: int

    @property
    def bad(self) -> npt.NDArray[np.bool_]:
        """True where a channel carries no brain signal, is noisy, or is listed as bad."""
        noisy = (self.flags & int(ChannelFlag.NOISY | ChannelFlag.LISTED)) != 0
        return np.asarray(noisy | ~self.usable)

    @property
    def rejected(self) -> bool:
        """True when a good channel is too large, or fewer than half of the channels are good."""
        good = (self.flags & int(_UNFIT)) == 0
        large = (self.flags & int(ChannelFlag.LARGE)) != 0
        return bool((good & large).any() or 2 * int(good.sum()) < len(good))


class HoldLast:
    """Replace values that are not finite by the last finite one of the channel.

    Parameters
    ----------
    n_channels : int
        Number of channels; each starts at 0 until its first finite value.
    """

    def __init__(self, n_channels: int) -> None:
        self._last = np.zeros(n_channels)

    def __call__(self, samples: Samples) -> tuple[Samples, npt.NDArray[np.bool_]]:
        """Return the samples without gaps, and a mask that is True where a value was held."""
        held = ~np.isfinite(samples)
        if len(samples) == 0:
            return samples, held
        if held.any():
            rows = np.where(held, -1, np.arange(len(samples))[:, np.newaxis])
            source = np.maximum.accumulate(rows, axis=0)
            columns = np.arange(samples.shape[1])
            samples = np.where(source >= 0, samples[source, columns], self._last)
        self._last = samples[-1].copy()
        return samples, held


class ChannelTally:
    """What the checks need to know of one step, gathered stretch by stretch.

    A step's last stretch is all that is left to do when its last sample comes. The same stretches
    give the same bits.

    Parameters
    ----------
    n_channels : int
        Number of channels.
    """

    def __init__(self, n_channels: int) -> None:
        self._n = 0
        self._low, self._clean_low = np.full((2, n_channels), np.inf)
        self._high, self._clean_high = np.full((2, n_channels), -np.inf)
        self._at_low, self._at_high, self._n_held, self._over = np.zeros((4, n_channels), np.int64)
        self._last, self._power = np.zeros((2, n_channels))

    def add(
        self,
        raw: Samples,
        held: npt.NDArray[np.bool_],
        filtered: Samples,
        rail_uv: float | None = None,
    ) -> None:
        """Take the next stretch, one sample or more; see `channel_quality`."""
        low, high = np.minimum.reduce(raw), np.maximum.reduce(raw)
        at_low, at_high = np.add.reduce(raw == low), np.add.reduce(raw == high)
        self._at_low = self._at_low * (self._low <= low) + at_low * (low <= self._low)
        self._at_high = self._at_high * (self._high >= high) + at_high * (high >= self._high)
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)
        self._n_held = self._n_held + np.add.reduce(held)
        if rail_uv is not None:
            self._over = self._over + np.add.reduce(np.abs(raw) >= rail_uv)
        steps = raw[1:] - raw[:-1]
        self._power = self._power + np.einsum("ij,ij->j", steps, steps)
        if self._n:
            self._power = self._power + np.square(raw[0] - self._last)
        self._last = raw[-1].copy()
        self._n += len(raw)
        self._clean_low = np.minimum(self._clean_low, np.minimum.reduce(filtered))
        self._clean_high = np.maximum(self._clean_high, np.maximum.reduce(filtered))

    def quality(
        self, config: QualityConfig, listed: npt.NDArray[np.bool_] | None = None
    ) -> ChannelQuality:
        """Judge what was added."""
        most = config.rail_fraction * self._n
        found = np.zeros((len(_ORDER), len(self._low)), np.bool_)
        flat, railed, missing, noisy, large, known = found
        np.less(self._high - self._low, config.flat_uv, out=flat)
        np.greater(self._n_held, 0, out=missing)
        np.greater(np.maximum(self._at_low, self._at_high), most, out=railed)
        railed &= ~(flat | missing)
        if config.rail_uv is not None:
            railed |= self._over > most
        step_uv = np.sqrt(self._power / max(self._n - 1, 1))
        limit_uv = config.noisy_uv
        if len(step_uv) >= _LEAST_TO_COMPARE:
            usual_uv = max(_median(step_uv), config.flat_uv)
            limit_uv = min(limit_uv, config.noisy_ratio * usual_uv)
        np.greater(step_uv, limit_uv, out=noisy)
        np.greater(self._clean_high - self._clean_low, config.large_uv, out=large)
        if listed is not None:
            known[:] = listed
        gone = self._n_held > config.held_fraction * self._n
        flags = np.dot(_ORDER, found.view(np.uint8))
        return ChannelQuality(flags, ~(flat | railed | gone | known), int(self._n_held.sum()))


def _median(values: Samples) -> float:
    """Return what `numpy.median` does, in a fifth of its time."""
    ordered, middle = np.sort(values), len(values) // 2
    return float((ordered[middle] + ordered[-1 - middle]) / 2)


def channel_quality(
    raw: Samples,
    held: npt.NDArray[np.bool_],
    filtered: Samples,
    config: QualityConfig,
    listed: npt.NDArray[np.bool_] | None = None,
) -> ChannelQuality:
    """Check every channel of one step.

    Parameters
    ----------
    raw : ndarray of shape (n, n_channels)
        Unfiltered samples in microvolts, with held values in place of missing ones.
    held : ndarray of bool, shape (n, n_channels)
        True where a value was held.
    filtered : ndarray of shape (m, n_channels)
        Filtered samples in microvolts.
    config : QualityConfig
        Limits.
    listed : ndarray of bool, shape (n_channels,), optional
        Channels that are known to be bad.

    Returns
    -------
    ChannelQuality
        Flags per channel.
    """
    tally = ChannelTally(raw.shape[1])
    tally.add(raw, held, filtered, config.rail_uv)
    return tally.quality(config, listed)


def average_reference(samples: Samples, usable: npt.NDArray[np.bool_]) -> Samples:
    """Subtract the mean over the usable channels from every channel; needs two or more of them."""
    n = int(np.count_nonzero(usable))
    if n < 2:
        return samples
    kept = samples if n == len(usable) else samples[:, usable]
    referenced: Samples = samples - np.add.reduce(kept, axis=1, keepdims=True) / n
    return referenced
