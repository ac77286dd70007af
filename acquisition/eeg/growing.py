"""A step that grows with its samples, so that little is left to do when the last one comes.

Averages over blocks, reference and interpolation are linear: the blocks of every channel are
averaged first, and channels are mixed once it is known which of them are good.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.eeg.channels import ChannelTally
from acquisition.eeg.config import EegConfig
from acquisition.eeg.epochs import Span
from acquisition.eeg.ring import Ring

__all__ = ["GrowingStep", "Rings"]

_STRETCH = 96


class Rings:
    """The newest samples in three forms.

    Parameters
    ----------
    capacity : int
        Samples that can be asked for.
    n_channels : int
        Number of channels.

    Attributes
    ----------
    raw, held, clean : Ring
        Unfiltered microvolts, where a value was held, and clean microvolts.
    """

    def __init__(self, capacity: int, n_channels: int) -> None:
        self.raw = Ring(capacity, n_channels, np.float64)
        self.held = Ring(capacity, n_channels, np.bool_)
        self.clean = Ring(capacity, n_channels, np.float64)

    def restart(self, first_index: int) -> None:
        """Forget everything; the next sample has this number."""
        for ring in (self.raw, self.held, self.clean):
            ring.restart(first_index)


class GrowingStep:
    """Gathers one span, in stretches that depend on the span alone.

    Parameters
    ----------
    span : Span
        Its samples.
    config : EegConfig
        Settings.

    Attributes
    ----------
    blocks : ndarray of shape (n_times, n_channels)
        Mean microvolts of each block of samples, as far as they have come.
    tally : ChannelTally
        For the checks of the channels.
    """

    def __init__(self, span: Span, config: EegConfig) -> None:
        self.span = span
        self._block, self._rail_uv = config.decimation, config.quality.rail_uv
        n_times = (span.stop - span.start) // self._block
        self.blocks = np.empty((n_times, config.n_channels))
        self.tally = ChannelTally(config.n_channels)
        self._baseline: npt.NDArray[np.float64] | None = None
        # The last stretch is a single block.
        size = max(1, _STRETCH // self._block) * self._block
        last = span.stop - self._block
        self._edges = [*range(span.start + size, last, size), last, span.stop]
        if self._edges[0] <= span.start:
            self._edges = self._edges[1:]
        self._at, self._done = span.start, 0

    def grow(self, rings: Rings) -> None:
        """Take in every stretch that is complete by now."""
        ready = rings.clean.next_index
        while self._done < len(self._edges) and self._edges[self._done] <= ready:
            begin, end = self._at, self._edges[self._done]
            clean = rings.clean.view(begin, end)
            self.tally.add(
                rings.raw.view(begin, end), rings.held.view(begin, end), clean, self._rail_uv
            )
            first, stop = ((edge - self.span.start) // self._block for edge in (begin, end))
            parts = clean.reshape(stop - first, self._block, -1)
            np.add.reduce(parts, axis=1, out=self.blocks[first:stop])
            self.blocks[first:stop] /= self._block
            self._at, self._done = end, self._done + 1
        if self.span.baseline is not None and self._baseline is None:
            edges = self.span.baseline
            if edges[1] <= ready:
                self._baseline = rings.clean.view(*edges).mean(axis=0)

    def rows(self) -> npt.NDArray[np.float64]:
        """Return the blocks, and below them the baseline's mean where there is one."""
        if self._baseline is None:
            return self.blocks
        return np.concatenate([self.blocks, self._baseline[np.newaxis]])
