"""Who competes with whom, which rows stand for their stimulus, and scoring within that."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from decoder.evaluation.percepts import Percepts
from phosphene.metrics import Scored, scored

__all__ = ["Items", "of_percepts", "one_each"]

Array = npt.NDArray[Any]
_MOST_COMPARISONS = 10**9


@dataclass(frozen=True)
class Items:
    """The rows that are scored.

    Attributes
    ----------
    stimuli : array of int (n,)
        Stimulus of each row; the bootstrap draws whole stimuli.
    groups : array of int (n,)
        Rows compete, and are permuted, within their group only.
    among, split : str
        Who competes, and how rows were held out, in words.
    seed : int
        Of permutations and bootstrap.
    permutations : int
        Of the shuffled control.
    """

    stimuli: Array
    groups: Array
    among: str
    split: str
    seed: int = 0
    permutations: int = 100

    def __len__(self) -> int:
        return len(self.stimuli)

    def select(self, rows: Array) -> Items:
        """Return some rows."""
        return Items(
            self.stimuli[rows], self.groups[rows], self.among, self.split, self.seed,
            self.permutations,
        )  # fmt: skip

    @property
    def pool(self) -> int:
        """How many different stimuli there are in the group that has fewest."""
        return min(len(np.unique(self.stimuli[self.groups == g])) for g in np.unique(self.groups))

    @property
    def least_p(self) -> float:
        """What p cannot be expected to fall below: 1 by the number of orders of the stimuli."""
        sizes = [len(np.unique(self.stimuli[self.groups == g])) for g in np.unique(self.groups)]
        return math.exp(-sum(math.lgamma(size + 1) for size in sizes))

    def score(
        self,
        values: Callable[[Array], Array],
        chance: float | None,
        rule: str,
        *,
        higher_is_better: bool = True,
        permutations: int | None = None,
    ) -> Scored:
        """Score one value for each row; see `phosphene.metrics.scored`."""
        # Identification compares all with all; very many rows get fewer permutations.
        most = int(np.clip(_MOST_COMPARISONS // len(self) ** 2, 5, self.permutations))
        return scored(
            values, self.stimuli, chance=chance, rule=rule, split=self.split, seed=self.seed,
            within=self.groups, whole=True, higher_is_better=higher_is_better,
            permutations=permutations or most,
        )  # fmt: skip


def of_percepts(
    percepts: Percepts, compete: Literal["fold", "all"], seed: int, permutations: int
) -> Items:
    """Return the items of percepts.

    Parameters
    ----------
    percepts : Percepts
        Rows without a name of what was seen are stimuli of their own.
    compete : str
        "fold": with the other stimuli of the fold that a row was held out in. The truths of other
        folds were in its training data, to which an empty decoder lies nearer. "all": with all
        stimuli, as publications with one test set do; with several folds it is too strict.
    seed, permutations : int
        See `Items`.

    Returns
    -------
    Items
        All compete where a fold has fewer than two stimuli.
    """
    names = percepts.stimuli.astype(np.str_)
    own = np.char.add("\x00row ", np.arange(len(names)).astype(np.str_))
    _, stimuli = np.unique(np.where(names == "", own, names), return_inverse=True)
    _, folds = np.unique(percepts.folds, return_inverse=True)
    split = str(percepts.facts["split"])
    apart = Items(stimuli, folds, "the other stimuli of its fold", split, seed, permutations)
    if compete == "fold" and folds.max() > 0 and apart.pool >= 2:
        return apart
    whole = np.zeros_like(folds)
    return Items(stimuli, whole, "all other stimuli", split, seed, permutations)


def one_each(items: Items) -> Array:
    """Return one row for each stimulus of each group: the middle one of its rows."""
    keys = items.groups * (int(items.stimuli.max()) + 1) + items.stimuli
    rows = [np.flatnonzero(keys == key) for key in np.unique(keys)]
    return np.sort(np.array([own[len(own) // 2] for own in rows]))
