"""Category probabilities: a shrinkage linear discriminant with a calibrated softmax.

With class means m_k and the pooled within-class covariance S of standardised rows,
S* = (1 - s) S + s (tr S / p) I is the shrunken covariance (Ledoit & Wolf 2004; the amount s is
chosen on left-out groups), the score of class k is m_k' S*^-1 x - m_k' S*^-1 m_k / 2 (equal
priors), and probabilities are softmax(score / T). The temperature T (Guo et al. 2017) comes from
rows that the scores were not fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from decoder.dataset import Strings, group_folds
from decoder.linear import Affine, Array, Space
from phosphene.errors import ConfigError, InputError, check_all, problem

__all__ = ["SHRINKAGES", "LdaFit", "fit_lda", "fit_temperature", "lda_scores", "left_out_scores"]

SHRINKAGES = (0.03, 0.1, 0.2, 0.4, 0.7)
_TEMPERATURES = (0.05, 50.0)


@dataclass(frozen=True)
class LdaFit:
    """A fitted discriminant.

    Attributes
    ----------
    scores : Affine
        From unscaled rows (n, p) to scores (n, classes).
    classes : tuple of str
        Meaning of each score.
    shrinkage : float
        Chosen amount.
    losses : tuple of float
        Mean negative log-probability on left-out groups, one per candidate, each at its own best
        temperature.
    """

    scores: Affine
    classes: tuple[str, ...]
    shrinkage: float
    losses: tuple[float, ...]


def lda_scores(
    X: Array, codes: Array, classes: int, amounts: Sequence[float], p: int
) -> list[Affine]:
    """Fit the discriminant for several shrinkages.

    Parameters
    ----------
    X : array (n, r)
        Coordinates of scaled rows.
    codes : array of int (n,)
        Class of each row; every class occurs.
    classes : int
        Number of classes.
    amounts : Sequence of float
        Shrinkages, above 0 and up to 1.
    p : int
        Number of features behind the coordinates, for the mean variance.

    Returns
    -------
    list of Affine
        Scores, one map per amount.
    """
    means = np.stack([X[codes == k].mean(0) for k in range(classes)])
    residual = X - means[codes]
    covariance = residual.T @ residual / len(X)
    sphere = float(np.trace(covariance)) / p + 1e-12
    maps = []
    for amount in amounts:
        shrunken = (1.0 - amount) * covariance
        shrunken.flat[:: len(shrunken) + 1] += amount * sphere
        weights = scipy.linalg.solve(shrunken, means.T, assume_a="pos")
        maps.append(Affine(weights, -0.5 * (means.T * weights).sum(0)))
    return maps


def fit_lda(
    space: Space,
    labels: Strings,
    classes: Sequence[str],
    groups: Strings,
    amounts: Sequence[float] = SHRINKAGES,
    folds: int = 4,
) -> LdaFit:
    """Fit the discriminant, its shrinkage chosen by leaving groups of the training rows out.

    Parameters
    ----------
    space : Space
        Training rows (n, p).
    labels : array of str (n,)
        Class of each row.
    classes : Sequence of str
        All classes, in the order of the scores; each occurs in `labels`.
    groups : array of str (n,)
        Run of each row.
    amounts : Sequence of float
        Candidate shrinkages, above 0 and up to 1.
    folds : int
        Folds of groups for the choice.

    Returns
    -------
    LdaFit
        With scores for unscaled rows.

    Raises
    ------
    ConfigError
        If an amount is out of range.
    InputError
        If a class has no row, a label is no class, or there are fewer than 2 groups.
    """
    _check(labels, classes, amounts)
    codes = np.array([list(classes).index(label) for label in labels.tolist()])
    losses = [0.0]
    if len(amounts) > 1:
        losses = _group_losses(space, codes, len(classes), groups, amounts, folds)
    best = amounts[int(np.argmin(losses))]
    scores = lda_scores(space.rows, codes, len(classes), [best], space.features)[0]
    return LdaFit(space.restored(scores), tuple(classes), best, tuple(losses))


def fit_temperature(scores: Array, codes: Array) -> tuple[float, float]:
    """Find the softmax temperature that makes given scores most probable.

    Parameters
    ----------
    scores : array (n, classes)
        Scores of rows that the classifier was not fitted on.
    codes : array of int (n,)
        True class of each row.

    Returns
    -------
    float
        Temperature, within 0.05 to 50.
    float
        Mean negative log-probability at that temperature; classes count equally.

    Raises
    ------
    InputError
        If there is no row.
    """
    if not len(codes):
        raise InputError(
            problem("rows to find the temperature on", 0, "1 or more",
                    "What was shown must be known in two runs or folds at least.")
        )  # fmt: skip
    weights = 1.0 / np.bincount(codes, minlength=scores.shape[1])[codes]
    weights /= weights.sum()
    rows = np.arange(len(codes))

    def loss(log_temperature: float) -> float:
        logp = log_softmax(scores / np.exp(log_temperature), axis=1)
        return float(-(weights * logp[rows, codes]).sum())

    low, high = np.log(_TEMPERATURES)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded")
    return float(np.exp(found.x)), float(found.fun)


def left_out_scores(
    space: Space,
    codes: Array,
    classes: int,
    groups: Strings,
    amounts: Sequence[float],
    folds: int,
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Score every row by discriminants that were fitted without its group.

    Parameters
    ----------
    space : Space
        Training rows.
    codes : array of int (n,)
        Class of each row.
    classes : int
        Number of classes.
    groups : array of str (n,)
        Run of each row.
    amounts : Sequence of float
        Shrinkages.
    folds : int
        Folds of groups.

    Returns
    -------
    array (amounts, n, classes)
        Scores.
    array of bool (n,)
        Rows that have any: a fold whose training groups lack a class cannot be fitted.

    Raises
    ------
    InputError
        If no fold can be fitted.
    """
    held = np.zeros((len(amounts), len(codes), classes))
    used = np.zeros(len(codes), dtype=bool)
    for train, test in group_folds(groups, folds):
        if len(np.unique(codes[train])) < classes:
            continue  # a class that occurs in this fold's test groups only cannot be fitted
        maps = lda_scores(space.rows[train], codes[train], classes, amounts, space.features)
        for k, scores in enumerate(maps):
            held[k, test] = scores(space.rows[test])
        used[test] = True
    if not used.any():
        raise InputError(
            problem("labels", "each class in one run only", "classes in 2+ runs", "Add runs.")
        )
    return held, used


def _group_losses(
    space: Space,
    codes: Array,
    classes: int,
    groups: Strings,
    amounts: Sequence[float],
    folds: int,
) -> list[float]:
    """Negative log-probability of left-out rows, for each amount."""
    held, used = left_out_scores(space, codes, classes, groups, amounts, folds)
    return [fit_temperature(scores[used], codes[used])[1] for scores in held]


def _check(labels: Strings, classes: Sequence[str], amounts: Sequence[float]) -> None:
    if not amounts or not all(0 < a <= 1 for a in amounts):
        raise ConfigError(problem("amounts", tuple(amounts), "above 0, up to 1", "Use defaults."))
    seen = set(labels.tolist())
    found = [
        problem("labels", "no row", f"rows of class {name}", "Leave the class out.")
        for name in classes
        if name not in seen
    ]
    found += [
        problem("labels", name, ", ".join(classes), "Add the class or drop the rows.")
        for name in sorted(seen - set(classes))
    ]
    if len(classes) < 2:
        found.append(problem("classes", tuple(classes), "2 or more", "Show more categories."))
    check_all(found, InputError, "discriminant")
