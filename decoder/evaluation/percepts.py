"""Held-out percepts with what was seen, as one file: what painting and measuring start from.

``renderer.paint`` reads `z`, `c` and `bundle` of the same file.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, check_all, problem

__all__ = ["Percepts", "read_percepts", "write_percepts"]

Array = npt.NDArray[Any]
_STRINGS = ("folds", "runs", "stimuli", "labels")
_MAYBE = ("z", "c", "z_true", "c_true", "seen", "scores", "confidence", "z_pictures")


@dataclass(frozen=True)
class Percepts:
    """One row for each percept whose truth is known.

    Attributes
    ----------
    folds, runs, stimuli, labels : array of str (n,)
        Fold in which it was held out; run; name of what was seen, and its category ("" unknown).
    times : array (n,)
        On the run's axis, in seconds; order within a run.
    facts : mapping
        ``split`` in words, and whatever else the report says about the decoder: plain JSON.
    z, z_true : array (n, *z_shape) float32, optional
        Decoded and true latents.
    c, c_true : array (n, C) float32, optional
        Decoded and true embeddings.
    seen : array (n, H, W, 3) uint8, optional
        What was seen.
    scores : array (n, categories), optional
        Log-probabilities of `label_names`.
    label_names : tuple of str
        Categories that the decoder tells apart.
    confidence : array (n,), optional
        Of each percept, 0 to 1.
    z_pictures : array (n, H, W, 3) uint8, optional
        z as its space decodes it, where that needs no generator.
    bundle : str
        Folder of the bundle that decoded them, "" for none.

    Raises
    ------
    InputError
        Listing everything that does not fit together.
    """

    folds: Array
    runs: Array
    stimuli: Array
    labels: Array
    times: Array
    facts: Mapping[str, Any]
    z: Array | None = field(default=None, repr=False)
    z_true: Array | None = field(default=None, repr=False)
    c: Array | None = field(default=None, repr=False)
    c_true: Array | None = field(default=None, repr=False)
    seen: Array | None = field(default=None, repr=False)
    scores: Array | None = field(default=None, repr=False)
    label_names: tuple[str, ...] = ()
    confidence: Array | None = None
    z_pictures: Array | None = field(default=None, repr=False)
    bundle: str = ""

    def __post_init__(self) -> None:
        n, found = len(self.times), []
        if n == 0:
            found.append(problem("percepts", 0, "1 or more", "Hold out data with a known truth."))
        for name in (*_STRINGS, *_MAYBE):
            value = getattr(self, name)
            if value is not None and len(value) != n:
                found.append(problem(name, len(value), f"{n} rows", "Give one row per percept."))
        for name in ("z", "c"):
            value, true = getattr(self, name), getattr(self, f"{name}_true")
            if value is not None and not np.isfinite(value).all():
                found.append(problem(name, "not finite", "finite numbers", "Leave these out."))
            if value is not None and true is not None and value.shape != true.shape:
                got = f"{value.shape} and {true.shape}"
                found.append(problem(f"{name}, {name}_true", got, "one shape", "Match them."))
        if not self.facts.get("split"):
            found.append(problem("split", None, "how rows were held out", "Say it."))
        check_all(found, InputError, "percepts")

    def __len__(self) -> int:
        return len(self.times)


def write_percepts(path: Path, percepts: Percepts) -> None:
    """Write percepts as ``.npz``, replacing it in one step."""
    arrays: dict[str, Any] = {name: getattr(percepts, name).astype(np.str_) for name in _STRINGS}
    arrays["times"] = percepts.times.astype(np.float64)
    arrays["label_names"] = np.array(percepts.label_names, np.str_)
    arrays["facts"] = np.array(json.dumps(dict(percepts.facts)))
    arrays["bundle"] = np.array(percepts.bundle)
    for name in _MAYBE:
        if (value := getattr(percepts, name)) is not None:
            arrays[name] = value
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, allow_pickle=False, **arrays)
    temporary.replace(path)


def read_percepts(path: Path) -> Percepts:
    """Read percepts.

    Raises
    ------
    InputError
        If the file is missing, damaged or not of this kind.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return Percepts(
                **{name: held[name] for name in (*_STRINGS, "times")},
                **{name: held[name] for name in _MAYBE if name in held.files},
                facts=json.loads(str(held["facts"])),
                label_names=tuple(held["label_names"].tolist()),
                bundle=str(held["bundle"]),
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"percepts {path}: cannot be read: {error}") from error
