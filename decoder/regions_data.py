"""Regions found in the data: which voxels say more about z, which more about c.

Every voxel is predicted by ridge from z and, apart from that, from c, on left-out groups of the
training rows. Those that z predicts better go to the low-level region ("early"), those that c
predicts better to the semantic one ("higher"), voxels that neither predicts to none: the encoding
comparison of Takagi & Nishimoto (2023) turned into a choice of voxels. It is made anew in every
fold, on its training rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Strings
from decoder.linear import Space
from decoder.regions import Head, Regions
from decoder.ridge import fit_ridge
from decoder.settings import FitSettings
from phosphene.errors import InputError, problem

__all__ = ["RegionsFromData"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class RegionsFromData:
    """Find the regions of z and c when a model is fitted.

    Attributes
    ----------
    banded : bool
        As in `decoder.regions.Regions`.
    least : int
        Voxels that a region has at least; where fewer are told apart, the best ones of all.
    """

    banded: bool = False
    least: int = 20

    def check(self, z: Array | None, c: Array | None) -> None:
        """Refuse data without z or c: voxels are told apart by which of both they follow.

        Raises
        ------
        InputError
            If one of them is missing; says where it comes from.
        """
        if z is None or c is None:
            raise _missing(z)

    def find(
        self, X: Array, z: Array | None, c: Array | None, groups: Strings, settings: FitSettings
    ) -> Regions:
        """Choose voxels.

        Parameters
        ----------
        X : array (n, features)
            Responses, one volume or the mean of a window in each row.
        z, c : array (n, ...)
            Targets; rows with NaN are left out.
        groups : array of str (n,)
            Group of each row.
        settings : FitSettings
            Penalties and folds.

        Returns
        -------
        Regions
            "early" for z and "higher" for c.

        Raises
        ------
        InputError
            If z or c is missing.
        """
        if z is None or c is None:
            raise _missing(z)
        low = _explained(X, z, groups, settings)
        high = _explained(X, c, groups, settings)
        members = {
            "early": _best(low, (low >= high) & (low > 0), self.least),
            "higher": _best(high, (high > low) & (high > 0), self.least),
        }
        both = tuple(members)
        own: dict[Head, tuple[str, ...]] = {"z": ("early",), "c": ("higher",)}
        return Regions(members, {"z": both, "c": both} if self.banded else own, self.banded)


def _missing(z: Array | None) -> InputError:
    got, cure = ("no z (what a picture looks like)", "pictures")
    if z is not None:
        got, cure = ("no c (what a picture is about)", "a --space whose c reads pictures")
    return InputError(
        problem("--early data --higher data", got, "z and c to tell voxels apart",
                f"Bring {cure}, or name masks of the regions.")
    )  # fmt: skip


def _explained(X: Array, target: Array, groups: Strings, settings: FitSettings) -> Array:
    """Share of each voxel's variance that a target predicts on left-out groups, (features,)."""
    flat = target.reshape(len(target), -1)
    known = np.asarray(np.isfinite(flat).all(axis=1))
    responses = X[known].astype(np.float32)
    space = Space.of(flat[known])
    fitted = fit_ridge(space, responses, groups[known], settings.penalties, settings.folds)
    return np.asarray(1.0 - fitted.errors)


def _best(explained: Array, chosen: Array, least: int) -> npt.NDArray[np.bool_]:
    if chosen.sum() < least:
        chosen = np.zeros(len(explained), np.bool_)
        chosen[np.argsort(explained)[::-1][:least]] = True
    return np.asarray(chosen, np.bool_)
