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
from decoder.model import LinearModel, known_labels
from decoder.samples import Samples, learn_priors, make_samples
from decoder.settings import FitSettings

__all__ = ["HeldOut", "Progress", "decode_held_out"]

Array = npt.NDArray[Any]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is."""

_MOST_FOLDS = 12


@dataclass(frozen=True)
class HeldOut:
    """Held-out rows with truth; arrays as in `Samples` and `Percepts`.

    Attributes
    ----------
    truth : array of str (n,)
        Label on show, "" where unknown.
    scores : array (n, labels)
        Class scores before the softmax.
    z, c : array or None
        Decoded; `z_true`, `c_true` NaN where unknown.
    split : str
        How rows were held out, in words.
    """

    groups: Array
    labels: tuple[str, ...]
    truth: Array
    scores: Array
    z: Array | None
    z_true: Array | None
    c: Array | None
    c_true: Array | None
    split: str

    @property
    def codes(self) -> Array:
        """Index of each true label in `labels`; only where `labelled`."""
        lookup = {name: k for k, name in enumerate(self.labels)}
        return np.array([lookup.get(name, -1) for name in self.truth.tolist()])

    def log_probabilities(self) -> Array:
        """Log-probabilities, each run at the temperature that suits the other runs."""
        codes = self.codes
        result = np.empty_like(self.scores)
        for name in np.unique(self.groups):
            test = self.groups == name
            others = ~test & (codes >= 0)
            temperature = fit_temperature(self.scores[others], codes[others])[0]
            result[test] = log_softmax(self.scores[test] / temperature, axis=1)
        return result


def decode_held_out(
    data: Dataset, start: FitSettings, grid: Grid, empty: LinearModel, progress: Progress
) -> HeldOut:
    """Fit without each run in turn and decode it; priors and every choice are made without it.

    Parameters
    ----------
    data : Dataset
        All training data of the person.
    start : FitSettings
        Of the fit.
    grid : Grid
        What is still to be chosen, in each fold anew.
    empty : LinearModel
        Unfitted, with the target space.
    progress : Callable
        Told after each fold.

    Returns
    -------
    HeldOut
        In the order of folds.
    """
    folds = group_folds(data.groups, _MOST_FOLDS)
    parts: list[tuple[Samples, LinearModel]] = []
    for k, (train, test) in enumerate(folds):
        training = data.select(train)
        settings = choose(training, start, grid, empty)
        priors = learn_priors(training, settings)
        model = empty.fit(make_samples(training, settings, priors), settings)
        parts.append((make_samples(data.select(test), settings, priors), model))
        progress("held-out runs", k + 1, len(folds))
    labels = max((model.labels for _, model in parts), key=len)
    count = len(data.group_names)
    each = "one run out" if count == len(folds) else f"{count} runs in {len(folds)} folds"
    return HeldOut(
        groups=np.concatenate([s.groups for s, _ in parts]),
        labels=labels,
        truth=np.concatenate([known_labels(m, s) for s, m in parts]),
        scores=np.concatenate([_scores(m, s, labels) for s, m in parts]),
        z=_joined([None if m.z is None else m.z(s.X) for s, m in parts]),
        z_true=_joined([s.z for s, _ in parts]),
        c=_joined([None if m.c is None else m.c(s.X) for s, m in parts]),
        c_true=_joined([s.c for s, _ in parts]),
        split=f"leave {each}",
    )


def _scores(model: LinearModel, samples: Samples, labels: tuple[str, ...]) -> Array:
    """Class scores in the order of `labels`; a class that the fold did not know scores lowest."""
    if model.scores is None:
        raise AssertionError("a fitted linear model always has scores")
    raw = model.scores(samples.X)
    full = np.repeat(raw.min(axis=1, keepdims=True), len(labels), axis=1)
    full[:, [labels.index(name) for name in model.labels]] = raw
    return full


def _joined(parts: list[Array | None]) -> Array | None:
    found = [part.reshape(len(part), -1) for part in parts if part is not None]
    return np.concatenate(found) if len(found) == len(parts) else None
