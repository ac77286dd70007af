"""Follow a sample counter and find what was lost. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from acquisition.lsl.formats import COUNTER_MODULO

__all__ = ["CounterFollower", "Piece"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a chunk that follow each other without a gap.

    Attributes
    ----------
    begin, end : int
        Rows within the chunk; `end` is not included.
    first_index : int
        Number of the first row since the start of the source.
    """

    begin: int
    end: int
    first_index: int


class CounterFollower:
    """Turn a counter that wraps at 2**24 into sample numbers that never do.

    A jump ahead by less than half the modulus is a gap. A jump back means that the source started
    anew or sent samples twice.

    Attributes
    ----------
    n_lost : int
        Samples missing between those that came.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self.n_lost = 0

    @property
    def next_index(self) -> int | None:
        """Number expected next; None before the first sample."""
        return None if self._last is None else self._last + 1

    def push(self, counter: npt.NDArray[np.floating]) -> tuple[list[Piece], bool]:
        """Take the counter values of the next chunk.

        Parameters
        ----------
        counter : ndarray of shape (n,)
            Whole numbers from 0 to 2**24 - 1.

        Returns
        -------
        pieces : list of Piece
            Unbroken stretches. Empty when the counter went back.
        went_back : bool
            True when the counter went back or is no counter; call `restart` before going on.
        """
        if len(counter) == 0:
            return [], False
        values = counter.astype(np.int64)
        if self._last is not None and _goes_on(self._last, counter, values):
            first, self._last = self._last + 1, self._last + len(values)
            return [Piece(0, len(values), first)], False
        if (values != counter).any() or values.min() < 0 or values.max() >= COUNTER_MODULO:
            return [], True
        previous = int(values[0]) - 1 if self._last is None else self._last
        steps = np.diff(values, prepend=previous % COUNTER_MODULO) % COUNTER_MODULO
        if (steps == 0).any() or (steps > COUNTER_MODULO // 2).any():
            return [], True
        numbers = previous + np.cumsum(steps)
        self.n_lost += int((steps - 1).sum())
        self._last = int(numbers[-1])
        edges = [0, *(np.flatnonzero(steps[1:] != 1) + 1).tolist(), len(values)]
        pieces = [Piece(begin, end, int(numbers[begin])) for begin, end in pairwise(edges)]
        return pieces, False

    def restart(self) -> None:
        """Believe the next counter value, whatever it is."""
        self._last = None


def _goes_on(last: int, counter: npt.NDArray[np.floating], values: npt.NDArray[np.int64]) -> bool:
    """Tell whether these are the next numbers without gap or wrap: nearly always so."""
    begin = (last + 1) % COUNTER_MODULO
    if begin + len(values) > COUNTER_MODULO or values[0] != begin:
        return False
    return bool(np.array_equal(counter, np.arange(begin, begin + len(values))))
