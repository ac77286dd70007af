"""Multi-target ridge regression, the penalty of each target chosen on left-out groups.

For standardised X (n, p) and centred Y (n, k) the weights of target j minimise
||Y_j - X w_j||^2 + alpha_j ||w_j||^2, so w_j = (X'X + alpha_j I)^-1 X'Y_j (Hoerl & Kennard 1970);
with more features than rows the same is found in the span of the rows (`decoder.linear.Space`).
One eigendecomposition per fold serves all penalties and all targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from decoder.dataset import Rows, Strings, group_folds
from decoder.linear import Affine, Array, Space
from phosphene.errors import ConfigError, problem

__all__ = [
    "PENALTIES",
    "RidgeFit",
    "chosen",
    "cross_errors",
    "cross_predict",
    "fit_ridge",
    "solve",
]

PENALTIES = tuple(float(10.0**e) for e in np.arange(-3.0, 2.01, 0.5))
"""Candidate penalties per feature; alpha = penalty x number of features."""

_BLOCK = 1024
"""Targets that are worked on at once, which bounds the memory that predictions need."""


@dataclass(frozen=True)
class RidgeFit:
    """A fitted ridge.

    Attributes
    ----------
    map : Affine
        From unscaled rows (n, p) to targets (n, k).
    alphas : array (k,)
        Chosen penalty of each target.
    errors : array (k,)
        Squared error on left-out groups relative to predicting the mean, at the chosen penalty.
    losses : tuple of float
        The same over all targets, one per candidate that all targets would share.
    error : float
        The same over all targets, at their chosen penalties.
    """

    map: Affine
    alphas: Array = field(repr=False)
    errors: Array = field(repr=False)
    losses: tuple[float, ...]
    error: float

    @property
    def alpha(self) -> float:
        """Median of the chosen penalties."""
        return float(np.median(self.alphas))


def fit_ridge(
    space: Space,
    Y: Array,
    groups: Strings,
    penalties: Sequence[float] = PENALTIES,
    folds: int = 4,
    *,
    per_target: bool = True,
) -> RidgeFit:
    """Fit ridge and choose its penalties by leaving groups of the training rows out.

    Parameters
    ----------
    space : Space
        Training rows (n, p).
    Y : array (n, k)
        Targets.
    groups : array of str (n,)
        Run or stimulus of each row.
    penalties : Sequence of float
        Candidates per feature, positive.
    folds : int
        Folds of groups for the choice.
    per_target : bool
        Whether each target has a penalty of its own; otherwise all share one.

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
    alphas = np.asarray(penalties) * space.size
    lost, base = cross_errors(space.rows, Y, alphas, group_folds(groups, folds))
    best = chosen(lost, base, per_target=per_target)
    least = lost[best, np.arange(lost.shape[1])]
    total = max(float(base.sum()), 1e-30)
    return RidgeFit(
        map=solve(space, Y, alphas[best]),
        alphas=alphas[best],
        errors=np.divide(least, base, out=np.ones_like(base), where=base > 0),
        losses=tuple(float(x) for x in lost.sum(axis=1) / total),
        error=float(least.sum()) / total,
    )


def chosen(lost: Array, base: Array, *, per_target: bool) -> Array:
    """Index of the best candidate for each target, from `cross_errors`: (k,) of int."""
    if per_target:
        return np.asarray(lost.argmin(axis=0))
    return np.full(len(base), int(lost.sum(axis=1).argmin()))


def cross_errors(
    X: Array, Y: Array, alphas: Array, folds: Sequence[tuple[Rows, Rows]]
) -> tuple[Array, Array]:
    """Squared error of each target on left-out rows, for each alpha.

    Products are in single precision, which is enough to rank penalties and takes half the time.

    Parameters
    ----------
    X : array (n, r)
        Rows, not centred.
    Y : array (n, k)
        Targets, not centred.
    alphas : array (candidates,)
        Penalties.
    folds : Sequence of (training rows, test rows)

    Returns
    -------
    array (candidates, k)
        Sum of squared errors.
    array (k,)
        The same for predicting the mean of the training rows.
    """
    lost = np.zeros((len(alphas), Y.shape[1]))
    base = np.zeros(Y.shape[1])
    for train, test in folds:
        values, rows, back = _decomposed(X, train, test)
        shrunken = [(rows / (values + alpha)).astype(np.float32) for alpha in alphas]
        back = back.astype(np.float32)
        for part in _blocks(Y.shape[1]):
            mean = Y[train, part].mean(axis=0, dtype=np.float64)
            turned = back @ (Y[train, part] - mean).astype(np.float32)
            wanted = (Y[test, part] - mean).astype(np.float32)
            base[part] += np.einsum("ij,ij->j", wanted, wanted)
            for k, left in enumerate(shrunken):
                missed = left @ turned
                missed -= wanted
                lost[k, part] += np.einsum("ij,ij->j", missed, missed)
    return lost, base


def cross_predict(X: Array, Y: Array, alphas: Array, folds: Sequence[tuple[Rows, Rows]]) -> Array:
    """Predict every row that is left out by some fold from the others.

    Parameters
    ----------
    X, Y, folds
        As in `cross_errors`.
    alphas : array (k,)
        Penalty of each target.

    Returns
    -------
    array (n, k)
        NaN where a row is in no fold.
    """
    held = np.full(Y.shape, np.nan)
    for train, test in folds:
        values, rows, back = _decomposed(X, train, test)
        for part in _blocks(Y.shape[1]):
            mean = Y[train, part].mean(axis=0, dtype=np.float64)
            turned = back @ (Y[train, part] - mean)
            held[test, part] = rows @ (turned / (values[:, None] + alphas[part])) + mean
    return held


def solve(space: Space, Y: Array, alphas: Array) -> Affine:
    """Fit targets (n, k) on all rows of a space, each at its own penalty (k,).

    Weights have the precision of the targets.
    """
    kind = Y.dtype if Y.dtype == np.float32 else np.dtype(np.float64)
    x_mean, y_mean = space.rows.mean(axis=0), Y.mean(axis=0, dtype=np.float64)
    centred = space.rows - x_mean
    values, vectors = np.linalg.eigh(centred.T @ centred)
    back = (centred @ vectors).T.astype(kind)
    vectors = vectors.astype(kind)
    weights = np.empty((space.rows.shape[1], Y.shape[1]), kind)
    for part in _blocks(Y.shape[1]):
        turned = back @ (Y[:, part] - y_mean[part]).astype(kind)
        turned /= values[:, None] + alphas[part]
        weights[:, part] = vectors @ turned
    return space.restored(Affine(weights, y_mean - x_mean @ weights))


def _decomposed(X: Array, train: Rows, test: Rows) -> tuple[Array, Array, Array]:
    """Eigenvalues (r,), test rows (t, r) and the map of centred targets (r, n) of a fold.

    Predictions at a penalty are ``(rows / (values + alpha)) @ (map @ centred targets)``.
    """
    mean = X[train].mean(axis=0)
    inside, outside = X[train] - mean, X[test] - mean
    if inside.shape[1] <= inside.shape[0]:
        values, vectors = np.linalg.eigh(inside.T @ inside)
        return values, outside @ vectors, (inside @ vectors).T
    values, vectors = np.linalg.eigh(inside @ inside.T)
    return values, outside @ (inside.T @ vectors), vectors.T


def _blocks(targets: int) -> Iterator[slice]:
    for start in range(0, targets, _BLOCK):
        yield slice(start, min(start + _BLOCK, targets))
