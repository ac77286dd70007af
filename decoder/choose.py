"""Chooses delay and window on training runs only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.classify import fit_lda, fit_temperature
from decoder.dataset import Dataset, group_folds
from decoder.eeg.heads import convolution_of_c, convolution_of_categories
from decoder.linear import Space
from decoder.linear_fit import averaged, committee_of, known_labels, label_order
from decoder.model import LinearModel
from decoder.ridge import fit_ridge
from decoder.samples import learn_priors, make_samples
from decoder.settings import FitSettings

Array = npt.NDArray[Any]
Fit = Callable[[Array, Array, Sequence[str], Array, FitSettings], Callable[[Array], Array]]

__all__ = ["Grid", "best_of", "choose", "held_out_loss"]


@dataclass(frozen=True)
class Grid:
    """Candidates; one of each means that nothing is left to choose.

    Attributes
    ----------
    delays_s : tuple of float
        Haemodynamic delays in seconds.
    shapes : tuple of (int, str)
        Window length in volumes with ``mean`` or ``concat``.
    prior_weights : tuple of float
        Volumes that the normaliser's prior mean is worth.
    committees : tuple of bool
        Whether categories come from a committee.
    convolutions : tuple of bool
        Whether categories and c come from a convolution.
    """

    delays_s: tuple[float, ...] = ()
    shapes: tuple[tuple[int, str], ...] = ()
    prior_weights: tuple[float, ...] = ()
    committees: tuple[bool, ...] = ()
    convolutions: tuple[bool, ...] = ()

    def stages(self) -> list[list[dict[str, object]]]:
        """List the changes to try, one stage after the other, in the order of the attributes."""
        stages: list[list[dict[str, object]]] = [
            [{"delay_s": d} for d in self.delays_s],
            [{"window": w, "combine": how} for w, how in self.shapes],
            [{"prior_weight": w} for w in self.prior_weights],
            [{"committee": c} for c in self.committees],
            [{"convolution": c} for c in self.convolutions],
        ]
        return [stage for stage in stages if stage]


def choose(data: Dataset, start: FitSettings, grid: Grid, empty: LinearModel) -> FitSettings:
    """Choose settings stage by stage, each by `held_out_loss`.

    Parameters
    ----------
    data : Dataset
        Training runs only.
    start : FitSettings
        Where the search begins; what the grid does not name stays.
    grid : Grid
        Candidates.
    empty : LinearModel
        Unfitted, with the target space.

    Returns
    -------
    FitSettings
    """
    for stage in grid.stages():
        start = best_of(data, [start.model_copy(update=change) for change in stage], empty)
    return start


def best_of(data: Dataset, candidates: Sequence[FitSettings], empty: LinearModel) -> FitSettings:
    """Return the candidate with the smallest `held_out_loss`; the first one among equals."""
    if len(candidates) == 1:
        return candidates[0]
    losses = [held_out_loss(data, settings, empty) for settings in candidates]
    return candidates[int(np.argmin(losses))]


def held_out_loss(data: Dataset, settings: FitSettings, empty: LinearModel) -> float:
    """Loss on left-out groups of the data.

    Parameters
    ----------
    data : Dataset
        Training runs only.
    settings : FitSettings
        Candidate.
    empty : LinearModel
        Unfitted, with the target space.

    Returns
    -------
    float
        Where c is known, the squared error of c relative to that of the mean; without categories
        that of z; otherwise the mean negative log-probability of the true labels, in nats.
    """
    samples = make_samples(data, settings, learn_priors(data, settings))
    X, _ = averaged(samples.X, settings)
    target = samples.c
    if target is None and not empty.categories and samples.z is not None:
        target = samples.z.reshape(len(samples.z), -1)
    if target is not None:
        seen = np.asarray(np.isfinite(target).all(axis=1))
        if settings.convolution and samples.c is not None:
            return _embedding_error(X[seen], target[seen], samples.groups[seen], settings)
        return fit_ridge(
            Space.of(X[seen]), target[seen], samples.groups[seen], settings.penalties,
            settings.folds, per_target=settings.penalty_per == "target",
        ).error  # fmt: skip
    names = known_labels(empty, samples)
    known = names != ""
    labels = label_order(empty.categories, names[known])
    if settings.committee or settings.pyriemann or settings.convolution:
        fit: Fit = convolution_of_categories if settings.convolution else committee_of
        return _score_loss(fit, X[known], names[known], labels, samples.groups[known], settings)
    fitted = fit_lda(
        Space.of(X[known]), names[known], labels, samples.groups[known],
        settings.shrinkages, settings.folds,
    )  # fmt: skip
    return min(fitted.losses)


def _score_loss(
    fit: Fit, X: Array, names: Array, labels: Sequence[str], groups: Array, settings: FitSettings
) -> float:
    """Mean negative log-probability, in nats, of rows decoded by models without their group."""
    codes = np.array([labels.index(name) for name in names.tolist()])
    scores = np.zeros((len(X), len(labels)))
    used = np.zeros(len(X), np.bool_)
    for train, test in group_folds(groups, settings.folds):
        inner = len(np.unique(groups[train]))
        if len(np.unique(codes[train])) == len(labels) and inner > 1:
            model = fit(X[train], names[train], labels, groups[train], settings)
            scores[test], used[test] = model(X[test]), True
    return fit_temperature(scores[used], codes[used])[1] if used.any() else float("inf")


def _embedding_error(X: Array, c: Array, groups: Array, settings: FitSettings) -> float:
    """Squared error of c of left-out groups relative to that of the training mean."""
    lost = base = 0.0
    for train, test in group_folds(groups, settings.folds):
        model = convolution_of_c(X[train], c[train], groups[train], settings)
        lost += float(((model(X[test]) - c[test]) ** 2).sum())
        base += float(((c[train].mean(axis=0) - c[test]) ** 2).sum())
    return lost / max(base, 1e-30)
