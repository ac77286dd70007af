"""Epochs as covariance matrices, and those as points of a flat space.

A response locked to an event shows in how the channels vary together with the response that is
expected. Per class, xDAWN filters W (Rivet, Souloumiac, Attina & Gibert 2009, IEEE Trans. Biomed.
Eng. 56:2035) bring out the class's mean response P. With Z = W X an epoch X seen through all
filters, the covariance of [P; Z] over time holds how much of each expected response is in the
epoch (Barachant & Congedo 2014, arXiv:1409.0107). Such matrices C lie on a curved space; at
the mean M of the training epochs its tangent space is::

    S = log(M^-1/2 C M^-1/2)

whose upper triangle, off-diagonal elements times sqrt(2), is a vector on which linear methods work
(Barachant, Bonnet, Congedo & Jutten 2012, IEEE Trans. Biomed. Eng. 59:920). pyRiemann computes the
same; the tests compare. The logarithm here is the exact one by eigenvalues; the exported graph has
one of matrix products (`decoder.matrixlog`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg

__all__ = [
    "TangentMap",
    "cosines",
    "fit_tangent",
    "flat",
    "riemann_mean",
    "triangle",
    "without",
    "xdawn",
]

Array = npt.NDArray[Any]

_RIDGE = 1e-6
_MEAN_STEPS, _MEAN_TOLERANCE = 20, 1e-7


@dataclass(frozen=True)
class TangentMap:
    """From epochs to vectors; see the module's text.

    Attributes
    ----------
    filters : array (f, channels)
        xDAWN filters of all classes.
    expected : array (f, times)
        Mean responses, each class's through its own filters.
    slow : array (times, k)
        Orthonormal slow waves that are taken out of every epoch; k may be 0.
    shrinkage : float
        Share of the sphere in a covariance matrix.
    whitener : array (2 f, 2 f)
        M^-1/2.
    """

    filters: Array = field(repr=False)
    expected: Array = field(repr=False)
    slow: Array = field(repr=False)
    shrinkage: float
    whitener: Array = field(repr=False)

    @property
    def size(self) -> int:
        """Rows of a covariance matrix."""
        return 2 * len(self.expected)

    @property
    def channels(self) -> int:
        """Channels of an epoch."""
        return int(self.filters.shape[1])

    def covariances(self, X: Array) -> Array:
        """Covariance matrices (n, 2 f, 2 f) of epochs (n, channels * times)."""
        epochs = X.reshape(len(X), self.channels, -1).astype(np.float64)
        return _covariances(self.filters, self.expected, without(epochs, self.slow), self.shrinkage)

    def __call__(self, X: Array) -> Array:
        """Tangent vectors (n, f (2 f + 1)) of epochs (n, channels * times)."""
        whitened = self.whitener @ self.covariances(X) @ self.whitener
        return flat(_of_eigenvalues(whitened, np.log))


def fit_tangent(
    X: Array, codes: Array, channels: int, *, filters: int, waves: int, shrinkage: float
) -> TangentMap:
    """Fit filters, expected responses and the mean on training epochs.

    Parameters
    ----------
    X : array (n, channels * times)
        Epochs, channel by channel.
    codes : array of int (n,)
        Class of each; every class occurs.
    channels : int
        Number of channels.
    filters : int
        Filters per class, at most `channels`.
    waves : int
        Slowest cosine waves (the mean is the first of them) that are taken out of every epoch.
    shrinkage : float
        Share of the sphere in a covariance matrix, above 0: expected responses of fewer
        independent rows than filters would make it singular.

    Returns
    -------
    TangentMap
    """
    epochs = X.reshape(len(X), channels, -1).astype(np.float64)
    slow = cosines(epochs.shape[2], 0, waves)
    epochs = without(epochs, slow)
    chosen, expected = xdawn(epochs, codes, min(filters, channels))
    matrices = _covariances(chosen, expected, epochs, shrinkage)
    whitener = _of_eigenvalues(riemann_mean(matrices), lambda values: values**-0.5)
    return TangentMap(chosen, expected, slow, shrinkage, whitener)


def xdawn(epochs: Array, codes: Array, filters: int) -> tuple[Array, Array]:
    """Find filters whose output has the largest share of a class's mean response.

    Parameters
    ----------
    epochs : array (n, channels, times)
    codes : array of int (n,)
        Class of each epoch.
    filters : int
        Per class.

    Returns
    -------
    array (classes * filters, channels)
        Class by class, scaled so that the output has variance 1.
    array (classes * filters, times)
        Each class's mean response through its own filters.
    """
    n, channels, times = epochs.shape
    rows = epochs.transpose(1, 0, 2).reshape(channels, -1)
    everything = rows @ rows.T / (n * times)
    everything.flat[:: channels + 1] += _RIDGE * np.trace(everything) / channels
    chosen, expected = [], []
    for code in np.unique(codes):
        mean = epochs[codes == code].mean(axis=0)
        _, vectors = scipy.linalg.eigh(mean @ mean.T / times, everything)
        best = vectors[:, ::-1][:, :filters].T
        chosen.append(best)
        expected.append(best @ mean)
    return np.concatenate(chosen), np.concatenate(expected)


def riemann_mean(matrices: Array) -> Array:
    """Point with the least sum of squared Riemannian distances to matrices (n, d, d).

    The fixed-point iteration of Moakher (2005, SIAM J. Matrix Anal. Appl. 26:735), begun at the
    log-Euclidean mean.
    """
    mean = _of_eigenvalues(_of_eigenvalues(matrices, np.log).mean(axis=0), np.exp)
    for _ in range(_MEAN_STEPS):
        root = _of_eigenvalues(mean, np.sqrt)
        back = _of_eigenvalues(mean, lambda values: values**-0.5)
        step = _of_eigenvalues(back @ matrices @ back, np.log).mean(axis=0)
        mean = root @ _of_eigenvalues(step, np.exp) @ root
        if float(np.linalg.norm(step)) < _MEAN_TOLERANCE * len(mean):
            break
    return np.asarray(mean)


def cosines(times: int, first: int, stop: int) -> Array:
    """Orthonormal cosine waves (times, stop - first); number k has k half periods in an epoch."""
    k = np.arange(first, stop)
    waves = np.cos(np.pi * (np.arange(times)[:, None] + 0.5) * k / times)
    return np.asarray(waves * np.where(k == 0, np.sqrt(1 / times), np.sqrt(2 / times)))


def without(epochs: Array, waves: Array) -> Array:
    """Take waves (times, k) out of epochs (n, channels, times)."""
    return np.asarray(epochs - (epochs @ waves) @ waves.T) if waves.shape[1] else epochs


def flat(symmetric: Array) -> Array:
    """Upper triangles (n, d (d + 1) / 2), off-diagonal elements times sqrt(2)."""
    rows, columns, weights = triangle(symmetric.shape[-1])
    return np.asarray(symmetric[:, rows, columns] * weights)


def triangle(size: int) -> tuple[Array, Array, Array]:
    """Rows, columns and weights of the upper triangle of a matrix."""
    rows, columns = np.triu_indices(size)
    return rows, columns, np.where(rows == columns, 1.0, np.sqrt(2.0))


def _covariances(filters: Array, expected: Array, epochs: Array, shrinkage: float) -> Array:
    seen = filters @ epochs
    both = np.concatenate([np.broadcast_to(expected, seen.shape), seen], axis=1)
    raw = both @ both.transpose(0, 2, 1) / both.shape[2]
    size = raw.shape[1]
    sphere = np.trace(raw, axis1=1, axis2=2)[:, None, None] / size * np.eye(size)
    return np.asarray((1 - shrinkage) * raw + shrinkage * sphere)


def _of_eigenvalues(symmetric: Array, function: Callable[[Array], Array]) -> Array:
    values, vectors = np.linalg.eigh(symmetric)
    return np.asarray((vectors * function(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2))
