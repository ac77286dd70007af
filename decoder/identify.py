"""Which held-out percepts identify the truth: what confidence is the probability of."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.classify import fit_temperature
from decoder.encounters import trials_of
from decoder.heldout import HeldOut
from decoder.repeats import competing, same_shown, two_way
from decoder.trust import Trials
from phosphene.errors import InputError, problem
from phosphene.manifest import REST

__all__ = ["identified", "trials"]

Array = npt.NDArray[Any]


def identified(held: HeldOut) -> Array:
    """Success of each held-out row, from 0 to 1; NaN where what was shown is unknown.

    With categories: whether the most probable one was seen; at rest none was. Without: the share
    of the truths of other stimuli of its run that the own one beats (`decoder.repeats.two_way`),
    the mean of that of z and that of c where there are both.
    """
    if held.labels:
        count = sum(name != REST for name in held.labels)
        best = np.asarray(held.labels)[held.log_probabilities()[:, :count].argmax(axis=1)]
        return np.where(held.codes >= 0, best == held.truth, np.nan)
    rates = [
        _rates(decoded, true, held.stimuli, held.clusters)
        for decoded, true in ((held.z, held.z_true), (held.c, held.c_true))
        if decoded is not None and true is not None
    ]
    return np.mean(rates, axis=0) if rates else np.full(len(held.groups), np.nan)


def trials(held: HeldOut) -> Trials:
    """Lay out what the curves of trust are learned from; see `decoder.trust`.

    Raises
    ------
    InputError
        If what was shown is known for no row.
    """
    success = identified(held)
    if not np.isfinite(success).any():
        raise InputError(problem("targets", "none known", "some", "Say what was shown."))
    temperatures = np.ones(len(held.met))
    if held.labels:
        codes = held.codes
        for fold in range(len(held.met)):
            others = (held.folds != fold) & (codes >= 0)
            temperatures[fold] = fit_temperature(held.scores[others], codes[others])[0]
    return trials_of(held.met, temperatures, success, held.clusters)


def _rates(decoded: Array, true: Array, names: Array, clusters: Array) -> Array:
    known = np.flatnonzero(np.isfinite(true).all(axis=1))
    found = np.full(len(true), np.nan)
    if not len(known):
        return found
    shown = same_shown(true[known], names[known])
    groups = competing(shown, clusters[known])
    for name in np.unique(groups):
        own = groups == name
        rows = known[own]
        found[rows] = two_way(decoded[rows], true[rows], shown[own])
    return found
