"""Which features (voxels) each head of a decoder reads.

After Takagi & Nishimoto (2023) the low-level latent z is decoded from early and the semantic
embedding c from higher visual cortex. A region is a set of features with a name; a head reads the
union of its regions, or, banded, weighs them against each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, check_all, problem

__all__ = ["Head", "Regions"]

Array = npt.NDArray[Any]
Head = Literal["z", "c", "class"]

_MINOR = 0.3
"""Weight of a region beside one that is favoured, in the search for bands."""


@dataclass(frozen=True)
class Regions:
    """Named sets of features, and which head reads which.

    Attributes
    ----------
    members : mapping of str to array of bool (features,)
        Features of each region; regions may overlap.
    heads : mapping of str to tuple of str
        Regions of "z", "c" and "class"; a head that is not named reads every feature.
    banded : bool
        Whether the regions of a head are weighed against each other, target by target
        (Nunez-Elizalde et al. 2019, NeuroImage 197:482), instead of being taken together.

    Raises
    ------
    InputError
        Listing every region that is empty, unknown or of another length.
    """

    members: Mapping[str, npt.NDArray[np.bool_]] = field(repr=False)
    heads: Mapping[Head, tuple[str, ...]]
    banded: bool = False

    def __post_init__(self) -> None:
        lengths = {len(mask) for mask in self.members.values()}
        found = []
        if len(lengths) > 1:
            found.append(problem("regions", sorted(lengths), "one length", "Use one mask."))
        found += [
            problem(f"region {name}", "no voxel", "1 or more inside the mask", "Check its image.")
            for name, mask in self.members.items()
            if not mask.any()
        ]
        known = ", ".join(self.members)
        found += [
            problem(f"regions of {head}", names, f"one or more of {known}", "Name a region.")
            for head, names in self.heads.items()
            if not names or set(names) - set(self.members)
        ]
        check_all(found, InputError, "regions")

    @property
    def features(self) -> int:
        """Features of one volume."""
        return len(next(iter(self.members.values())))

    def counts(self) -> dict[str, int]:
        """Features of each region."""
        return {name: int(mask.sum()) for name, mask in self.members.items()}

    def mask(self, head: Head) -> npt.NDArray[np.bool_] | None:
        """Features that a head reads, (features,); None for all."""
        names = self.heads.get(head)
        if names is None:
            return None
        return np.asarray(np.any([self.members[name] for name in names], axis=0))

    def weightings(self, head: Head, times: int) -> list[Array]:
        """List the weights of features that a fit of the head has to choose from.

        Parameters
        ----------
        head : str
            "z", "c" or "class".
        times : int
            Volumes side by side in a row.

        Returns
        -------
        list of array (times * features,)
            One, of 0 and 1, unless banded; empty where the head reads every feature.
        """
        names = self.heads.get(head)
        if names is None:
            return []
        masks = np.array([self.members[name] for name in names], np.float64)
        gains = _gains(len(names)) if self.banded else [np.ones(len(names))]
        return [np.tile((gain[:, None] * masks).max(axis=0), times) for gain in gains]

    def described(self) -> dict[str, Any]:
        """Say the same in numbers and names that JSON can hold."""
        return {
            "voxels": self.counts(),
            "heads": {head: list(names) for head, names in self.heads.items()},
            "banded": self.banded,
        }


def _gains(bands: int) -> list[Array]:
    """All bands alike, each alone, each favoured, and each held back."""
    found = {tuple([1.0] * bands)}
    for one, rest in itertools.product(range(bands), (0.0, _MINOR)):
        gain = np.full(bands, rest)
        gain[one] = 1.0
        found.add(tuple(gain))
        if rest:
            back = np.ones(bands)
            back[one] = rest
            found.add(tuple(back))
    return [np.array(gain) for gain in sorted(found, reverse=True)]
