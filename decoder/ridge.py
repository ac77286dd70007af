"""Multi-target ridge regression, its penalty chosen on left-out groups of the training data.

For standardised X (n, p) and centred Y (n, k) the weights minimise
||Y - X W||^2 + alpha ||W||^2, so W = (X'X + alpha I)^-1 X'Y (Hoerl & Kennard 1970); with more
features than rows the same W is found in the span of the rows (`decoder.linear.Space`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from decoder.dataset import Rows, Strings, group_folds
from decoder.linear import Affine, Array, Space
from phosphene.errors import ConfigError, problem

__all__ = ["PENALTIES", "RidgeFit", "fit_ridge", "loo_errors", "ridge_weights"]

PENALTIES = tuple(float(10.0**e) for e in np.arange(-3.0, 2.01, 0.5))
"""Candidate penalties per feature; alpha = penalty x number of features."""

_SKETCH = 64


@dataclass(frozen=True)
class RidgeFit:
    """A fitted ridge.

    Attributes
    ----------
    map : Affine
        From unscaled rows (n, p) to targets (n, k).
    alpha : float
        Chosen penalty.
    errors : tuple of float
        Squared error on left-out groups relative to predicting the mean, one per candidate.
    """

    map: Affine
    alpha: float
    errors: tuple[float, ...]


def ridge_weights(X: Array, Y: Array, alphas: Sequence[float]) -> list[Array]:
    """Solve ridge for centred X (n, p), Y (n, k): one array (p, k) per alpha."""
    values, vectors = np.linalg.eigh(X.T @ X)
    turned = vectors.T @ (X.T @ Y)
    return [vectors @ (turned / (values[:, None] + alpha)) for alpha in alphas]


def loo_errors(X: Array, Y: Array, alphas: Sequence[float]) -> list[float]:
    """Mean squared leave-one-row-out error for each alpha, in closed form.

    The left-out residual is (y - y_hat) / (1 - h) with h the row's leverage, the mean included.
    Neighbouring volumes are alike, so this flatters time series; `fit_ridge` leaves groups out.

    Parameters
    ----------
    X : array (n, p)
        Rows, not centred.
    Y : array (n, k)
        Targets, not centred.
    alphas : Sequence of float
        Candidates.

    Returns
    -------
    list of float
        One per candidate.
    """
    n = len(X)
    Xc, Yc = X - X.mean(0), Y - Y.mean(0)
    U, s, _ = np.linalg.svd(Xc, full_matrices=False)
    turned = U.T @ Yc
    errors = []
    for alpha in alphas:
        shrink = s**2 / (s**2 + alpha)
        leverage = (U**2 * shrink).sum(1) + 1.0 / n
        residual = Yc - U @ (shrink[:, None] * turned)
        errors.append(float(np.mean((residual / (1.0 - leverage)[:, None]) ** 2)))
    return errors


def fit_ridge(
    space: Space,
    Y: Array,
    groups: Strings,
    penalties: Sequence[float] = PENALTIES,
    folds: int = 4,
    seed: int = 0,
) -> RidgeFit:
    """Fit ridge and choose its penalty by leaving groups of the training rows out.

    Parameters
    ----------
    space : Space
        Training rows (n, p).
    Y : array (n, k)
        Targets. With many targets the choice looks at a random projection to 64 numbers, which
        keeps squared distances (Johnson & Lindenstrauss 1984).
    groups : array of str (n,)
        Run of each row.
    penalties : Sequence of float
        Candidates per feature, positive.
    folds : int
        Folds of groups for the choice.
    seed : int
        Seed of the projection.

    Returns
    -------
    RidgeFit
        With the map for unscaled rows.

    Raises
    ------
    ConfigError
        If a penalty is not positive.
    InputError
        If there are fewer than 2 groups.
    """
    if not penalties or min(penalties) <= 0:
        raise ConfigError(problem("penalties", tuple(penalties), "above 0", "Use the default."))
    alphas = [penalty * space.features for penalty in penalties]
    Y = np.asarray(Y, np.float64)
    errors = _group_errors(space.rows, _sketched(Y, seed), alphas, group_folds(groups, folds))
    alpha = alphas[int(np.argmin(errors))]
    x_mean, y_mean = space.rows.mean(axis=0), Y.mean(axis=0)
    weights = ridge_weights(space.rows - x_mean, Y - y_mean, [alpha])[0]
    return RidgeFit(
        space.restored(Affine(weights, y_mean - x_mean @ weights)), alpha, tuple(errors)
    )


def _sketched(Y: Array, seed: int) -> Array:
    if Y.shape[1] <= _SKETCH:
        return Y
    directions = np.random.default_rng(seed).normal(size=(Y.shape[1], _SKETCH))
    return np.asarray(Y @ directions / np.sqrt(_SKETCH))


def _group_errors(
    X: Array, Y: Array, alphas: Sequence[float], folds: Sequence[tuple[Rows, Rows]]
) -> list[float]:
    """Squared error on left-out rows over that of the training mean, for each alpha."""
    lost = np.zeros(len(alphas))
    base = 0.0
    for train, test in folds:
        x_mean, y_mean = X[train].mean(0), Y[train].mean(0)
        centred, wanted = X[train] - x_mean, Y[test] - y_mean
        values, vectors = np.linalg.eigh(centred.T @ centred)
        turned = vectors.T @ (centred.T @ (Y[train] - y_mean))
        rows = (X[test] - x_mean) @ vectors
        base += float((wanted**2).sum())
        for k, alpha in enumerate(alphas):
            lost[k] += float(((wanted - (rows / (values + alpha)) @ turned) ** 2).sum())
    return [float(x) / max(base, 1e-30) for x in lost]
