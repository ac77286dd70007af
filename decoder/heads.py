"""One regression head: ridge from rows to z or c, its choices made on left-out training groups.

What may be chosen: the penalty of each target, the weights of regions (`decoder.regions`), and how
much of the variance that ridge takes from its predictions is given back (Ozcelik & VanRullen 2023,
Sci. Rep. 13:15666, give back all of it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from decoder.dataset import Rows, Strings, group_folds
from decoder.linear import Affine, Array, Space
from decoder.repeats import same_shown, two_way
from decoder.ridge import cross_errors, cross_predict, solve
from decoder.settings import FitSettings

__all__ = ["HeadFit", "fit_head"]

_MOST_GAIN = 10.0
"""A target that cannot be predicted has no variance to give back: its gain is held below this."""


@dataclass(frozen=True)
class HeadFit:
    """A fitted head.

    Attributes
    ----------
    map : Affine
        From unscaled rows (n, features) to targets (n, k).
    alphas : array (k,)
        Penalty of each target.
    weighting : array of int (k,)
        Which weighting of the features each target uses.
    error : float
        Squared error on left-out groups relative to predicting the mean, before any variance is
        given back.
    restored : float
        Share of the variance that is given back, as an exponent of the ratio of deviations.
    """

    map: Affine
    alphas: Array = field(repr=False)
    weighting: Array = field(repr=False)
    error: float
    restored: float

    def facts(self, name: str) -> dict[str, float]:
        """Return what a bundle tells about the head."""
        low, middle, high = np.quantile(self.alphas, [0.05, 0.5, 0.95])
        return {
            f"{name}_alpha": float(middle),
            f"{name}_alpha_low": float(low),
            f"{name}_alpha_high": float(high),
            f"{name}_error": self.error,
            f"{name}_variance_restored": self.restored,
        }


def fit_head(
    X: Array,
    Y: Array,
    groups: Strings,
    settings: FitSettings,
    weightings: Sequence[Array] = (),
    space: Space | None = None,
) -> HeadFit:
    """Fit a head and make every choice on left-out groups of the rows.

    Parameters
    ----------
    X : array (n, features)
        Training rows.
    Y : array (n, k)
        Targets.
    groups : array of str (n,)
        Group of each row; two or more.
    settings : FitSettings
        Candidates.
    weightings : Sequence of array (features,)
        Weights of features to choose from; none = every feature counts.
    space : Space, optional
        Of the same rows with every feature, where it is there already.

    Returns
    -------
    HeadFit
    """
    spaces = [Space.of(X, weights) for weights in weightings] or [space or Space.of(X)]
    folds = group_folds(groups, settings.folds)
    penalties = np.asarray(settings.penalties)
    losses, base = [], np.zeros(0)
    for one in spaces:
        lost, base = cross_errors(one.rows, Y, penalties * one.size, folds)
        losses.append(lost)
    stacked = np.stack(losses)  # (weightings, penalties, k)
    if settings.penalty_per == "head":
        stacked = np.broadcast_to(stacked.sum(axis=2, keepdims=True), stacked.shape)
    flat = stacked.reshape(-1, Y.shape[1]).argmin(axis=0)
    weighting, at = np.divmod(flat, len(penalties))
    alphas = penalties[at] * np.array([one.size for one in spaces])[weighting]
    least = np.stack(losses)[weighting, at, np.arange(Y.shape[1])]
    map_ = _solved(spaces, Y, alphas, weighting)
    share, gain = _restoration(spaces, Y, alphas, weighting, folds, settings.restore)
    mean = Y.mean(axis=0, dtype=np.float64)
    return HeadFit(
        map=_stretched(map_, mean, gain),
        alphas=alphas,
        weighting=weighting,
        error=float(least.sum() / max(base.sum(), 1e-30)),
        restored=share,
    )


def _stretched(map_: Affine, mean: Array, gain: Array) -> Affine:
    """Multiply how far predictions lie from the mean of each target."""
    weights = map_.weights * gain.astype(map_.weights.dtype)
    return replace(map_, weights=weights, bias=mean + (map_.bias - mean) * gain)


def _solved(spaces: Sequence[Space], Y: Array, alphas: Array, weighting: Array) -> Affine:
    if len(spaces) == 1:
        return solve(spaces[0], Y, alphas)
    weights = np.zeros((spaces[0].features, Y.shape[1]))
    bias = np.zeros(Y.shape[1])
    for k in np.unique(weighting):
        own = np.flatnonzero(weighting == k)
        part = solve(spaces[k], Y[:, own], alphas[own]).dense()
        weights[:, own], bias[own] = part.weights, part.bias
    return Affine(weights, bias)


def _restoration(
    spaces: Sequence[Space],
    Y: Array,
    alphas: Array,
    weighting: Array,
    folds: Sequence[tuple[Rows, Rows]],
    shares: Sequence[float],
) -> tuple[float, Array]:
    """Choose how much variance is given back, by 2-way identification of left-out rows."""
    if tuple(shares) == (0.0,):
        return 0.0, np.ones(Y.shape[1])
    held = np.empty(Y.shape)
    for k in np.unique(weighting):
        own = np.flatnonzero(weighting == k)
        held[:, own] = cross_predict(spaces[k].rows, Y[:, own], alphas[own], folds)
    mean, wanted, there = Y.mean(axis=0, dtype=np.float64), Y.std(axis=0), held.std(axis=0)
    ratio = np.divide(wanted, there, out=np.ones(Y.shape[1]), where=there > 1e-9)
    gains = [np.clip(ratio, 1.0, _MOST_GAIN) ** share for share in shares]
    if len(shares) == 1:
        return shares[0], gains[0]
    shown = same_shown(Y)
    scores = [
        np.mean([_rate(mean + (held[t] - mean) * gain, Y[t], shown[t]) for _, t in folds])
        for gain in gains
    ]
    best = int(np.argmax(scores))
    return shares[best], gains[best]


def _rate(decoded: Array, true: Array, shown: Array) -> float:
    """Share of other truths that the own one beats; one half where there is no other."""
    return float(np.nan_to_num(two_way(decoded, true, shown), nan=0.5).mean())
