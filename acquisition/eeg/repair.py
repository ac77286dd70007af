"""Bad channels of a step, put together from the good ones where places are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from acquisition.eeg.interpolate import LEAST_GOOD, spline_weights
from acquisition.eeg.montage import places

__all__ = ["Interpolator"]

_MOST_BAD = 0.5


class Interpolator:
    """Fills bad channels in; weights are computed once for each set of bad channels.

    Parameters
    ----------
    names : sequence of str
        Channel names; without a place for each of them nothing is interpolated.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._places = places(names)
        self._weights: dict[bytes, npt.NDArray[np.float64]] = {}

    def can(self, bad: npt.NDArray[np.bool_]) -> bool:
        """Tell whether enough is good and known."""
        n_bad = int(bad.sum())
        enough = len(bad) - n_bad >= LEAST_GOOD and n_bad <= _MOST_BAD * len(bad)
        return self._places is not None and n_bad > 0 and enough

    def __call__(
        self, samples: npt.NDArray[np.float64], bad: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float64]:
        """Return samples (n, n_channels) with bad channels filled in; see `can`.

        Raises
        ------
        ValueError
            If a channel has no known place.
        """
        if self._places is None:
            raise ValueError("channels without a known place cannot be interpolated")
        key = bad.tobytes()
        if key not in self._weights:
            self._weights[key] = spline_weights(self._places[~bad], self._places[bad])
        filled = samples.copy()
        filled[:, bad] = samples[:, ~bad] @ self._weights[key].T
        return filled
