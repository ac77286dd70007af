"""Ridge from features to voxels, the penalty chosen per voxel, and the joint model of two sets.

Both are himalaya's (Dupré la Tour et al. 2022, NeuroImage 264:119728), on NumPy.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Rows, Strings, group_folds
from phosphene.errors import ConfigError, problem

__all__ = ["BALANCES", "Predicted", "banded", "inner_folds", "ridge"]

Array = npt.NDArray[Any]

BALANCES = ((1.0, 1.0), (1.0, 0.1), (0.1, 1.0), (1.0, 0.01), (0.01, 1.0), (1.0, 1e-4), (1e-4, 1.0))
"""Candidate weights of the two sets of a joint model; the last two all but drop one of them."""


@dataclass(frozen=True)
class Predicted:
    """What held-out rows should be.

    Attributes
    ----------
    values : array (rows, voxels)
    alphas : array (voxels,)
        Chosen penalty; NaN for a joint model, which has one for each set.
    """

    values: Array
    alphas: Array


def inner_folds(groups: Strings, folds: int) -> list[tuple[Rows, Rows]]:
    """Split training rows for the choice of penalties; groups stay whole."""
    return group_folds(groups, folds)


def ridge(
    X: Array, Y: Array, held: Array, alphas: Sequence[float], folds: Sequence[tuple[Rows, Rows]]
) -> Predicted:
    """Predict held-out rows from one set of features.

    Parameters
    ----------
    X : array (n, k)
        Training regressors.
    Y : array (n, voxels)
        Training responses.
    held : array (m, k)
        Regressors of the held-out rows.
    alphas : sequence of float
        Candidates.
    folds : sequence of (training rows, test rows)
        Of the training rows.

    Returns
    -------
    Predicted
    """
    model = _library().RidgeCV(
        alphas=np.asarray(alphas), fit_intercept=False, solver_params={"warn": False}, cv=folds
    )
    model.fit(X, Y)
    return Predicted(np.asarray(model.predict(held)), np.asarray(model.best_alphas_))


def banded(
    X: Sequence[Array],
    Y: Array,
    held: Sequence[Array],
    alphas: Sequence[float],
    folds: Sequence[tuple[Rows, Rows]],
) -> Predicted:
    """Predict held-out rows from two sets together, each with a penalty of its own per voxel."""
    search = {
        "n_iter": np.asarray(BALANCES), "alphas": np.asarray(alphas), "progress_bar": False,
        "warn": False,
    }  # fmt: skip
    model = _library().GroupRidgeCV(
        groups="input", solver_params=search, fit_intercept=False, cv=folds
    )
    model.fit(list(X), Y)
    values = np.asarray(model.predict(list(held)))
    return Predicted(values, np.full(Y.shape[1], np.nan))


def _library() -> Any:
    """Import himalaya, which an installation without the extra `train` lacks."""
    try:
        return importlib.import_module("himalaya.ridge")
    except ImportError as error:
        raise ConfigError(
            problem("encode", f"himalaya is missing ({error})", "the extra [train]",
                    "Install it: pip install 'phosphene[train]'.")
        ) from error  # fmt: skip
