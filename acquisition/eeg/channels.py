"""Is a channel worth listening to? Checks on one step's own samples, so always causal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import numpy.typing as npt

from acquisition.eeg.config import QualityConfig

__all__ = ["ChannelFlag", "ChannelQuality", "HoldLast", "average_reference", "channel_quality"]

Samples = npt.NDArray[np.float64]


class ChannelFlag(IntFlag):
    """What is wrong with a channel in one step; 0 is good."""

    FLAT = 1
    RAILED = 2
    HELD = 4
    NOISY = 8
    LARGE = 16
    LISTED = 32
    INTERPOLATED = 64


_UNFIT = (
    ChannelFlag.FLAT
    | ChannelFlag.RAILED
    | ChannelFlag.HELD
    | ChannelFlag.NOISY
    | ChannelFlag.LISTED
)


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
    low, high = raw.min(axis=0), raw.max(axis=0)
    flat = high - low < config.flat_uv
    n_held = np.count_nonzero(held, axis=0)
    at_low, at_high = (np.count_nonzero(raw == edge, axis=0) for edge in (low, high))
    at_edge = np.maximum(at_low, at_high) / len(raw)
    railed = ~flat & (at_edge > config.rail_fraction) & (n_held == 0)
    if config.rail_uv is not None:
        railed |= (np.abs(raw) >= config.rail_uv).mean(axis=0) > config.rail_fraction
    steps = raw[1:] - raw[:-1]
    step_uv = np.sqrt(np.einsum("ij,ij->j", steps, steps) / max(len(steps), 1))
    noisy = step_uv > config.noisy_uv
    if len(step_uv) >= 3:
        noisy |= step_uv > config.noisy_ratio * max(float(np.median(step_uv)), config.flat_uv)
    large = np.ptp(filtered, axis=0) > config.large_uv
    flags = np.zeros(raw.shape[1], dtype=np.uint8)
    for found, flag in (
        (flat, ChannelFlag.FLAT),
        (railed, ChannelFlag.RAILED),
        (n_held > 0, ChannelFlag.HELD),
        (noisy, ChannelFlag.NOISY),
        (large, ChannelFlag.LARGE),
    ):
        flags |= np.where(found, np.uint8(flag), np.uint8(0))
    usable = ~(flat | railed | (n_held / len(held) > config.held_fraction))
    if listed is not None:
        flags |= np.where(listed, np.uint8(ChannelFlag.LISTED), np.uint8(0))
        usable &= ~listed
    return ChannelQuality(flags, usable, int(n_held.sum()))


def average_reference(samples: Samples, usable: npt.NDArray[np.bool_]) -> Samples:
    """Subtract the mean over the usable channels from every channel; needs two or more of them."""
    if int(usable.sum()) < 2:
        return samples
    referenced: Samples = samples - samples[:, usable].mean(axis=1, keepdims=True)
    return referenced
