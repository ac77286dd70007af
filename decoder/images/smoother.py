"""Linear decoders as mixtures: each response becomes weights of the training trials.

Every linear map from responses to pictures that is learned from n trials gives, for a new
response, a weighted sum of the training pictures. Keeping the weights instead of the pictures
lets any code of the pictures (pixels, signed distances) be decoded by the same map.

Two decoders that err differently are averaged:

- ridge regression on voxels scaled by how well each is predicted from pictures in
  cross-validation (in the manner of Gallant's and Miyawaki's groups, who select voxels so);
- inverse encoding: voxels = W f + noise, f the principal components of the code with a Gaussian
  prior, noise correlated between voxels; weights are those of the posterior mean of f
  (Thirion et al. 2006; van Gerven et al. 2011; Schoenmakers et al. 2013, eq. 5-7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.images.folds import split
from phosphene.errors import InputError, problem

__all__ = ["Smoother", "Voxels", "fit_inverse", "fit_smoother", "fit_weighted"]

Array = npt.NDArray[Any]
FOLDS, SEED = 6, 1
LEAST_STD = 1e-9


@dataclass(frozen=True)
class Voxels:
    """How the voxel part of the mixture is fitted; the defaults suit about a hundred trials.

    Attributes
    ----------
    ridge_components, inverse_components : int
        Principal components of the code from which voxels are predicted.
    ridge_penalty : float
        Penalty as a share of the mean variance over trials.
    encoding_penalty : float
        The same of the encoding model, as a share of its components' mean variance.
    common_noise : float
        From 0 to 1, how much of the noise of a voxel is taken as shared as measured; the rest is
        taken as its own (shrinkage).
    least_r : float
        Voxels that are predicted worse are left out of inverse encoding.
    """

    ridge_components: int = 20
    ridge_penalty: float = 0.2
    inverse_components: int = 40
    encoding_penalty: float = 0.5
    common_noise: float = 0.5
    least_r: float = 0.25

    def __post_init__(self) -> None:
        """Check the ranges."""
        wrong = []
        for name in ("ridge_components", "inverse_components"):
            if getattr(self, name) < 1:
                wrong.append(problem(name, getattr(self, name), ">= 1", "Use 20."))
        for name in ("ridge_penalty", "encoding_penalty"):
            if not getattr(self, name) > 0:
                wrong.append(problem(name, getattr(self, name), "> 0", "Use 0.3."))
        if not 0 <= self.common_noise < 1:
            wrong.append(problem("common_noise", self.common_noise, "0 to below 1", "Use 0.5."))
        if not -1 <= self.least_r < 1:
            wrong.append(problem("least_r", self.least_r, "-1 to below 1", "Use 0.25."))
        if wrong:
            raise InputError("\n".join(wrong))


@dataclass(frozen=True)
class Smoother:
    """Responses (m, voxels) to weights of n training trials (m, n); each row adds up to 1.

    Attributes
    ----------
    mean, std : array (voxels,)
        Of the training responses.
    maps : array (voxels, n)
        From standardised responses to weights less 1 / n.
    """

    mean: Array
    std: Array
    maps: Array

    def __call__(self, responses: Array) -> Array:
        """Weights of the training trials for each response."""
        rows = (np.asarray(responses, np.float64) - self.mean) / self.std
        return np.asarray(rows @ self.maps + 1.0 / self.maps.shape[1])


def fit_smoother(
    responses: Array, code: Array, voxels: Voxels, same: Array | None = None
) -> Smoother:
    """Average of the two decoders; see `fit_weighted` and `fit_inverse`."""
    a = fit_weighted(responses, code, voxels, same)
    b = fit_inverse(responses, code, voxels, same)
    return Smoother(a.mean, a.std, (a.maps + b.maps) / 2)


def fit_weighted(
    responses: Array, code: Array, voxels: Voxels, same: Array | None = None
) -> Smoother:
    """Ridge regression on voxels scaled by their cross-validated encoding correlation.

    Parameters
    ----------
    responses : array (n, voxels)
    code : array (n, k)
        Code of the picture of each trial; only its inner products matter.
    voxels : Voxels
    same : array of int (n,), optional
        Number of the picture of each trial, where some are shown again; see
        `decoder.images.folds.split`.

    Returns
    -------
    Smoother
    """
    mean, std, rows = _standardised(responses)
    n = len(rows)
    f = _components(code, voxels.ridge_components)
    penalty = float((f**2).sum(axis=0).mean())
    scale = np.maximum(_correlation(rows, _left_out(rows, f, penalty, same)), 0.0)
    scaled = rows * scale
    gram = scaled @ scaled.T
    # No voxel follows the pictures: equal weights, the mean picture.
    level = max(float(np.trace(gram)) / n, LEAST_STD)
    solved = np.linalg.inv(gram + voxels.ridge_penalty * level * np.eye(n))
    return Smoother(mean, std, (scale[:, None] * scaled.T) @ _centred(solved))


def fit_inverse(
    responses: Array, code: Array, voxels: Voxels, same: Array | None = None
) -> Smoother:
    """Posterior mean of a linear-Gaussian encoding model, as weights of training trials.

    With standardised responses b = W f + e, e ~ N(0, S), f ~ N(0, C):
    E[f | b] = (W' S^-1 W + C^-1)^-1 W' S^-1 b. S has the variances of the left-out residuals and
    their measured correlations shrunk towards none; its inverse is never made (Woodbury).

    Parameters
    ----------
    responses : array (n, voxels)
    code : array (n, k)
    voxels : Voxels
    same : array of int (n,), optional
        As for `fit_weighted`.

    Returns
    -------
    Smoother
    """
    mean, std, rows = _standardised(responses)
    n = len(rows)
    centred = code - code.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    size = min(voxels.inverse_components, int((s > s[0] * 1e-6).sum()))
    u, s = u[:, :size], s[:size]
    f = u * s
    penalty = voxels.encoding_penalty * float((s**2).mean())
    predicted = _left_out(rows, f, penalty, same)
    keep = np.flatnonzero(_correlation(rows, predicted) > voxels.least_r)
    maps = np.zeros((rows.shape[1], n))
    if keep.size:
        residual = (rows - predicted)[:, keep]
        noise = np.maximum(np.sqrt((residual**2).mean(axis=0)), LEAST_STD)
        w = np.linalg.solve(f.T @ f + penalty * np.eye(size), f.T @ rows[:, keep]) / noise
        whitened = _times_inverse(w, residual / noise, 1.0 - voxels.common_noise)
        posterior = np.linalg.inv(whitened @ w.T + np.diag(n / s**2))
        maps[keep] = (whitened / noise).T @ posterior @ _centred((u / s).T)
    return Smoother(mean, std, maps)


def _times_inverse(w: Array, residual: Array, own: float) -> Array:
    """`w` (k, v) times the inverse of (1 - own) R'R / n + own I, R = `residual` (n, v)."""
    n = len(residual)
    if own >= 1:
        return w
    inner = np.eye(n) * own * n / (1.0 - own) + residual @ residual.T
    return np.asarray((w - (w @ residual.T) @ np.linalg.solve(inner, residual)) / own)


def _standardised(responses: Array) -> tuple[Array, Array, Array]:
    rows = np.asarray(responses, np.float64)
    mean, std = rows.mean(axis=0), rows.std(axis=0) + LEAST_STD
    return mean, std, (rows - mean) / std


def _components(code: Array, count: int) -> Array:
    u, s, _ = np.linalg.svd(code - code.mean(axis=0), full_matrices=False)
    return np.asarray(u[:, :count] * s[:count])


def _centred(maps: Array) -> Array:
    """Make what is mapped onto trials add up to 0 over them."""
    return np.asarray(maps - maps.mean(axis=1, keepdims=True))


def _left_out(rows: Array, f: Array, penalty: float, same: Array | None = None) -> Array:
    """Responses predicted from components, each trial by a model that did not see its picture."""
    predicted = np.zeros_like(rows)
    units = len(rows) if same is None else int(same.max()) + 1
    for train, held in split(len(rows), min(FOLDS, units), SEED, same):
        mean_f, mean_r = f[train].mean(axis=0), rows[train].mean(axis=0)
        part = f[train] - mean_f
        square = part.T @ part + penalty * np.eye(f.shape[1])
        w = np.linalg.solve(square, part.T @ (rows[train] - mean_r))
        predicted[held] = (f[held] - mean_f) @ w + mean_r
    return predicted


def _correlation(a: Array, b: Array) -> Array:
    """Correlation of each column of `a` with the same of `b`, 0 where one is constant."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    norm = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.asarray(np.divide((a * b).sum(axis=0), norm, out=np.zeros(len(norm)), where=norm > 0))
