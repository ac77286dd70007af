"""Which pictures are shown: by a stated rule over all stimuli, never a hand-picked few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.evaluation.items import Items
from phosphene.metrics import Scored

__all__ = ["Ranking", "rank", "stimulus_means"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Ranking:
    """All stimuli from best to worst.

    Attributes
    ----------
    rows : array of int (stimuli,)
        The row that stands for each: of its rows the one in the middle by value.
    values : array (stimuli,)
        Mean value of each stimulus.
    rule : str
        How they were ranked and chosen, in words.
    """

    rows: Array
    values: Array
    rule: str

    def parts(self, each: int) -> dict[str, Array]:
        """Return the places (in this ranking) of the best, the median and the worst.

        With fewer stimuli than three parts need, all of them stand in one part.
        """
        n = len(self.rows)
        if n <= 3 * each:
            return {"all, from best to worst": np.arange(n)}
        middle = (n - each) // 2
        return {
            "best": np.arange(each),
            "median": np.arange(middle, middle + each),
            "worst": np.arange(n - each, n),
        }


def rank(score: Scored, items: Items, name: str) -> Ranking:
    """Rank all stimuli by one metric.

    Parameters
    ----------
    score : Scored
        With one value per row.
    items : Items
        Their stimuli.
    name : str
        Of the metric, for the rule.

    Returns
    -------
    Ranking
        Equal ones in the order of their first rows.
    """
    stimuli = list(dict.fromkeys(items.stimuli.tolist()))
    sign = -1.0 if score.higher_is_better else 1.0
    means, rows = [], []
    for stimulus in stimuli:
        own = np.flatnonzero(items.stimuli == stimulus)
        values = score.values[own]
        means.append(float(np.nanmean(values)) if np.isfinite(values).any() else np.nan)
        rows.append(own[np.argsort(values, kind="stable")[(len(own) - 1) // 2]])
    order = np.argsort(sign * np.array(means), kind="stable")
    several = "; of several rows of a stimulus the one in the middle" * (len(rows) < len(items))
    rule = f"ranked by {name}, all {len(rows)} stimuli{several}"
    return Ranking(np.array(rows)[order], np.array(means)[order], rule)


def stimulus_means(values: Array, stimuli: Array) -> Array:
    """Mean of the finite values of each stimulus, in the order of its number; NaN for none."""
    count = int(stimuli.max()) + 1
    finite = np.isfinite(values)
    whole = np.bincount(stimuli[finite], minlength=count)
    total = np.bincount(stimuli[finite], weights=values[finite], minlength=count)
    return np.asarray(np.divide(total, whole, out=np.full(count, np.nan), where=whole > 0))
