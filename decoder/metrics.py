"""Metrics of decoding and reconstruction, one value per item so that intervals can be made.

Every function takes what was decoded and what was true, row by row, and gives one number per row
(or per pair); `decoder.scoring` puts chance, a shuffled control and an interval beside the mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter
from scipy.special import gammaln
from scipy.stats import rankdata

from phosphene.errors import InputError, problem

__all__ = ["auc", "correct", "n_way_top1", "pix_corr", "row_correlations", "ssim", "two_way"]

Array = npt.NDArray[Any]
_K1, _K2, _SIDE = 0.01, 0.03, 7
_TIE = 1e-9
"""Correlations nearer than this are a tie: beyond it lies only rounding."""


def row_correlations(a: Array, b: Array) -> Array:
    """Pearson correlation of every row of `a` with every row of `b`.

    Parameters
    ----------
    a, b : array (n, ...), (m, ...)
        Flattened beyond the first axis.

    Returns
    -------
    array (n, m)
        0 where a row is constant.
    """

    def unit(x: Array) -> Array:
        flat = x.reshape(len(x), -1).astype(np.float64)
        flat = flat - flat.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(flat, axis=1, keepdims=True)
        return np.asarray(np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-12))

    return np.asarray(unit(a) @ unit(b).T)


def two_way(decoded: Array, true: Array) -> Array:
    """2-way identification: how often the own truth beats another one. Chance 0.5.

    For item i the share of all j != i with corr(decoded_i, true_i) > corr(decoded_i, true_j);
    a tie counts one half. The definition of Takagi & Nishimoto (2023), on any features.

    Parameters
    ----------
    decoded, true : array (n, ...)
        n >= 2 items.

    Returns
    -------
    array (n,)
    """
    _need_items(decoded, true, 2)
    r = row_correlations(decoded, true)
    own = np.diag(r)[:, None]
    off = ~np.eye(len(r), dtype=bool)
    wins = (own > r + _TIE) + 0.5 * (np.abs(own - r) <= _TIE)
    return np.asarray((wins * off).sum(axis=1) / (len(r) - 1))


def n_way_top1(decoded: Array, true: Array, n_way: int) -> Array:
    """Strict n-way identification: the truth beats all of n - 1 others. Chance 1 / n.

    The probability over all draws of n - 1 different distractors, in closed form: with b of the
    N - 1 others strictly less alike, C(b, n-1) / C(N-1, n-1). A tie is a loss.

    Parameters
    ----------
    decoded, true : array (N, ...)
        N >= n_way items.
    n_way : int
        2 or more.

    Returns
    -------
    array (N,)
    """
    _need_items(decoded, true, max(n_way, 2))
    r = row_correlations(decoded, true)
    beaten = (r + _TIE < np.diag(r)[:, None]).sum(axis=1)
    k = n_way - 1
    possible = beaten >= k
    log_share = _log_choose(np.maximum(beaten, k), k) - _log_choose(len(r) - 1, k)
    return np.asarray(np.where(possible, np.exp(log_share), 0.0))


def correct(decoded: Array, true: Array) -> Array:
    """1.0 where the decoded label is the true one, otherwise 0.0."""
    return np.asarray(np.asarray(decoded) == np.asarray(true), np.float64)


def pix_corr(decoded: Array, true: Array) -> Array:
    """Pearson correlation of each decoded picture with its own, over pixels and channels.

    Its level without information is not 0, as pictures share a mean: read it beside the shuffled
    control.

    Parameters
    ----------
    decoded, true : array (n, height, width, channels)

    Returns
    -------
    array (n,)
    """
    _need_items(decoded, true, 1)
    pairs = [row_correlations(d[None], t[None])[0, 0] for d, t in zip(decoded, true, strict=True)]
    return np.array(pairs)


def ssim(decoded: Array, true: Array) -> Array:
    """Structural similarity of pictures (Wang et al. 2004), the colour convention in use.

    7 x 7 uniform window, unbiased covariances, K1 = 0.01, K2 = 0.03, data range 255, mean over
    channels and over all windows that lie wholly inside the picture.

    Parameters
    ----------
    decoded, true : array of uint8 (n, height, width, channels)
        At least 7 x 7.

    Returns
    -------
    array (n,)
    """
    _need_items(decoded, true, 1)
    if decoded.ndim != 4 or min(decoded.shape[1:3]) < _SIDE:
        raise InputError(problem("decoded", decoded.shape, "(n, >= 7, >= 7, channels)", "Resize."))
    return np.array([_ssim_one(d, t) for d, t in zip(decoded, true, strict=True)])


def _ssim_one(a: Array, b: Array) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    size = (_SIDE, _SIDE, 1)

    def local(x: Array) -> Array:
        return np.asarray(uniform_filter(x, size=size))

    unbiased = _SIDE**2 / (_SIDE**2 - 1)
    mean_a, mean_b = local(a), local(b)
    var_a = unbiased * (local(a * a) - mean_a**2)
    var_b = unbiased * (local(b * b) - mean_b**2)
    cov = unbiased * (local(a * b) - mean_a * mean_b)
    c1, c2 = (_K1 * 255) ** 2, (_K2 * 255) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * cov + c2)
    bottom = (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    rim = _SIDE // 2
    return float((top / bottom)[rim:-rim, rim:-rim].mean())


def auc(scores: Array, positive: Array) -> float:
    """Area under the ROC curve: chance that a positive scores above a negative. Chance 0.5.

    Parameters
    ----------
    scores : array (n,)
    positive : array of bool (n,)
        With at least one True and one False.

    Returns
    -------
    float
        Ties count one half (Mann-Whitney).
    """
    truth = np.asarray(positive, bool)
    n_pos, n_neg = int(truth.sum()), int((~truth).sum())
    if n_pos == 0 or n_neg == 0:
        got = f"{n_pos} positive, {n_neg} negative"
        raise InputError(problem("positive", got, "both kinds", "Score more trials."))
    ranks = rankdata(scores)
    return float((ranks[truth].sum() - n_pos * (n_pos + 1) / 2) / (n_pos * n_neg))


def _log_choose(n: Any, k: int) -> Any:
    return gammaln(np.asarray(n) + 1.0) - gammaln(k + 1.0) - gammaln(np.asarray(n) - k + 1.0)


def _need_items(decoded: Array, true: Array, least: int) -> None:
    if decoded.shape != true.shape or len(decoded) < least:
        got = f"{decoded.shape} and {true.shape}"
        raise InputError(problem("decoded, true", got, f"one shape, {least}+ items", "Match them."))
