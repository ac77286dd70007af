"""The newest samples of a stream, by their numbers. No Qt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["SampleRing"]

Rows = npt.NDArray[np.float32]


class SampleRing:
    """Keeps the newest rows; what never came is NaN.

    Parameters
    ----------
    capacity : int
        Rows kept.
    n_channels : int
        Columns.
    """

    def __init__(self, capacity: int, n_channels: int) -> None:
        self._rows = np.full((capacity, n_channels), np.nan, np.float32)
        self.next_index = 0
        self.first_index = 0

    @property
    def capacity(self) -> int:
        """Rows kept at most."""
        return len(self._rows)

    def push(self, rows: Rows, first_index: int) -> None:
        """Take rows (n, channels) with the number of their first.

        A gap is filled with NaN; numbers that start over forget everything.
        """
        if first_index < self.next_index or self.next_index == self.first_index:
            self.first_index = self.next_index = first_index
        elif first_index > self.next_index:
            missing = min(first_index - self.next_index, self.capacity)
            self._write(np.full((missing, self._rows.shape[1]), np.nan, np.float32), first_index)
        self._write(rows, first_index + len(rows))

    def _write(self, rows: Rows, stop: int) -> None:
        rows = rows[-self.capacity :]
        at = (stop - len(rows) + np.arange(len(rows))) % self.capacity
        self._rows[at] = rows
        self.next_index = stop
        self.first_index = max(self.first_index, stop - self.capacity)

    def get(self, start: int, stop: int, channels: slice | list[int] = slice(None)) -> Rows:
        """Return a copy of rows `start` to `stop` of some channels; NaN where there is nothing."""
        found = self._rows[:0, channels]
        low, high = max(start, self.first_index), min(stop, self.next_index)
        held = np.full((max(0, stop - start), found.shape[1]), np.nan, np.float32)
        if high > low:
            at = np.arange(low, high) % self.capacity
            held[low - start : high - start] = self._rows[at][:, channels]
        return held
