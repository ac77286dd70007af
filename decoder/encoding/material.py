"""What an encoding analysis works on, and what it gives; plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from decoder.dataset import Strings
from decoder.encoding.design import Clock, shown
from decoder.splits import Split
from phosphene.errors import InputError, check_all, problem

__all__ = ["ALL", "Encoded", "FeatureSet", "Kind", "Material", "Of", "Told"]

Array = npt.NDArray[Any]
Kind = Literal["main", "noise", "layer", "joint", "unique"]

ALL = "all"
"""The region of all voxels."""


@dataclass(frozen=True)
class FeatureSet:
    """One set of features of what was shown.

    Attributes
    ----------
    name : str
        ``z``, ``c``, ``zc 0.5``, ``layer mid_block 2``.
    kind : str
        ``main``; ``noise``: zc at a noise level; ``layer``: of the generator.
    values : array (n, ...)
        One row for each response; NaN where nothing was shown.
    """

    name: str
    kind: Kind
    values: Array = field(repr=False)

    @property
    def flat(self) -> Array:
        """Rows as vectors, (n, p)."""
        return self.values.reshape(len(self.values), -1)


@dataclass(frozen=True)
class Material:
    """Responses and features, and how they are held apart.

    Attributes
    ----------
    responses : array (n, voxels) float32
    sets : tuple of FeatureSet
        Of which ``z`` and ``c`` are compared with each other where both are there.
    split : Split
        Each row is held out once at the most.
    groups : array of str (n,)
        Kept whole where penalties are chosen.
    units : array of int (n,)
        What is permuted and drawn as one: stimulus, or block of time.
    clock : Clock or None
        Of volumes; None for trials.
    regions : mapping of str to array of bool (voxels,)
        "all" is added.
    ceiling : array (voxels,) or None
        Highest correlation that any model can have.

    Raises
    ------
    InputError
        Listing everything that does not fit together.
    """

    responses: Array = field(repr=False)
    sets: tuple[FeatureSet, ...]
    split: Split
    groups: Strings = field(repr=False)
    units: Array = field(repr=False)
    clock: Clock | None = field(default=None, repr=False)
    regions: Mapping[str, Array] = field(default_factory=dict, repr=False)
    ceiling: Array | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        n, voxels = self.responses.shape
        names = [own.name for own in self.sets]
        found = []
        if not names or len(set(names)) < len(names):
            found.append(problem("sets", names, "one or more, each once", "Name them apart."))
        lengths = {own.name: len(own.values) for own in self.sets} | {
            "groups": len(self.groups), "units": len(self.units),
        }  # fmt: skip
        found += [
            problem(name, f"{length} rows", f"{n}", "Give one row for each response.")
            for name, length in lengths.items()
            if length != n
        ]
        found += [
            problem(f"region {name}", f"{len(mask)} voxels, {int(np.sum(mask))} in it",
                    f"{voxels}, 1 or more in it", "Check its image.")
            for name, mask in self.regions.items()
            if len(mask) != voxels or not np.any(mask)
        ]  # fmt: skip
        held = np.concatenate([test for _, test in self.split])
        if len(np.unique(held)) < len(held):
            found.append(problem("split", "rows held out twice", "once", "Use folds."))
        if not found and self.clock is None:
            found += [
                problem(own.name, "rows without features", "features of every trial",
                        "Leave these trials out.")
                for own in self.sets
                if not shown(own.values).all()
            ]  # fmt: skip
        check_all(found, InputError, "encoding")

    def members(self) -> dict[str, Array]:
        """Return all regions, that of all voxels first."""
        return {ALL: np.ones(self.responses.shape[1], np.bool_), **self.regions}


@dataclass(frozen=True)
class Told:
    """A figure of a region with what stands beside it; chance is 0 unless told otherwise.

    Attributes
    ----------
    value : float
        Mean over the voxels of the region.
    low, high : float
        95 % interval, bootstrap over stimuli or blocks.
    shuffled, shuffled_high : float
        Mean over permutations, and the level that 97.5 % of them stay below.
    p : float
        Share of permutations that are as good.
    """

    value: float
    low: float
    high: float
    shuffled: float
    shuffled_high: float
    p: float


@dataclass(frozen=True)
class Of:
    """What one set (or one comparison) says about every voxel and region.

    Attributes
    ----------
    name : str
    kind : str
        Of the set; ``joint`` for z and c together, ``unique`` for a share of variance that one of
        them adds to the other.
    value : array (voxels,)
        Correlation on held-out rows, within folds; for ``unique`` the share of variance.
    p, q : array (voxels,)
        Of permutations, and corrected for all voxels (Benjamini-Hochberg).
    explained : array (voxels,)
        Share of held-out variance that is explained; below 0 where the mean is better.
    alpha : array (voxels,)
        Median of the penalties chosen in the folds; NaN where there is no single one.
    regions : dict of str to Told
        Mean over voxels.
    above : dict of str to Told
        Share of voxels with a correlation above the threshold; empty for ``unique``.
    """

    name: str
    kind: Kind
    value: Array = field(repr=False)
    p: Array = field(repr=False)
    q: Array = field(repr=False)
    explained: Array = field(repr=False)
    alpha: Array = field(repr=False)
    regions: dict[str, Told]
    above: dict[str, Told]


@dataclass(frozen=True)
class Encoded:
    """An encoding analysis.

    Attributes
    ----------
    found : dict of str to Of
        Sets in order, then ``z+c``, ``unique z``, ``unique c`` where both are there.
    sizes : dict of str to int
        Voxels of each region.
    split : str
        How rows were held out, in words.
    rows, units : int
        Held-out rows, and stimuli or blocks among them.
    ceiling : array (voxels,) or None
    """

    found: dict[str, Of]
    sizes: dict[str, int]
    split: str
    rows: int
    units: int
    ceiling: Array | None = field(default=None, repr=False)

    def named(self, kind: Kind) -> list[Of]:
        """Return everything of a kind, in order."""
        return [own for own in self.found.values() if own.kind == kind]
