"""Figures of a fitted decoder on test rows that came with the data and took no part in the fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Dataset
from decoder.linear_fit import known_labels
from decoder.metrics import correct
from decoder.model import LinearModel
from decoder.repeats import resampled
from decoder.samples import Samples
from decoder.scoring import score_auc, score_identified, score_items
from phosphene.manifest import Score
from phosphene.metrics import label_chance

__all__ = ["Given", "score_given"]

Array = npt.NDArray[Any]
_MOST_ROWS = 20_000
_PERMUTATIONS = (40, 1000)


@dataclass(frozen=True)
class Given:
    """Test rows that came with the data, and the split in words."""

    data: Dataset
    words: str


def score_given(model: LinearModel, samples: Samples, words: str, seed: int) -> tuple[Score, ...]:
    """Score every head on test rows; repeats of a stimulus are one unit for the intervals.

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
        Categories, and identification of z and c among all stimuli of the test.
    """
    # A test set is small: what one permutation gives says little, and many cost little.
    count = int(np.clip(_MOST_ROWS // max(len(samples.rows), 1), *_PERMUTATIONS))
    common: dict[str, Any] = {"split": words, "seed": seed, "permutations": count}
    found = model.predict(samples.X)
    truth, shown = known_labels(model, samples), np.array(model.shown, np.str_)
    seen = np.isin(truth, shown)
    clusters = resampled(samples.stimuli, len(samples.rows))
    scores: list[Score] = []
    if len(shown) > 1 and seen.any():
        logp = found.log_probabilities[:, [model.labels.index(name) for name in model.shown]]
        best = shown[logp.argmax(axis=1)]
        scores.append(
            score_items(
                f"category_{len(shown)}_way", correct, best[seen], truth[seen],
                chance=label_chance(truth[seen]), clusters=clusters[seen], **common,
            )
        )  # fmt: skip
        if len(set(truth[seen].tolist())) == len(shown) == 2:
            scores.append(
                score_auc(
                    f"auc_{shown[0]}_{shown[1]}", logp[seen, 0] - logp[seen, 1],
                    truth[seen] == shown[0], clusters=clusters[seen], **common,
                )
            )  # fmt: skip
    for name, decoded, true in (("z", found.z, samples.z), ("c", found.c, samples.c)):
        if decoded is not None and true is not None and name in model.heads:
            flat = true.reshape(len(true), -1)
            scores += score_identified(
                name, decoded.reshape(len(flat), -1), flat, samples.stimuli, clusters=clusters,
                within=False, **common,
            )  # fmt: skip
    return tuple(scores)
