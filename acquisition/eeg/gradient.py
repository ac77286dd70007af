"""Take the artefact of the scanner's gradients out of EEG recorded inside it.

Average artefact subtraction (Allen, Josephs & Turner 2000, NeuroImage 12:230), causally: with every
volume the gradients switch in the same way, so the mean over the past volumes, each without its own
offset, is the artefact; the brain does not follow the volumes and averages out. It is subtracted
from the volume that runs now. Template and subtraction are tied to the triggers that tell when each
volume begins; amplifier and scanner should run on one clock, or what jitters by a part of a sample
stays behind.

A trigger may come a little later than its samples do. The newest `wait` samples are therefore held
back, and this delay is told. Samples without a trigger, before or after a scan, pass unchanged.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["GradientStage"]

Array = npt.NDArray[np.float64]


@dataclass
class _Volume:
    """The volume that runs now."""

    start: int
    length: int
    template: Array | None
    rows: list[Array] = field(default_factory=list)


class GradientStage:
    """Subtracts the mean artefact; the cut into chunks has no part in it.

    Parameters
    ----------
    n_channels : int
        Number of channels.
    length : int
        Samples from one trigger to the next.
    n_average : int
        Past volumes in a template.
    least : int
        Volumes before there is one.
    wait : int
        Samples that are held back for triggers that come late.
    """

    def __init__(
        self, n_channels: int, length: int, n_average: int = 25, least: int = 5, wait: int = 0
    ) -> None:
        self._n, self._length, self._least, self._wait = n_channels, length, least, wait
        self._past: deque[Array] = deque(maxlen=n_average)
        self.n_late = 0
        self.restart(0)

    @property
    def delay_samples(self) -> int:
        """Samples by which the output lags behind the input."""
        return self._wait

    def restart(self, next_index: int) -> None:
        """Begin anew with the sample of this number; templates are forgotten."""
        self._next = next_index
        self._held = np.empty((0, self._n))
        self._triggers: deque[int] = deque()
        self._past.clear()
        self._volume: _Volume | None = None
        self._last_start: int | None = None
        self.learning: tuple[int, float] = (next_index, float(next_index))

    def trigger(self, index: int) -> None:
        """Take a trigger: a volume begins with the sample of this number."""
        if index < self._next:
            self.n_late += 1
            return
        known = self._triggers[-1] if self._triggers else self._last_start
        # The same pulse heard twice, or one that bounces, begins no volume.
        if known is None or index - known > self._length // 2:
            self._triggers.append(index)

    def __call__(self, rows: Array) -> Array:
        """Take rows (n, n_channels) in order; return the corrected ones, `wait` samples later."""
        self._held = np.concatenate([self._held, rows])
        ready = max(0, len(self._held) - self._wait)
        rows, self._held = self._held[:ready], self._held[ready:].copy()
        parts = []
        while len(rows):
            count = self._until_change(len(rows))
            parts.append(self._correct(rows[:count]))
            rows = rows[count:]
            self._next += count
        return np.concatenate(parts) if parts else np.empty((0, self._n))

    def _until_change(self, n: int) -> int:
        """Begin or end a volume where one does; return how many samples belong together."""
        if self._triggers and self._triggers[0] <= self._next:
            self._close()
            self._begin(self._triggers.popleft())
        elif self._volume is not None and self._next >= self._volume.start + self._volume.length:
            self._close()
        stops = [self._next + n]
        if self._volume is not None:
            stops.append(self._volume.start + self._volume.length)
        if self._triggers:
            stops.append(self._triggers[0])
        return min(stops) - self._next

    def _begin(self, start: int) -> None:
        if self._last_start is None or start - self._last_start > 2 * self._length:
            # A scan begins, perhaps another sequence: what was learned before does not hold.
            self._past.clear()
            self.learning = (start, float("inf"))
        self._last_start = start
        template = None
        if len(self._past) >= self._least:
            template = np.mean(self._past, axis=0)
            if self.learning[1] == float("inf"):
                self.learning = (self.learning[0], float(start))
        self._volume = _Volume(start, self._length, template)

    def _close(self) -> None:
        """End the running volume; a complete one is learned from."""
        if self._volume is None:
            return
        rows = np.concatenate(self._volume.rows) if self._volume.rows else np.empty((0, self._n))
        if len(rows) == self._length:
            self._past.append(rows - rows.mean(axis=0))
        self._volume = None

    def _correct(self, rows: Array) -> Array:
        volume = self._volume
        if volume is None:
            return rows
        volume.rows.append(rows)
        if volume.template is None:
            return rows
        offset = self._next - volume.start
        return np.asarray(rows - volume.template[offset : offset + len(rows)])
