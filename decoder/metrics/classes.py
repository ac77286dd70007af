"""n-way top-k by class: a classifier looks for the class of the truth in what was decoded.

Two rules are in use and must not be compared with each other. MinD-Video (Chen et al. 2023) takes
the three most probable classes of the truth and counts a success if any of them wins: chance is
3 / (n + 2). MinD-Vis (Chen et al. 2023) takes the one most probable class: chance is 1 / n.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, InputError, problem
from phosphene.metrics import top_share

__all__ = ["ACCEPTED", "judged_top_k", "strict_top_k"]

Array = npt.NDArray[Any]
ACCEPTED = 3
"""Classes of the truth that the rule of MinD-Video accepts."""


def judged_top_k(decoded: Array, true: Array, ways: int, top_k: int = 1) -> Array:
    """n-way top-k by the rule of MinD-Video. Chance at k = 1: 3 / (n + 2).

    For each draw of n - 1 classes outside the truth's three it asks whether any of the three is
    among the k most probable of {it and the drawn}; this is the mean over all draws, in closed
    form: the best of the three decides.

    Parameters
    ----------
    decoded, true : array (n, classes)
        A classifier's scores (logits or probabilities) of decoded pictures and of what was seen.
    ways : int
        2 to classes - 2.
    top_k : int
        1 or more, below `ways`.

    Returns
    -------
    array (n,)
    """
    return _top_k(decoded, true, ways, top_k, ACCEPTED)


def strict_top_k(decoded: Array, true: Array, ways: int, top_k: int = 1) -> Array:
    """n-way top-k by the strict rule: the truth's one best class. Chance k / n.

    Parameters and result as for `judged_top_k`.
    """
    return _top_k(decoded, true, ways, top_k, 1)


def _top_k(decoded: Array, true: Array, ways: int, top_k: int, accepted: int) -> Array:
    _check(decoded, true, ways, top_k, accepted)
    own = _best(true, accepted)
    best = np.take_along_axis(decoded, own, axis=1).max(axis=1, keepdims=True)
    outside = np.ones(decoded.shape, bool)
    np.put_along_axis(outside, own, False, axis=1)
    better = ((decoded >= best) & outside).sum(axis=1)
    return top_share(better, true.shape[1] - accepted, ways - 1, top_k)


def _best(true: Array, accepted: int) -> Array:
    """Return the indices (n, accepted) of the truth's most probable classes."""
    return np.argsort(-true, axis=1, kind="stable")[:, :accepted]


def _check(decoded: Array, true: Array, ways: int, top_k: int, accepted: int) -> None:
    if decoded.shape != true.shape or decoded.ndim != 2:
        got = f"{decoded.shape} and {true.shape}"
        raise InputError(problem("decoded, true", got, "one shape (n, classes)", "Match them."))
    most = true.shape[1] - accepted + 1
    if not 2 <= ways <= most:
        raise ConfigError(problem("ways", ways, f"2 to {most}", "Choose fewer ways."))
    if not 1 <= top_k < ways:
        raise ConfigError(problem("top_k", top_k, f"1 to {ways - 1}", "Choose fewer."))
