"""Held-out percepts: every run decoded by a model that was fitted without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from decoder.choose import Grid, choose
from decoder.classify import fit_temperature
from decoder.dataset import Dataset, group_folds
from decoder.encounters import Encounters, meet
from decoder.linear_fit import known_labels
from decoder.model import LinearModel
from decoder.samples import Samples, learn_priors, make_samples
from decoder.settings import FitSettings
from decoder.splits import Split

__all__ = ["HeldOut", "Progress", "by_run", "decode_held_out"]

Array = npt.NDArray[Any]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is."""

_MOST_FOLDS = 12


@dataclass(frozen=True)
class HeldOut:
    """Held-out rows with truth; arrays as in `Samples` and `Percepts`.

    Attributes
    ----------
    groups : array of str (n,)
        Run of each row.
    rows : array of int (n,)
        Row of the dataset that each percept was decoded from (the newest volume of its window).
    folds : array of int (n,)
        Fold in which it was held out.
    labels : tuple of str
        Meaning of each score.
    truth : array of str (n,)
        Label on show, "" where unknown.
    stimuli : array of str (n,)
        Name of what was on show, "" where unknown.
    scores : array (n, labels)
        Class scores before the softmax; no columns where there are no categories.
    z, c : array (n, ...) or None
        Decoded, flat; `z_true`, `c_true` NaN where unknown.
    split : str
        How rows were held out, in words.
    met : tuple of Encounters
        What each fold's decoder made of its rows and of impostors.
    """

    groups: Array
    rows: Array
    folds: Array
    labels: tuple[str, ...]
    truth: Array
    stimuli: Array
    scores: Array
    z: Array | None
    z_true: Array | None
    c: Array | None
    c_true: Array | None
    split: str
    met: tuple[Encounters, ...] = ()

    @property
    def codes(self) -> Array:
        """Index of each true label in `labels`; only where `labelled`."""
        lookup = {name: k for k, name in enumerate(self.labels)}
        return np.array([lookup.get(name, -1) for name in self.truth.tolist()])

    @property
    def clusters(self) -> Array:
        """What hangs together: runs, or folds where the split cut through runs."""
        for name in np.unique(self.groups):
            if len(np.unique(self.folds[self.groups == name])) > 1:
                return np.char.add("fold ", self.folds.astype(np.str_))
        return self.groups

    def log_probabilities(self) -> Array:
        """Log-probabilities, each run at the temperature that suits the other runs."""
        codes, clusters = self.codes, self.clusters
        result = np.empty_like(self.scores)
        if not self.labels:
            return result
        for name in np.unique(clusters):
            test = clusters == name
            others = ~test & (codes >= 0)
            temperature = fit_temperature(self.scores[others], codes[others])[0]
            result[test] = log_softmax(self.scores[test] / temperature, axis=1)
        return result


def by_run(data: Dataset) -> Split:
    """Leave every run out once, several at a time where there are more than twelve."""
    folds = tuple(group_folds(data.groups, _MOST_FOLDS))
    count = len(data.group_names)
    each = "one run out" if count == len(folds) else f"{count} runs in {len(folds)} folds"
    return Split(f"leave {each}", ("run",), folds)


def decode_held_out(
    data: Dataset,
    start: FitSettings,
    grid: Grid,
    empty: LinearModel,
    progress: Progress,
    split: Split | None = None,
    mask: npt.NDArray[np.bool_] | None = None,
) -> HeldOut:
    """Fit without each fold in turn and decode it; priors and every choice are made without it.

    Parameters
    ----------
    data : Dataset
        All data of the person.
    start : FitSettings
        Of the fit.
    grid : Grid
        What is still to be chosen, in each fold anew.
    empty : LinearModel
        Unfitted, with the target space and the regions.
    progress : Callable
        Told after each fold.
    split : Split, optional
        What is held out when; without it every run once.
    mask : array of bool (X, Y, Z), optional
        Voxels of the features, to tell what a moved head looks like.

    Returns
    -------
    HeldOut
        In the order of folds.
    """
    split = split or by_run(data)
    parts: list[tuple[Samples, LinearModel]] = []
    rows, fold, met = [], [], []
    for k, (train, test) in enumerate(split):
        training = data.select(train)
        settings = choose(training, start, grid, empty)
        priors = learn_priors(training, settings)
        fitted_on = make_samples(training, settings, priors)
        model = empty.fit(fitted_on, settings)
        left_out = data.select(test)
        samples = make_samples(left_out, settings, priors)
        met.append(meet(model, fitted_on, (left_out, samples), settings, priors, mask, k))
        parts.append((samples, model))
        rows.append(test[samples.rows])
        fold.append(np.full(len(samples.rows), k))
        progress("held-out folds", k + 1, len(split))
    labels = max((model.labels for _, model in parts), key=len)
    return HeldOut(
        groups=np.concatenate([s.groups for s, _ in parts]),
        rows=np.concatenate(rows),
        folds=np.concatenate(fold),
        labels=labels,
        truth=np.concatenate([known_labels(m, s) for s, m in parts]),
        stimuli=np.concatenate([_names(s) for s, _ in parts]),
        scores=np.concatenate([_scores(m, s, labels) for s, m in parts]),
        z=_joined([None if m.z is None else m.z(s.X) for s, m in parts]),
        z_true=_joined([s.z for s, _ in parts]),
        c=_joined([None if m.c is None else m.c(s.X) for s, m in parts]),
        c_true=_joined([s.c for s, _ in parts]),
        split=split.words,
        met=tuple(met),
    )


def _scores(model: LinearModel, samples: Samples, labels: tuple[str, ...]) -> Array:
    """Class scores in the order of `labels`; a class that the fold did not know scores lowest."""
    if model.scores is None:
        return np.zeros((len(samples.rows), len(labels)))
    raw = model.scores(samples.X)
    full = np.repeat(raw.min(axis=1, keepdims=True), len(labels), axis=1)
    full[:, [labels.index(name) for name in model.labels]] = raw
    return full


def _names(samples: Samples) -> Array:
    return np.full(len(samples.rows), "") if samples.stimuli is None else samples.stimuli


def _joined(parts: list[Array | None]) -> Array | None:
    found = [part.reshape(len(part), -1) for part in parts if part is not None]
    return np.concatenate(found) if len(found) == len(parts) else None
