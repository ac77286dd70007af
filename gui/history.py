"""Bounded curves: the newest points of what is plotted. No Qt."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

__all__ = ["Curve", "Series", "median"]

START_OVER_S = 10.0

Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


class Series:
    """The newest points of one curve.

    Parameters
    ----------
    most : int
        Points kept.
    """

    def __init__(self, most: int) -> None:
        self._x: deque[float] = deque(maxlen=most)
        self._y: deque[float] = deque(maxlen=most)

    def __len__(self) -> int:
        return len(self._x)

    def add(self, x: float, y: float) -> None:
        """Add a point; going far back on the x axis (a run that starts over) forgets the past."""
        if self._x and x < self._x[-1] - START_OVER_S:
            self._x.clear()
            self._y.clear()
        self._x.append(x)
        self._y.append(y)

    def cut(self, x: float) -> None:
        """Drop the points behind `x`."""
        while self._x and self._x[-1] > x:
            self._x.pop()
            self._y.pop()

    def curve(self) -> Curve:
        """Return copies of both axes."""
        n = len(self._x)
        return np.fromiter(self._x, np.float64, n), np.fromiter(self._y, np.float64, n)

    def last(self) -> float | None:
        """Return the newest value, or None when there is none."""
        return self._y[-1] if self._y else None


def median(curve: Curve, newest: int = 20) -> float | None:
    """Return the median of the newest values of a curve, or None when it is empty."""
    values = curve[1][-newest:]
    return float(np.median(values)) if len(values) else None
