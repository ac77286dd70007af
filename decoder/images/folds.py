"""Folds of trials, the same every time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, problem

__all__ = ["split"]

Array = npt.NDArray[Any]


def split(count: int, folds: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Give training and held-out trial numbers, fold by fold.

    Trials are permuted by `seed` and cut into `folds` parts whose sizes differ by at most one;
    every trial is held out once.

    Raises
    ------
    InputError
        Unless 2 <= folds <= count.
    """
    if not 2 <= folds <= count:
        allowed = f"2 to {count} (trials)"
        raise InputError(problem("folds", folds, allowed, "Ask for fewer, or bring more trials."))
    order = np.random.default_rng(seed).permutation(count)
    for held in np.array_split(order, folds):
        yield np.setdiff1d(order, held), np.sort(held)
