"""A committee for epochs: linear discriminants on waveforms and on tangent vectors.

Members see the same epochs in different ways: waveforms in cosine waves up to several frequencies,
of a part or the whole of an epoch (`WAVEFORMS`), and tangent vectors (`decoder.riemann`) with more
or fewer filters and slow waves taken out (`TANGENTS`). Each is a shrinkage discriminant whose
shrinkage and temperature are chosen on left-out groups of the training rows; filters and expected
responses know the labels, so they are fitted anew without each left-out group. No member is chosen:
all vote, the two kinds with equal weight, by their scores at their own temperatures (a product of
experts, Hinton 2002, Neural Comput. 14:1771), because a choice among members that are nearly
equal follows the noise of a few hundred epochs. Large epochs are held back before
(`decoder.eeg.limit`): without that, epochs with blinks and movements are decoded at chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.classify import fit_lda, fit_temperature, lda_scores, left_out_scores
from decoder.dataset import Strings, group_folds
from decoder.eeg.limit import Limiter
from decoder.linear import Affine, Space
from decoder.riemann import TangentMap, cosines, fit_tangent
from phosphene.errors import InputError, problem

__all__ = [
    "LEAST_TIMES",
    "TANGENTS",
    "WAVEFORMS",
    "Committee",
    "Layout",
    "chosen",
    "fit_committee",
    "left_out_of_maps",
]

Array = npt.NDArray[Any]
LeftOut = tuple[Array, npt.NDArray[np.bool_]]
"""Scores (shrinkages, n, classes) of left-out rows, and which rows have any."""

WAVEFORMS = tuple(
    (part, low, high_hz) for part in (0.75, 1.0) for low in (0, 1) for high_hz in (10.0, 15.0)
)
"""Part of the epoch, first cosine wave, highest frequency in hertz."""

TANGENTS = tuple((filters, waves) for filters in (1, 2) for waves in (2, 4, 6))
"""Filters per class, slow waves taken out."""

LEAST_TIMES = 8
"""Samples per channel without which there is no committee."""

_SHRINKAGE = 0.01


@dataclass(frozen=True)
class Layout:
    """What a row of features is: samples at `rate_hz` hertz, channel by channel."""

    channels: int
    rate_hz: float

    def times(self, features: int) -> int:
        """Return the samples per channel of a row."""
        if self.channels < 1 or features % self.channels:
            allowed = f"a multiple of {self.channels} channels"
            raise InputError(problem("features", features, allowed, "Prepare the data anew."))
        return features // self.channels


@dataclass(frozen=True)
class Committee:
    """Fitted: rows (n, channels * times) to scores (n, classes).

    Attributes
    ----------
    limiter : Limiter
        Applied to rows first.
    waveforms : Affine
        All linear members in one map.
    tangents : tuple of (TangentMap, Affine)
        The others, each with its weight in the vote.
    """

    limiter: Limiter
    waveforms: Affine
    tangents: tuple[tuple[TangentMap, Affine], ...] = field(repr=False)

    @property
    def features(self) -> int:
        """Length of a row."""
        return self.waveforms.features

    def __call__(self, X: Array) -> Array:
        """Scores of rows."""
        rows = self.limiter(X)
        total = self.waveforms(rows)
        for tangent, head in self.tangents:
            total = total + head(tangent(rows))
        return np.asarray(total)


def fit_committee(
    X: Array,
    labels: Strings,
    classes: Sequence[str],
    groups: Strings,
    layout: Layout,
    shrinkages: Sequence[float],
    folds: int,
) -> Committee:
    """Fit every member on training epochs.

    Parameters
    ----------
    X : array (n, channels * times)
        Epochs.
    labels : array of str (n,)
        Class of each.
    classes : Sequence of str
        In the order of the scores.
    groups : array of str (n,)
        Run of each, 2 or more.
    layout : Layout
        What a row is.
    shrinkages : Sequence of float
        Candidates for the discriminants.
    folds : int
        Folds of groups in which these are chosen.

    Returns
    -------
    Committee

    Raises
    ------
    InputError
        If epochs are too short, or labels and classes do not fit (see `decoder.classify.fit_lda`).
    """
    times = layout.times(X.shape[1])
    if times < LEAST_TIMES:
        allowed = f"{LEAST_TIMES} or more samples"
        raise InputError(problem("epochs", times, allowed, "Lengthen epochs or raise their rate."))
    codes = np.array([list(classes).index(label) for label in labels.tolist()])
    limiter = Limiter.of(X, layout.channels)
    rows = limiter(X)

    def head(features: Array, left_out: LeftOut, voters: int) -> Affine:
        shrinkage, temperature = chosen(left_out, codes, shrinkages)
        scores = fit_lda(Space.of(features), labels, classes, groups, [shrinkage], folds).scores
        share = 1.0 / (temperature * voters)
        return Affine(scores.weights * share, scores.bias * share)

    linear = []
    for member in WAVEFORMS:
        basis = _basis(layout, times, *member)
        space = Space.of(rows @ basis)
        held = left_out_scores(space, codes, len(classes), groups, shrinkages, folds)
        linear.append(_through(basis, head(rows @ basis, held, len(WAVEFORMS))))
    tangents = []
    for filters, waves in TANGENTS:
        learn = partial(
            fit_tangent,
            channels=layout.channels, filters=filters, waves=waves, shrinkage=_SHRINKAGE,
        )  # fmt: skip
        held = left_out_of_maps(rows, codes, groups, shrinkages, folds, learn)
        tangent = learn(rows, codes)
        tangents.append((tangent, head(tangent(rows), held, len(TANGENTS))))
    return Committee(limiter, _sum(linear), tuple(tangents))


def left_out_of_maps(
    rows: Array,
    codes: Array,
    groups: Strings,
    shrinkages: Sequence[float],
    folds: int,
    learn: Callable[[Array, Array], TangentMap],
) -> LeftOut:
    """Score every row by a map and discriminants that were both fitted without its group.

    Parameters
    ----------
    rows : array (n, features)
        Training epochs.
    codes : array of int (n,)
        Class of each; every class occurs.
    groups : array of str (n,)
        Run of each.
    shrinkages : Sequence of float
        Of the discriminants.
    folds : int
        Folds of groups.
    learn : Callable
        Fits the map to rows and their codes.

    Returns
    -------
    array (shrinkages, n, classes)
        Scores.
    array of bool (n,)
        Rows that have any: a fold whose training groups lack a class cannot be fitted.
    """
    classes = int(codes.max()) + 1
    held = np.zeros((len(shrinkages), len(codes), classes))
    used = np.zeros(len(codes), dtype=bool)
    for train, test in group_folds(groups, folds):
        if len(np.unique(codes[train])) < classes:
            continue
        tangent = learn(rows[train], codes[train])
        space, seen = Space.of(tangent(rows[train])), tangent(rows[test])
        maps = lda_scores(space.rows, codes[train], classes, shrinkages, space.features)
        for k, scores in enumerate(maps):
            held[k, test] = space.restored(scores)(seen)
        used[test] = True
    return held, used


def chosen(left_out: LeftOut, codes: Array, shrinkages: Sequence[float]) -> tuple[float, float]:
    """Choose shrinkage and temperature by the log-probability of left-out rows.

    Raises
    ------
    InputError
        If no row was left out.
    """
    held, used = left_out
    found = [fit_temperature(scores[used], codes[used]) for scores in held]
    best = int(np.argmin([loss for _, loss in found]))
    return shrinkages[best], found[best][0]


def _basis(layout: Layout, times: int, part: float, low: int, high_hz: float) -> Array:
    """Return the map (channels * times, channels * waves) of a waveform member."""
    stop = max(LEAST_TIMES, round(part * times))
    # Cosine wave k has k half periods in stop / rate seconds.
    most = round(2 * high_hz * stop / layout.rate_hz)
    waves = np.zeros((times, min(max(most, low + 2), stop) - low))
    waves[:stop] = cosines(stop, low, low + waves.shape[1])
    return np.kron(np.eye(layout.channels), waves)


def _through(basis: Array, head: Affine) -> Affine:
    return Affine(basis @ head.weights, head.bias)


def _sum(maps: Sequence[Affine]) -> Affine:
    weights = np.sum([m.weights for m in maps], axis=0)
    return Affine(weights, np.sum([m.bias for m in maps], axis=0))
