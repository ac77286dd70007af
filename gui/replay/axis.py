"""From the clock of a run to the recording's own axis. No Qt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["Axis"]

Array = npt.NDArray[np.float64]


class Axis:
    """Where on the recording's axis the run was at a time of its clock.

    Parameters
    ----------
    anchors : sequence of (float, float)
        Time of the clock and of the data, both in seconds, of messages that know both; what came
        again after a fall never leads back.
    """

    def __init__(self, anchors: Sequence[tuple[float, float]]) -> None:
        ordered = np.array(sorted(anchors), float).reshape(-1, 2)
        self._clock: Array = ordered[:, 0]
        self._data: Array = np.maximum.accumulate(ordered[:, 1])

    def at(self, clock_s: npt.ArrayLike) -> Array:
        """Return seconds on the recording's axis; times outside stay at the axis' ends."""
        asked = np.asarray(clock_s, float)
        if not len(self._clock):
            return np.zeros_like(asked)
        found: Array = np.interp(asked, self._clock, self._data, left=0.0)
        return np.maximum(found, 0.0)
