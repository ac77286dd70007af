"""The newest samples, addressed by their number since the start of the stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import CausalityError

__all__ = ["Ring"]


class Ring:
    """A bounded store of rows.

    Parameters
    ----------
    capacity : int
        Rows that can be asked for.
    n_columns : int
        Values per row.
    dtype : dtype_like
        Type of the values.
    """

    def __init__(self, capacity: int, n_columns: int, dtype: npt.DTypeLike) -> None:
        self._capacity = capacity
        # Every row is kept twice, a capacity apart: any range is one contiguous block, and no push
        # has to move more than what it brings.
        self._rows = np.zeros((2 * capacity, n_columns), dtype=dtype)
        self._used = 0
        self._next = 0

    @property
    def next_index(self) -> int:
        """Number that the next row will get."""
        return self._next

    @property
    def first_index(self) -> int:
        """Number of the oldest row that can still be asked for."""
        return self._next - self._used

    def restart(self, next_index: int) -> None:
        """Forget all rows; the next row gets `next_index`."""
        self._used = 0
        self._next = next_index

    def push(self, rows: npt.NDArray[np.generic]) -> None:
        """Append rows; of more than `capacity` rows only the newest are kept."""
        self._next += len(rows)
        rows = rows[-self._capacity :]
        self._used = min(self._used + len(rows), self._capacity)
        at = (self._next - len(rows)) % self._capacity
        before_end = min(len(rows), self._capacity - at)
        self._put(at, rows[:before_end])
        if before_end < len(rows):
            self._put(0, rows[before_end:])

    def _put(self, at: int, rows: npt.NDArray[np.generic]) -> None:
        for place in (at, at + self._capacity):
            self._rows[place : place + len(rows)] = rows

    def view(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return rows `start` to `stop` - 1 in place: read them before the next `push`.

        Raises
        ------
        CausalityError
            When a row is not there yet or no longer.
        """
        if not self.first_index <= start <= stop <= self._next:
            raise CausalityError(
                f"rows {start}..{stop} asked for; rows {self.first_index}..{self._next} are held"
            )
        at = start % self._capacity
        return self._rows[at : at + stop - start]
