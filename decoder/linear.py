"""Linear algebra that ridge and discriminant share: scaling, fewer coordinates, affine maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Affine", "Scaler", "Space"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Affine:
    """The map x -> x W + b; `weights` (features, k), `bias` (k,)."""

    weights: Array
    bias: Array

    @property
    def features(self) -> int:
        """Length of a row."""
        return len(self.weights)

    def __call__(self, X: Array) -> Array:
        """Map rows: (n, features) to (n, k)."""
        return np.asarray(X @ self.weights + self.bias)

    def repeated(self, times: int) -> Affine:
        """Return the map that takes `times` rows side by side and works on their mean."""
        if times == 1:
            return self
        return Affine(np.tile(self.weights / times, (times, 1)), self.bias)


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
    axes : array (features, r) or None
        Orthonormal axes; None = the scaled features themselves.
    scaler : Scaler
        Applied before.
    """

    rows: Array
    axes: Array | None
    scaler: Scaler

    @classmethod
    def of(cls, X: Array) -> Space:
        """Scale rows (n, features) and choose the smaller form."""
        scaler = Scaler.of(X)
        scaled = scaler(X)
        n, p = scaled.shape
        if p <= n:
            return cls(scaled, None, scaler)
        values, vectors = np.linalg.eigh(scaled @ scaled.T)
        kept = values > values[-1] * n * np.finfo(scaled.dtype).eps
        root = np.sqrt(values[kept])
        return cls(vectors[:, kept] * root, scaled.T @ (vectors[:, kept] / root), scaler)

    @property
    def features(self) -> int:
        """Number of features before any change of coordinates."""
        return len(self.scaler.mean)

    def take(self, rows: Array) -> Space:
        """Return the space with some of its rows only (indices or a mask)."""
        return Space(self.rows[rows], self.axes, self.scaler)

    def restored(self, head: Affine) -> Affine:
        """Turn a map of coordinates into a map of unscaled rows."""
        if self.axes is None:
            weights = self.scaler.gain[:, None] * head.weights
            origin = (self.scaler.gain * self.scaler.mean) @ head.weights
        else:
            axes = self.scaler.gain[:, None] * self.axes
            weights = axes @ head.weights
            origin = (self.scaler.mean @ axes) @ head.weights
        return Affine(weights, head.bias - origin)
