"""The filter ``flashes``: refuses pictures that flash, for people whom flashing lights harm.

After WCAG 2.2, success criterion 2.3.1: a flash is a pair of opposing changes of relative luminance
of a tenth or more, the darker one below 0.8; more than three within a second are too many. Here the
mean over the picture counts, so that flashes of small areas are not found.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from phosphene.errors import ConfigError, problem
from phosphene.filters import Picture

__all__ = ["Flashes", "luminance"]

WINDOW_S = 1.0
WEIGHTS = np.array([0.2126, 0.7152, 0.0722])
_CODES = np.arange(256) / 255
LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4)
"""Linear light of each sRGB value (IEC 61966-2-1)."""


def luminance(picture: Picture) -> float:
    """Return the mean relative luminance of a picture, 0 (black) to 1 (white)."""
    colours = [np.bincount(picture[..., k].reshape(-1), minlength=256) @ LINEAR for k in range(3)]
    return float(np.array(colours) @ WEIGHTS / (picture.shape[0] * picture.shape[1]))


class Flashes:
    """Counts flashes.

    Parameters
    ----------
    most : int
        Flashes allowed within a second.
    change : float
        Least change of the mean relative luminance that counts.
    """

    def __init__(self, most: int = 3, change: float = 0.1) -> None:
        if most < 0 or not 0 < change <= 1:
            allowed = "most from 0, change above 0 up to 1"
            raise ConfigError(problem("flashes", (most, change), allowed, "Correct them."))
        self._most, self._change = most, change
        self._extreme: float | None = None
        self._rising: bool | None = None
        self._turns_s: deque[float] = deque()

    def __call__(self, picture: Picture, t_s: float) -> bool:
        """Return whether a picture may be shown; one that is refused counts all the same."""
        self._see(luminance(picture), t_s)
        while self._turns_s and t_s - self._turns_s[0] > WINDOW_S:
            self._turns_s.popleft()
        return len(self._turns_s) <= 2 * self._most

    def _see(self, value: float, t_s: float) -> None:
        if self._extreme is None:
            self._extreme = value
            return
        step = value - self._extreme
        if self._rising is not None and step * (1 if self._rising else -1) >= 0:
            self._extreme = value  # it goes on the same way
        elif abs(step) >= self._change and min(value, self._extreme) < 0.8:
            self._extreme, self._rising = value, step > 0
            self._turns_s.append(t_s)
