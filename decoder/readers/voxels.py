"""Voxels that can be learned from: those with a number in every trial that are not always equal."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, problem

__all__ = ["Kept", "clean_voxels", "voxels_sha256"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Kept:
    """Responses of the voxels that are left.

    Attributes
    ----------
    responses : array (n, voxels) float32
    columns : array of int (voxels,)
        Where they stood in the source.
    notes : tuple of str
        What was left out, in words.
    """

    responses: npt.NDArray[np.float32] = field(repr=False)
    columns: npt.NDArray[np.intp] = field(repr=False)
    notes: tuple[str, ...]


def clean_voxels(responses: Array, train: npt.NDArray[np.bool_]) -> Kept:
    """Leave out voxels with missing values, and voxels that never change in the training trials.

    Parameters
    ----------
    responses : array (n, voxels)
        Of all trials.
    train : array of bool (n,)
        Trials that may be learned from.

    Returns
    -------
    Kept

    Raises
    ------
    InputError
        If whole trials have no value, or no voxel is left; counts both.
    """
    finite = np.isfinite(responses)
    empty = np.flatnonzero(~finite.any(axis=1))
    if len(empty):
        shown = ", ".join(str(row + 1) for row in empty[:5].tolist())
        raise InputError(
            problem("responses", f"{len(empty)} of {len(finite)} trials are NaN throughout "
                    f"(trial {shown}{' ...' if len(empty) > 5 else ''})", "numbers",
                    "Take these trials out, with what they show.")
        )  # fmt: skip
    complete = finite.all(axis=0)
    learned = responses[train]
    constant = complete & (learned.max(axis=0) == learned.min(axis=0))
    kept = complete & ~constant
    missing, still = int((~complete).sum()), int(constant.sum())
    if not kept.any():
        raise InputError(
            problem("responses", f"{missing} voxels with NaN, {still} constant, of {len(kept)}",
                    "1 or more that are neither", "Check how the array was made.")
        )  # fmt: skip
    notes = []
    if missing:
        notes.append(f"{missing} of {len(kept)} voxels left out: NaN in one trial or more")
    if still:
        notes.append(f"{still} of {len(kept)} voxels left out: the same in all training trials")
    values = np.ascontiguousarray(responses[:, kept], np.float32)
    return Kept(values, np.flatnonzero(kept), tuple(notes))


def voxels_sha256(ids: Array) -> str:
    """Return the identity of a set of voxels of which only numbers (or names) are known."""
    text = "\n".join(str(name) for name in ids.tolist())
    return hashlib.sha256(f"voxels {len(ids)}\n{text}".encode()).hexdigest()
