"""Figures of a fitted decoder on test rows that came with the data and took no part in the fit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Dataset
from decoder.metrics import correct, n_way_top1, two_way
from decoder.model import LinearModel, known_labels
from decoder.samples import Samples
from decoder.scoring import score_auc, score_items
from phosphene.manifest import Score

__all__ = ["Given", "score_given"]

Array = npt.NDArray[Any]

_WAYS = 10


@dataclass(frozen=True)
class Given:
    """Test rows that came with the data, and the split in words."""

    data: Dataset
    words: str


def score_given(model: LinearModel, samples: Samples, words: str, seed: int) -> tuple[Score, ...]:
    """Score every head on test rows; each row is a unit of its own for the intervals.

    Parameters
    ----------
    model : LinearModel
        Fitted without these rows.
    samples : Samples
        The test rows, normalised with what the fit has learned.
    words : str
        The split.
    seed : int
        Of permutations and bootstrap.

    Returns
    -------
    tuple of Score
        Categories, and identification of z and c among all test rows.
    """
    common: dict[str, Any] = {"split": words, "seed": seed}
    found = model.predict(samples.X)
    truth, shown = known_labels(model, samples), np.array(model.shown, np.str_)
    seen = np.isin(truth, shown)
    scores: list[Score] = []
    if len(shown) > 1 and seen.any():
        logp = found.log_probabilities[:, [model.labels.index(name) for name in model.shown]]
        best = shown[logp.argmax(axis=1)]
        scores.append(
            score_items(
                f"category_{len(shown)}_way", correct, best[seen], truth[seen],
                chance=1 / len(shown), **common,
            )
        )  # fmt: skip
        if len(set(truth[seen].tolist())) == len(shown) == 2:
            scores.append(
                score_auc(
                    f"auc_{shown[0]}_{shown[1]}", logp[seen, 0] - logp[seen, 1],
                    truth[seen] == shown[0], **common,
                )
            )  # fmt: skip
    for name, decoded, true in (("z", found.z, samples.z), ("c", found.c, samples.c)):
        if decoded is not None and true is not None and name in model.heads:
            scores += _identified(name, decoded, true, common)
    return tuple(scores)


def _identified(name: str, decoded: Array, true: Array, common: dict[str, Any]) -> list[Score]:
    decoded, true = decoded.reshape(len(decoded), -1), true.reshape(len(true), -1)
    known = np.asarray(np.isfinite(true).all(axis=1))
    decoded, true = decoded[known], true[known]
    ways: dict[str, tuple[Any, float]] = {}
    if len(true) > 1:
        ways["two_way"] = (two_way, 0.5)
    if len(true) >= _WAYS:
        ways[f"{_WAYS}_way"] = (partial(n_way_top1, n_way=_WAYS), 1 / _WAYS)
    return [
        score_items(f"{name}_{way}", metric, decoded, true, chance=chance, **common)
        for way, (metric, chance) in ways.items()
    ]
