"""Linear algebra that ridge and discriminant share: scaling, fewer coordinates, affine maps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Affine", "Scaler", "Space"]

Array = npt.NDArray[Any]
_WORTH_FACTORS = 0.7
"""Two matrices are kept instead of one where they hold less than this share of its numbers."""


@dataclass(frozen=True)
class Affine:
    """The map x -> x W + b, or x -> (x V) W + b, which is shorter where W alone would be large.

    Attributes
    ----------
    weights : array (features, k), or (r, k) behind `first`
        W.
    bias : array (k,)
        b.
    first : array (features, r) or None
        V.
    """

    weights: Array
    bias: Array
    first: Array | None = None

    @property
    def features(self) -> int:
        """Length of a row."""
        return len(self.weights if self.first is None else self.first)

    def __call__(self, X: Array) -> Array:
        """Map rows: (n, features) to (n, k)."""
        return np.asarray((X if self.first is None else X @ self.first) @ self.weights + self.bias)

    def repeated(self, times: int) -> Affine:
        """Return the map that takes `times` rows side by side and works on their mean."""
        if times == 1:
            return self
        if self.first is not None:
            return replace(self, first=np.tile(self.first / times, (times, 1)))
        return replace(self, weights=np.tile(self.weights / times, (times, 1)))

    def dense(self) -> Affine:
        """Return the same map with one matrix of weights (features, k)."""
        if self.first is None:
            return self
        return Affine(self.first @ self.weights, self.bias)


@dataclass(frozen=True)
class Scaler:
    """x -> (x - mean) * gain per feature, from training rows; constant features give 0."""

    mean: Array
    gain: Array

    @classmethod
    def of(cls, X: Array) -> Scaler:
        """Learn mean and 1 / standard deviation from the rows of `X` (n, features)."""
        mean = X.mean(axis=0, dtype=np.float64)
        std = X.std(axis=0, dtype=np.float64)
        gain = np.divide(1.0, std, out=np.zeros_like(std), where=std > 1e-8 * (1 + np.abs(mean)))
        return cls(mean, gain)

    def __call__(self, X: Array) -> Array:
        """Scale rows."""
        return np.asarray((X - self.mean) * self.gain)


@dataclass(frozen=True)
class Space:
    """Training rows, scaled, in as few coordinates as they need.

    Ridge and any discriminant with a spherical penalty do not change under rotation, and their
    solutions lie in the span of the training rows (representer theorem). With more features than
    rows, all their work is done in n coordinates instead: the kernel or dual form.

    Attributes
    ----------
    rows : array (n, r)
        Coordinates of the rows, r = min(n, features) at most.
    axes : array (used features, r) or None
        Orthonormal axes; None = the scaled features themselves.
    scaler : Scaler
        Applied before; a feature that is weighted has the weight in its gain.
    used : array of int or None
        Features that count; None = all.
    size : float
        Sum of squared weights: how many features of weight 1 the space is worth.
    """

    rows: Array
    axes: Array | None
    scaler: Scaler
    used: Array | None = None
    size: float = 0.0

    @classmethod
    def of(cls, X: Array, weights: Array | None = None) -> Space:
        """Scale rows and choose the smaller form.

        Parameters
        ----------
        X : array (n, features)
            Training rows.
        weights : array (features,), optional
            How much each feature counts, 0 or more: a penalty on a feature of weight w is 1 / w^2
            times as strong. Features of weight 0 get no weight in any map.

        Returns
        -------
        Space
        """
        scaler = Scaler.of(X)
        used = None
        size = float(X.shape[1])
        if weights is not None:
            scaler = Scaler(scaler.mean, scaler.gain * weights)
            size = float((np.asarray(weights, np.float64) ** 2).sum())
            used = np.flatnonzero(weights)
        kept = slice(None) if used is None else used
        scaled = X[:, kept] - scaler.mean[kept]
        scaled *= scaler.gain[kept]
        n, p = scaled.shape
        if p <= n:
            return cls(scaled, None, scaler, used, size)
        values, vectors = np.linalg.eigh(scaled @ scaled.T)
        kept = values > values[-1] * n * np.finfo(scaled.dtype).eps
        root = np.sqrt(values[kept])
        axes = scaled.T @ (vectors[:, kept] / root)
        return cls(vectors[:, kept] * root, axes, scaler, used, size)

    @property
    def features(self) -> int:
        """Number of features before any change of coordinates."""
        return len(self.scaler.mean)

    def take(self, rows: Array) -> Space:
        """Return the space with some of its rows only (indices or a mask)."""
        return replace(self, rows=self.rows[rows])

    def restored(self, head: Affine) -> Affine:
        """Turn a map of coordinates into one of unscaled rows, its weights as precise as given."""
        gain, mean = self.scaler.gain, self.scaler.mean
        if self.used is not None:
            gain, mean = gain[self.used], mean[self.used]
        kind = head.weights.dtype
        if self.axes is None:
            origin = (mean * gain) @ head.weights
            return Affine(
                self._filled(gain.astype(kind)[:, None] * head.weights), head.bias - origin
            )
        origin = ((mean * gain) @ self.axes) @ head.weights
        first = self._filled((gain[:, None] * self.axes).astype(kind))
        whole = Affine(head.weights, head.bias - origin, first)
        p, r, k = self.features, *head.weights.shape
        return whole if r * (p + k) < _WORTH_FACTORS * p * k else whole.dense()

    def _filled(self, weights: Array) -> Array:
        """Put zeros where features do not count."""
        if self.used is None:
            return weights
        full = np.zeros((self.features, weights.shape[1]), weights.dtype)
        full[self.used] = weights
        return full
