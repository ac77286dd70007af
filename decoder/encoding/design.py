"""From features of what was shown to regressors of each row, learned on training rows only.

A set of features is reduced to principal components of the training rows, set to 0 where nothing
was shown and, for volumes, convolved with the canonical haemodynamic response; that something was
shown at all is taken out of regressors and responses, so that what is left tells pictures apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter
from scipy.stats import gamma

from decoder.dataset import Strings
from phosphene.errors import InputError, problem

__all__ = ["Axes", "Clock", "Nuisance", "canonical", "principal", "shown", "standardised"]

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.intp]
_LENGTH_S = 32.0
_TINY = 1e-10


def canonical(tr_s: float) -> Array:
    """Return the response to a moment of activity, sampled each TR; sums to 1.

    Difference of gamma densities of shapes 6 and 16, the second a sixth (Friston et al. 1998,
    NeuroImage 7:30).
    """
    t = np.arange(0.0, _LENGTH_S, tr_s)
    response = gamma.pdf(t, 6) - gamma.pdf(t, 16) / 6
    return np.asarray(response / response.sum())


@dataclass(frozen=True)
class Clock:
    """When rows were acquired; None instead of a clock for trials.

    Attributes
    ----------
    runs : array of str (n,)
        Run of each row.
    times : array (n,)
        Seconds from the start of its run.
    tr_s : float
        Repetition time in seconds.
    """

    runs: Strings
    times: npt.NDArray[np.float64]
    tr_s: float

    def convolved(self, values: Array) -> Array:
        """Blur rows (n, k) by the canonical response within each run; no row sees a later one."""
        blurred = np.zeros_like(values)
        response = canonical(self.tr_s)
        for name in dict.fromkeys(self.runs.tolist()):
            own = np.flatnonzero(self.runs == name)
            # Volumes that are missing leave their place empty.
            place = np.rint((self.times[own] - self.times[own[0]]) / self.tr_s).astype(int)
            grid = np.zeros((int(place.max()) + 1, values.shape[1]))
            grid[place] = values[own]
            blurred[own] = lfilter(response, 1.0, grid, axis=0)[place]
        return blurred


@dataclass(frozen=True)
class Axes:
    """Principal components of training rows.

    Attributes
    ----------
    mean : array (p,)
    axes : array (p, k)
        Orthonormal, times one gain that gives the components a mean variance of 1.
    """

    mean: Array
    axes: Array

    def __call__(self, values: Array) -> Array:
        """Reduce rows (n, p) to (n, k)."""
        return np.asarray((values - self.mean) @ self.axes)


def principal(values: Array, most: int) -> Axes:
    """Find the components that hold most of the variance of training rows.

    Parameters
    ----------
    values : array (n, p)
        Training rows, finite.
    most : int
        Components wanted; fewer where the rows have fewer.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If all rows are alike.
    """
    mean = values.mean(axis=0, dtype=np.float64)
    centred = values - mean
    n, p = centred.shape
    gram = centred @ centred.T if n < p else centred.T @ centred
    power, vectors = np.linalg.eigh(gram)
    power, vectors = power[::-1], vectors[:, ::-1]
    kept = np.flatnonzero(power > max(power[0], _TINY) * _TINY)[:most]
    if not len(kept) or power[0] <= _TINY * n:
        raise InputError(
            problem("features", f"{n} training rows that are all alike", "different ones",
                    "Check what was shown, or leave this set out.")
        )  # fmt: skip
    axes = vectors[:, kept]
    if n < p:
        axes = centred.T @ (axes / np.sqrt(power[kept]))
    return Axes(mean, axes / np.sqrt(power[kept].mean() / n))


def shown(values: Array) -> npt.NDArray[np.bool_]:
    """Rows in which something was shown, (n,)."""
    return np.asarray(np.isfinite(values.reshape(len(values), -1)).all(axis=1))


@dataclass(frozen=True)
class Nuisance:
    """What is taken out of regressors and responses, by least squares on training rows.

    Attributes
    ----------
    columns : array (n, q)
        A constant and, for volumes, that something was shown.
    train : array of int
        Training rows.
    """

    columns: Array
    train: Rows

    @classmethod
    def of(cls, known: npt.NDArray[np.bool_], clock: Clock | None, train: Rows) -> Nuisance:
        """Make the columns of rows in which something was shown or not."""
        columns = np.ones((len(known), 1))
        if clock is not None:
            presence = clock.convolved(known[:, None].astype(np.float64))
            if np.ptp(presence[train]) > _TINY:
                columns = np.column_stack([columns, presence])
        return cls(columns, train)

    def out_of(self, values: Array) -> Array:
        """Return rows (n, k) without them."""
        own = self.columns[self.train]
        weights = np.linalg.lstsq(own, values[self.train].astype(np.float64), rcond=None)[0]
        return np.asarray(values - self.columns @ weights)


def standardised(responses: Array, runs: Strings) -> Array:
    """Scale each run to mean 0 and standard deviation 1 per voxel; constant voxels give 0.

    It looks at responses alone, never at what was shown.
    """
    scaled = np.zeros(responses.shape, np.float32)
    for name in dict.fromkeys(runs.tolist()):
        own = runs == name
        part = responses[own].astype(np.float64)
        spread = part.std(axis=0)
        gain = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > _TINY)
        scaled[own] = (part - part.mean(axis=0)) * gain
    return scaled
