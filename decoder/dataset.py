"""Responses with what was seen, and splits that no information leaks through."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, check_all, problem

__all__ = ["Dataset", "block_groups", "group_folds", "most_blocks"]

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]
Strings = npt.NDArray[np.str_]
Pictures = npt.NDArray[np.uint8]

_TARGETS = ("z", "c", "labels", "pictures", "clips")
_PER_ROW = (
    "groups", "times", "z", "c", "labels", "spikes",
    "pictures", "clips", "stimuli", "sessions", "given", "inner",
)  # fmt: skip


@dataclass(frozen=True)
class Dataset:
    """One row per volume, epoch or trial, in order of time within each group.

    Epochs are flat, channel after channel; names of channels and times of samples are in
    `phosphene.dataset.PreparedMeta`.

    Attributes
    ----------
    responses : array (n, features) float32
        Brain data, finite; in the unit that acquisition gives, not normalised.
    groups : array of str (n,)
        Run of each row; splits never cut through a group.
    times : array (n,) float64
        When each row was acquired, in seconds since its group began; rising within a group.
    z : array (n, *z_shape) float32, optional
        Low-level latent, in any target space, of what was shown when the row was acquired; NaN
        where nothing was.
    c : array (n, C) float32, optional
        Semantic embedding of what was shown, of any length; NaN where nothing was.
    labels : array of str (n,), optional
        Category on show, "rest" for nothing, "" for unknown.
    spikes : array of bool (n,), optional
        Rows that the normaliser does not learn from.
    at_delays : dict of float to array (n, features) float32
        Responses to the same events at other delays, in seconds; see `at`.
    pictures : array (n, H, W, 3) uint8, optional
        What was shown; of a clip the frame in its middle. Black where nothing was.
    clips : array (n, frames, H, W, 3) uint8, optional
        What was shown, where it moved.
    stimuli : array of str (n,), optional
        Name of what was shown: the same for the same picture, "" for nothing.
    sessions : array of str (n,), optional
        Session of each row.
    given : array of str (n,), optional
        Side of the split that the data came with: "train", "test", or "" for neither.
    inner : array of str (n,), optional
        What choices on training rows leave out together, where that is not the run.

    Raises
    ------
    InputError
        Listing everything that does not fit together.
    """

    responses: Floats
    groups: Strings
    times: npt.NDArray[np.float64]
    z: Floats | None = None
    c: Floats | None = None
    labels: Strings | None = None
    spikes: npt.NDArray[np.bool_] | None = None
    at_delays: Mapping[float, Floats] = field(default_factory=dict)
    pictures: Pictures | None = None
    clips: Pictures | None = None
    stimuli: Strings | None = None
    sessions: Strings | None = None
    given: Strings | None = None
    inner: Strings | None = None

    def __post_init__(self) -> None:
        n = len(self.responses)
        found = []
        if self.responses.ndim != 2 or n == 0 or not np.isfinite(self.responses).all():
            shape = self.responses.shape
            found.append(problem("responses", shape, "finite, (n > 0, features)", "Clean them."))
        for name in _PER_ROW:
            value = getattr(self, name)
            if value is not None and len(value) != n:
                found.append(problem(name, len(value), f"{n} rows", "Give one row per response."))
        if all(getattr(self, name) is None for name in _TARGETS):
            found.append(problem("targets", None, "z, c, labels, pictures", "Say what was shown."))
        found += [
            problem(name, f"{value.dtype} {value.shape}", "uint8 (n, ..., H, W, 3)", "Convert it.")
            for name, value, axes in (("pictures", self.pictures, 4), ("clips", self.clips, 5))
            if value is not None
            and (value.dtype != np.uint8 or value.ndim != axes or value.shape[-1] != 3)
        ]
        if not found:
            found = [
                problem("times", f"not rising in {g}", "rising", "Sort the rows by time.")
                for g in self.group_names
                if (np.diff(self.times[self.groups == g]) <= 0).any()
            ]
        found += [
            problem(
                f"responses at {delay_s:g} s", values.shape, str(self.responses.shape), "Mend it."
            )
            for delay_s, values in self.at_delays.items()
            if values.shape != self.responses.shape or not np.isfinite(values).all()
        ]
        check_all(found, InputError, "dataset")

    def __len__(self) -> int:
        return len(self.responses)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Groups in the order in which they first occur."""
        return tuple(dict.fromkeys(self.groups.tolist()))

    def at(self, delay_s: float) -> Floats:
        """Return the responses that were taken `delay_s` seconds after their events, if such are.

        Otherwise those that there are.
        """
        return self.at_delays.get(delay_s, self.responses)

    def select(self, rows: npt.NDArray[Any]) -> Dataset:
        """Return the dataset of some rows (indices or a mask)."""
        held = {name: getattr(self, name) for name in ("responses", *_PER_ROW)}
        taken: dict[str, Any] = {n: None if v is None else v[rows] for n, v in held.items()}
        at = {delay_s: values[rows] for delay_s, values in self.at_delays.items()}
        return Dataset(**taken, at_delays=at)

    def only(self, *groups: str) -> Dataset:
        """Return the rows of these groups."""
        return self.select(np.isin(self.groups, groups))

    def without(self, *groups: str) -> Dataset:
        """Return the rows of all other groups."""
        return self.select(~np.isin(self.groups, groups))

    def sha256(self) -> str:
        """Return the SHA-256 of all arrays with their names, shapes and types."""
        digest = hashlib.sha256()
        for name in ("responses", *_PER_ROW):
            value = getattr(self, name)
            if value is not None:
                digest.update(f"{name} {value.shape} {value.dtype.str};".encode())
                digest.update(np.ascontiguousarray(value).tobytes())
        for delay_s, values in self.at_delays.items():
            digest.update(f"{delay_s!r} {values.shape} {values.dtype.str};".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


def group_folds(groups: Strings, folds: int) -> list[tuple[Rows, Rows]]:
    """Split by group into at most `folds` folds of about equally many groups.

    Parameters
    ----------
    groups : array of str (n,)
        Group of each row.
    folds : int
        Wanted number of folds, 2 or more.

    Returns
    -------
    list of (training rows, test rows)
        Neighbouring groups fall into different folds.

    Raises
    ------
    InputError
        If there are fewer than 2 groups.
    """
    names = list(dict.fromkeys(groups.tolist()))
    if len(names) < 2 or folds < 2:
        got = f"{len(names)} group(s), {folds} folds"
        raise InputError(problem("groups", got, "2 or more of both", "Add runs or use blocks."))
    count = min(folds, len(names))
    held_out = [np.isin(groups, names[k::count]) for k in range(count)]
    return [(np.flatnonzero(~test), np.flatnonzero(test)) for test in held_out]


def block_groups(n: int, blocks: int, gap: int) -> tuple[Rows, Strings]:
    """Cut one long run into groups, with rows left out in between.

    Parameters
    ----------
    n : int
        Rows of the run, in order of time.
    blocks : int
        Number of groups.
    gap : int
        Rows dropped at the start of every group but the first; at least window + delay, so that
        no window of one group sees the stimulus of another.

    Returns
    -------
    array of int
        Rows that are kept.
    array of str
        Group of each kept row.
    """
    edges = np.linspace(0, n, blocks + 1).astype(int)
    parts: Sequence[Rows] = [
        np.arange(low + (gap if k else 0), high)
        for k, (low, high) in enumerate(itertools.pairwise(edges))
    ]
    if min(len(part) for part in parts) == 0:
        raise InputError(
            problem("blocks", blocks, f"blocks longer than {gap} of {n} rows", "Use fewer.")
        )
    names = np.concatenate([np.full(len(part), f"block-{k}") for k, part in enumerate(parts)])
    return np.concatenate(parts), names


def most_blocks(n: int, least: int, most: int, gap: int, length: int) -> int | None:
    """Say into how many blocks a run can be cut.

    Parameters
    ----------
    n : int
        Rows of the run.
    least, most : int
        Wanted numbers of blocks.
    gap : int
        Rows that each block gives up, see `block_groups`.
    length : int
        Rows that have to be left of each.

    Returns
    -------
    int or None
        None if the run is too short even for `least`, for which it needs
        ``least * (gap + length)`` rows.
    """
    blocks = min(most, n // (gap + length))
    return blocks if blocks >= least else None
