"""Folds of trials, the same every time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, problem

__all__ = ["numbered", "split"]

Array = npt.NDArray[Any]


def split(
    count: int, folds: int, seed: int, same: Array | None = None
) -> Iterator[tuple[Array, Array]]:
    """Give training and held-out trial numbers, fold by fold.

    Trials are permuted by `seed` and cut into `folds` parts whose sizes differ by at most one;
    every trial is held out once. Where trials of the same picture are told, pictures are permuted
    and cut so, and no picture is on both sides.

    Parameters
    ----------
    count : int
        Trials.
    folds : int
        Parts.
    seed : int
        Of the permutation.
    same : array of int (count,), optional
        Number of the picture of each trial, from 0 on; see `numbered`.

    Raises
    ------
    InputError
        Unless 2 <= folds <= trials (or pictures).
    """
    of = np.arange(count) if same is None else same
    units = int(of.max(initial=-1)) + 1
    if not 2 <= folds <= units:
        what = "trials" if same is None else "different pictures"
        allowed = f"2 to {units} ({what})"
        raise InputError(problem("folds", folds, allowed, f"Ask for fewer, or bring more {what}."))
    order = np.random.default_rng(seed).permutation(units)
    for part in np.array_split(order, folds):
        held = np.isin(of, part)
        yield np.flatnonzero(~held), np.flatnonzero(held)


def numbered(pictures: Array) -> Array:
    """Give equal pictures or codes (n, ...) equal numbers (n,), from 0 on as they come first."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(picture.tobytes(), len(seen)) for picture in pictures])
