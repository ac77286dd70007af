"""Skip what would look the same: conditions that hardly moved show the last picture again.

StreamDiffusion skips by chance, more often the more alike two frames are, and sleeps meanwhile
(Kodaira et al. 2023, sec. 3.5). Here one threshold decides, so that the same percepts give the
same frames, and nothing sleeps.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["SimilarityFilter", "cosine"]

Array = npt.NDArray[np.float32]


def cosine(one: Array, other: Array) -> float:
    """Cosine of the angle between two arrays of one shape; 1 for two of zeros, 0 for one."""
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    if length == 0.0:
        return 1.0 if np.array_equal(one, other) else 0.0
    return float(np.vdot(one, other)) / length


class SimilarityFilter:
    """Remembers the conditions of the last picture that was painted.

    Parameters
    ----------
    threshold : float
        Every condition's cosine has to be above it; 1 never skips.

    Attributes
    ----------
    skipped : int
        Pictures that were not painted anew.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._manner: Hashable = None
        self._last: list[Array | None] = []
        self.skipped = 0

    def same(self, manner: Hashable, conditions: Sequence[Array | None]) -> bool:
        """Tell whether to skip; if not, these conditions are the ones to compare with from now on.

        Parameters
        ----------
        manner : Hashable
            Everything else that the picture depends on: equal, or painted anew.
        conditions : Sequence of array or None
            In the same order each time.
        """
        if self._threshold >= 1.0:
            return False
        alike = manner == self._manner and len(conditions) == len(self._last)
        for now, last in zip(conditions, self._last, strict=False):
            if not alike:
                break
            if now is None or last is None:
                alike = now is last
            else:
                alike = now.shape == last.shape and cosine(now, last) > self._threshold
        if alike:
            self.skipped += 1
            return True
        self._manner = manner
        self._last = [None if value is None else value.copy() for value in conditions]
        return False

    def forget(self) -> None:
        """Paint the next picture in any case."""
        self._manner, self._last = None, []
