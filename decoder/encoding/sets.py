"""Sets of features: z and c of what was seen, and what the generator makes of them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Dataset
from decoder.encoding.design import shown
from decoder.encoding.material import FeatureSet, Kind
from phosphene.errors import InputError, problem

__all__ = ["Seen", "of_generator", "own_sets", "read_generator", "seen_once"]

Array = npt.NDArray[Any]
_KINDS: dict[str, Kind] = {"zc": "noise", "layer": "layer"}


@dataclass(frozen=True)
class Seen:
    """Everything that was seen, each once.

    Attributes
    ----------
    z, c : array (k, ...)
    of : array of int (n,)
        Which of them each row saw, -1 for nothing.
    """

    z: Array = field(repr=False)
    c: Array = field(repr=False)
    of: Array = field(repr=False)


def own_sets(data: Dataset) -> tuple[FeatureSet, ...]:
    """Return z and c, where the data have them.

    Raises
    ------
    InputError
        If they have neither.
    """
    held = {"z": data.z, "c": data.c}
    sets = tuple(FeatureSet(k, "main", v) for k, v in held.items() if v is not None)
    if not sets:
        got = "neither pictures nor categories"
        raise InputError(problem("source", got, "one of both", "Say what was shown."))
    return sets


def seen_once(data: Dataset) -> Seen:
    """Return z and c of everything that was seen, each once.

    Raises
    ------
    InputError
        If z or c is missing.
    """
    if data.z is None or data.c is None:
        got = "no z" if data.z is None else "no c"
        raise InputError(problem("features of the generator", got, "z and c", "Leave them out."))
    flat = np.concatenate([data.z.reshape(len(data), -1), data.c], axis=1)
    known = np.flatnonzero(shown(flat))
    _, first, which = np.unique(flat[known], axis=0, return_index=True, return_inverse=True)
    of = np.full(len(data), -1, np.intp)
    of[known] = which.ravel()
    rows = known[first]
    return Seen(data.z[rows], data.c[rows], of)


def of_generator(made: dict[str, Array], of: Array) -> tuple[FeatureSet, ...]:
    """Spread features of what was seen over the rows that saw it.

    Parameters
    ----------
    made : dict of str to array (k, ...)
        ``zc LEVEL`` and ``layer LAYER STEP``, as `renderer.features` makes them.
    of : array of int (n,)
        See `Seen`.

    Returns
    -------
    tuple of FeatureSet
        ``zc 0``, which is z, is left out.
    """
    sets = []
    for name, values in made.items():
        kind = _KINDS.get(name.split(" ")[0])
        if kind is None or name == "zc 0":
            continue
        rows = np.full((len(of), *values.shape[1:]), np.nan, np.float32)
        rows[of >= 0] = values[of[of >= 0]]
        sets.append(FeatureSet(name, kind, rows))
    return tuple(sets)


def read_generator(path: Path) -> tuple[dict[str, Array], str]:
    """Read features and the facts about them (JSON).

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            facts = str(stored["facts"])
            return {name: stored[name] for name in stored.files if name != "facts"}, facts
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        cure = "Make it with python -m renderer.features."
        raise InputError(problem(str(path), str(error), ".npz of features", cure)) from error
