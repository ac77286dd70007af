"""Windows: which past volumes one percept is decoded from, and what it is a percept of.

The percept at volume t uses volumes t-w+1 ... t and says what was seen at t - delay. Nothing later
than t is used.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Dataset, Rows
from phosphene.errors import CausalityError, ConfigError, InputError, problem

__all__ = ["WindowBuffer", "target_rows", "whole_periods", "window_rows", "windows"]

Array = npt.NDArray[Any]


class WindowBuffer:
    """Collects live volumes until a window is full.

    A gap (a volume that never came) begins the window anew, so that a percept is always decoded
    from consecutive volumes, as in training.

    Parameters
    ----------
    length : int
        Volumes in a window, 1 or more.
    """

    def __init__(self, length: int) -> None:
        if length < 1:
            raise ConfigError(problem("length", length, "1 or more volumes", "Use the bundle's."))
        self._held: deque[Array] = deque(maxlen=length)
        self._length = length
        self._last: int | None = None
        self._gaps = 0

    @property
    def gaps(self) -> int:
        """How often a gap began the window anew."""
        return self._gaps

    def forget(self) -> None:
        """Begin the window anew; what was held is gone, and that is no gap in the data."""
        self._held.clear()

    def push(self, index: int, x: Array) -> npt.NDArray[np.float32] | None:
        """Take in the next volume.

        Parameters
        ----------
        index : int
            Its number within the run; rises by 1 unless volumes were lost.
        x : array (features,)
            Normalised.

        Returns
        -------
        array (1, length * features) float32 or None
            The window, oldest volume first; None until enough consecutive volumes are there.

        Raises
        ------
        CausalityError
            If a volume comes twice or out of order.
        InputError
            If the number of features changes.
        """
        if self._last is not None and index <= self._last:
            allowed = f"above {self._last}"
            raise CausalityError(problem("index", index, allowed, "Send volumes in order."))
        if self._held and x.shape != self._held[-1].shape:
            allowed = str(self._held[-1].shape)
            raise InputError(problem("x", x.shape, allowed, "Keep to one mask."))
        if self._held and index != (self._last or 0) + 1:
            self._held.clear()
            self._gaps += 1
        self._last = index
        self._held.append(np.array(x, np.float32))
        if len(self._held) < self._length:
            return None
        return np.concatenate(self._held)[None, :]


def window_rows(data: Dataset, length: int, period_s: float) -> Rows:
    """Rows of each full window, oldest first.

    Parameters
    ----------
    data : Dataset
        In order of time within each group.
    length : int
        Volumes in a window.
    period_s : float
        TR in seconds; where two rows of a group lie more than 1.5 TR apart, a volume is missing
        and no window reaches across.

    Returns
    -------
    array of int (windows, length)
        Row numbers; the last column is the present volume.
    """
    consecutive = np.zeros(len(data), dtype=bool)
    run_of = np.zeros(len(data), dtype=int)
    for name in data.group_names:
        rows = np.flatnonzero(data.groups == name)
        near = np.diff(data.times[rows]) <= 1.5 * period_s
        consecutive[rows[1:]] = near & (np.diff(rows) == 1)
    count = 0
    for row in range(len(data)):
        count = count + 1 if consecutive[row] else 1
        run_of[row] = count
    present = np.flatnonzero(run_of >= length)
    return np.asarray(present[:, None] + np.arange(1 - length, 1))


def whole_periods(delay_s: float, period_s: float) -> int:
    """Count the whole TRs that fit into a delay (both in seconds)."""
    return math.floor(delay_s / period_s + 1e-6)


def target_rows(data: Dataset, present: Rows, delay_s: float, period_s: float) -> Rows:
    """Row whose stimulus each percept is about: as many rows back as whole TRs fit into the delay.

    What is left of the delay (less than a TR) must have been taken off when the targets of the
    rows were made; `decoder.targets.make_dataset` does.

    Parameters
    ----------
    data : Dataset
        With times in seconds.
    present : array of int (m,)
        Row of the newest volume of each window.
    delay_s : float
        Haemodynamic delay, in seconds, 0 or more.
    period_s : float
        TR in seconds.

    Returns
    -------
    array of int (m,)
        -1 where no row of the group lies within half a TR of that time.

    Raises
    ------
    CausalityError
        If the delay is negative: a percept would be about the future.
    """
    if delay_s < 0:
        raise CausalityError(problem("delay_s", delay_s, "0 or more seconds", "Use 4 to 6."))
    back_s = period_s * whole_periods(delay_s, period_s)
    found = np.full(len(present), -1)
    for name in data.group_names:
        rows = np.flatnonzero(data.groups == name)
        mine = np.flatnonzero(data.groups[present] == name)
        wanted = data.times[present[mine]] - back_s
        at = np.clip(np.searchsorted(data.times[rows], wanted), 1, max(len(rows) - 1, 1))
        after = rows[np.minimum(at, len(rows) - 1)]
        before = rows[at - 1]
        nearer = np.where(
            np.abs(data.times[after] - wanted) < np.abs(data.times[before] - wanted), after, before
        )
        close = np.abs(data.times[nearer] - wanted) <= 0.5 * period_s + 1e-6
        found[mine[close]] = nearer[close]
    return found


def windows(X: Array, rows: Rows) -> npt.NDArray[np.float32]:
    """Lay the volumes of each window side by side: (windows, length * features) float32."""
    return np.asarray(X[rows].reshape(len(rows), rows.shape[1] * X.shape[1]), np.float32)
