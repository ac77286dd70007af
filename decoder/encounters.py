"""What a fold's decoder makes of the runs left out of it, and of impostors made from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from decoder.calibrate import log_odds
from decoder.dataset import Dataset
from decoder.familiar import Familiarity
from decoder.impostors import impostors
from decoder.samples import Priors, Samples, make_samples
from decoder.settings import FitSettings
from decoder.trust import Trials, signal_of
from phosphene.manifest import REST

if TYPE_CHECKING:
    from decoder.model import LinearModel

__all__ = ["OWN", "Encounters", "evidence_of", "meet", "trials_of"]

Array = npt.NDArray[Any]
OWN = "own"
_OF_EACH = 16
"""Windows kept of each impostor."""


@dataclass(frozen=True)
class Encounters:
    """Windows that one fold's decoder met: first the rows left out, then impostors.

    Attributes
    ----------
    kinds : array of str (n,)
        "own" or what the impostor is.
    groups : array of str (n,)
        Run that each row is, or is made, from.
    measures : array (n, 3)
        Of familiarity.
    scores : array (n, labels)
        Before the softmax; no columns where there are no categories.
    signal : array (n,) or None
        None where it depends on the softmax.
    prototypes : array (categories, C) or None
        To find it, then.
    categories : int
        How many of the labels are categories.
    """

    kinds: Array
    groups: Array
    measures: Array = field(repr=False)
    scores: Array = field(repr=False)
    signal: Array | None = field(repr=False)
    prototypes: Array | None = field(repr=False)
    categories: int

    def evidence(self, temperature: float) -> tuple[Array, Array]:
        """Odds and signal of every row at a softmax temperature."""
        return evidence_of(self.scores, temperature, self.categories, self.signal, self.prototypes)


def evidence_of(
    scores: Array,
    temperature: float,
    categories: int,
    signal: Array | None,
    prototypes: Array | None,
) -> tuple[Array, Array]:
    """Odds and signal of rows from their scores; see `Encounters` for the parameters."""
    odds = np.zeros(len(scores))
    if categories:
        logp = log_softmax(scores / temperature, axis=1)
        odds = log_odds(logp, categories)
        if signal is None and prototypes is not None:
            signal = signal_of(np.exp(logp[:, :categories]) @ prototypes)
    return odds, np.zeros(len(scores)) if signal is None else signal


def meet(
    model: LinearModel,
    training: Samples,
    left_out: tuple[Dataset, Samples],
    settings: FitSettings,
    priors: Priors,
    mask: npt.NDArray[np.bool_] | None,
    fold: int = 0,
) -> Encounters:
    """Let a decoder meet the rows left out of its fit, and impostors made from them.

    Parameters
    ----------
    model : LinearModel
        Fitted on `training`.
    training : Samples
        Windows of the training runs.
    left_out : Dataset and Samples
        Of the runs left out.
    settings, priors
        Of the fold.
    mask : array of bool (X, Y, Z) or None
        Voxels of the features.
    fold : int
        Number of the fold: each has impostors of its own draw, as the curves would otherwise be
        judged on those that they have learned.
    """
    data, samples = left_out
    usual = Familiarity.of(training.X, settings.window)
    rng = np.random.default_rng([settings.seed, len(data), fold])
    kinds, groups = [np.full(len(samples.X), OWN)], [samples.groups]
    windows = [samples.X]
    for kind, made in impostors(data, priors, settings.delay_s, rng, mask):
        X = make_samples(made, settings, priors).X
        X = X[np.linspace(0, len(X) - 1, min(_OF_EACH, len(X))).astype(int)] if len(X) else X
        windows.append(X)
        kinds.append(np.full(len(X), kind))
        groups.append(np.full(len(X), made.groups[0]))
    X = np.concatenate(windows)
    head = model.c if model.c is not None else model.z if model.scores is None else None
    return Encounters(
        kinds=np.concatenate(kinds),
        groups=np.concatenate(groups),
        measures=usual(X),
        scores=np.zeros((len(X), 0)) if model.scores is None else model.scores(X),
        signal=None if head is None else signal_of(head(X)),
        prototypes=None if model.scores is None else model.shown_prototypes(),
        categories=sum(name != REST for name in model.labels),
    )


def trials_of(
    met: tuple[Encounters, ...], temperatures: Array, success: Array, clusters: Array
) -> Trials:
    """Lay the encounters of all folds side by side.

    Parameters
    ----------
    met : tuple of Encounters
        One for each fold.
    temperatures : array (folds,)
        Softmax temperature of each fold, found on the other ones.
    success : array (n,)
        Of all own rows in the order of folds, from 0 to 1; NaN where unknown: left out.
    clusters : array of str (n,)
        Run or fold of the own rows.
    """
    parts, at = [], 0
    for one, temperature in zip(met, temperatures, strict=True):
        own = one.kinds == OWN
        mine = slice(at, at + int(own.sum()))
        at = mine.stop
        odds, signal = one.evidence(float(temperature))
        known = np.zeros(len(own))
        known[own] = success[mine]
        names = np.full(len(own), clusters[mine][0] if own.any() else "", dtype=clusters.dtype)
        names[own] = clusters[mine]
        made = Trials(one.measures, odds, signal, known, names, one.kinds)
        parts.append(made.take(np.isfinite(known)))
    return Trials(
        *(np.concatenate([getattr(p, name) for p in parts])
          for name in ("measures", "odds", "signal", "success", "clusters", "kinds"))
    )  # fmt: skip
