"""The newest samples, addressed by their number since the start of the stream."""

from __future__ import annotations

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
        # Twice the capacity: rows move to the front only once per `capacity` rows, and any range
        # stays one contiguous block.
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
        return self._next - min(self._used, self._capacity)

    def restart(self, next_index: int) -> None:
        """Forget all rows; the next row gets `next_index`."""
        self._used = 0
        self._next = next_index

    def push(self, rows: npt.NDArray[np.generic]) -> None:
        """Append rows; of more than `capacity` rows only the newest are kept."""
        self._next += len(rows)
        rows = rows[-self._capacity :]
        if self._used + len(rows) > len(self._rows):
            keep = self._capacity
            self._rows[:keep] = self._rows[self._used - keep : self._used]
            self._used = keep
        self._rows[self._used : self._used + len(rows)] = rows
        self._used += len(rows)

    def get(self, start: int, stop: int) -> npt.NDArray[np.generic]:
        """Return rows `start` to `stop` - 1 as a copy.

        Raises
        ------
        CausalityError
            When a row is not there yet or no longer.
        """
        if not self.first_index <= start <= stop <= self._next:
            raise CausalityError(
                f"rows {start}..{stop} asked for; rows {self.first_index}..{self._next} are held"
            )
        offset = self._used - self._next
        return self._rows[start + offset : stop + offset].copy()
