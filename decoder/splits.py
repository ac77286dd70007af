"""Splits: which rows a decoder learns from and which it is tested on, and how to say that.

A rule names what must never stand on both sides: run, session, stimulus, or several of these. Rows
that share one of them are put into one unit (everything that hangs together, directly or through
others), and only whole units are moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from decoder.dataset import Dataset, Rows, Strings
from phosphene.errors import ConfigError, InputError, check_all, problem

__all__ = [
    "KEYS",
    "RULES",
    "Split",
    "apart",
    "as_groups",
    "given_split",
    "k_fold",
    "leave_one_out",
    "make_split",
    "read_rule",
    "units",
    "usual_split",
    "with_inner",
    "with_shared",
]

KEYS = ("run", "session", "stimulus", "trial")
"""What a rule may keep together."""

RULES = "given, leave-one-run-out, 10-fold-by-stimulus, 5-fold-by-run+stimulus and so on"
"""How a rule is written: any of run, session, stimulus, trial, joined by +."""

_MANY = {"run": "runs", "session": "sessions", "stimulus": "stimuli"}
_FOLDS = 10
_LEAST_UNITS = 3
_MOST_GROUPS = 12
_LEAVE = re.compile(r"leave-one-([a-z+]+)-out")
_FOLD = re.compile(r"(\d+)-fold-by-([a-z+]+)")


@dataclass(frozen=True)
class Split:
    """Training and test rows of each fold.

    Attributes
    ----------
    words : str
        The rule, for people.
    by : tuple of str
        What never stands on both sides of a fold.
    folds : tuple of (training rows, test rows)
        Row numbers.
    """

    words: str
    by: tuple[str, ...]
    folds: tuple[tuple[Rows, Rows], ...] = field(repr=False)

    def __iter__(self) -> Iterator[tuple[Rows, Rows]]:
        return iter(self.folds)

    def __len__(self) -> int:
        return len(self.folds)


def units(data: Dataset, by: Sequence[str]) -> Rows:
    """Return the unit of each row.

    Parameters
    ----------
    data : Dataset
        With stimuli and sessions where the rule names them.
    by : sequence of str
        Of `KEYS`.

    Returns
    -------
    array of int (n,)
        Rows of one run, session or stimulus (as the rule says) have one number; numbers rise in the
        order of first rows. A row whose stimulus is not known hangs together with none by it.

    Raises
    ------
    InputError
        If the data do not know what the rule names.
    """
    label = np.arange(len(data))
    for key in by:
        if key != "trial":
            label = _joined(label, _values(data, key))
    _, first, numbers = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[numbers]


def leave_one_out(data: Dataset, by: Sequence[str]) -> Split:
    """Leave out one unit after the other."""
    numbers = units(data, by)
    count = int(numbers.max()) + 1
    _check_count(count, by, 2)
    return Split(f"leave one {_named(by)} out", tuple(by), _folds(numbers, count))


def k_fold(data: Dataset, by: Sequence[str], folds: int = _FOLDS, seed: int = 0) -> Split:
    """Deal units, shuffled with a seed, to folds of about equally many rows.

    Parameters
    ----------
    data : Dataset
        As for `units`.
    by : sequence of str
        Of `KEYS`.
    folds : int
        Wanted; fewer where there are fewer units.
    seed : int
        Of the shuffling; nothing else decides which unit falls where.

    Returns
    -------
    Split
    """
    numbers = units(data, by)
    sizes = np.bincount(numbers)
    _check_count(len(sizes), by, 2)
    if folds < 2:
        raise ConfigError(problem("folds", folds, "2 or more", "Use 10."))
    count = min(folds, len(sizes))
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    fold_of, filled = np.empty(len(sizes), np.intp), np.zeros(count)
    # Largest first, each to the emptiest fold; equals stay in shuffled order.
    for unit in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        fold_of[unit] = int(filled.argmin())
        filled[fold_of[unit]] += sizes[unit]
    return Split(f"{count} folds by {_named(by)}", tuple(by), _folds(fold_of[numbers], count))


def given_split(data: Dataset, by: Sequence[str] = ("stimulus",)) -> Split:
    """Take the split that the data came with.

    Parameters
    ----------
    data : Dataset
        With `given`.
    by : sequence of str
        What must not stand on both sides, where the data know it.

    Raises
    ------
    InputError
        If there is no such split, a side is empty, or something stands on both sides.
    """
    if data.given is None:
        raise InputError(
            problem("split", "given", "a source with test rows of its own",
                    f"Name its test arrays, or choose a rule: {RULES}.")
        )  # fmt: skip
    train, test = (np.flatnonzero(data.given == side) for side in ("train", "test"))
    known = tuple(key for key in by if _known(data, key))
    found = [
        problem(f"{side} rows", 0, "1 or more", "Name them in the source.")
        for side, rows in (("train", train), ("test", test))
        if not len(rows)
    ]
    for key in known:
        values = _values(data, key)
        both = (set(values[train].tolist()) & set(values[test].tolist())) - {""}
        if both:
            found.append(
                problem("given split", f"{len(both)} {key}(s) on both sides, such as "
                        f"{min(both)}", "none", "Take them out, or choose another split.")
            )  # fmt: skip
    check_all(found, InputError, "given split")
    return Split(f"given: {len(train)} to learn, {len(test)} to test", known, ((train, test),))


def usual_split(data: Dataset, seed: int = 0) -> Split:
    """Choose a rule for trials whose order in time says nothing.

    Runs and stimuli are both kept together where that leaves three units or more; where every run
    has every stimulus, stimuli are; where no stimulus comes twice or none is known, runs are.
    """
    choices: list[tuple[str, ...]] = []
    runs, stimuli = len(data.group_names) > 1, _known(data, "stimulus")
    if runs and stimuli:
        choices.append(("run", "stimulus"))
    choices += [("stimulus",)] if stimuli else []
    choices += [("run",)] if runs else []
    for by in choices:
        if int(units(data, by).max()) + 1 >= _LEAST_UNITS:
            return k_fold(data, by, _FOLDS, seed)
    return k_fold(data, ("trial",), _FOLDS, seed)


def make_split(data: Dataset, rule: str, seed: int = 0) -> Split:
    """Make the split that a text asks for.

    Parameters
    ----------
    data : Dataset
        What is to be split.
    rule : str
        ``auto`` (`usual_split`), or as in `RULES`.
    seed : int
        Of the shuffling of k folds.

    Raises
    ------
    ConfigError
        If the rule cannot be read.
    InputError
        If the data cannot be split by it.
    """
    by, folds = read_rule(rule)
    if rule == "auto":
        return usual_split(data, seed)
    if rule == "given":
        return given_split(data)
    return leave_one_out(data, by) if folds is None else k_fold(data, by, folds, seed)


def read_rule(rule: str) -> tuple[tuple[str, ...], int | None]:
    """Return what a rule keeps together and its folds, None for leaving one out.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    if rule in ("auto", "given"):
        return (), None
    leave, fold = _LEAVE.fullmatch(rule), _FOLD.fullmatch(rule)
    by = tuple((leave[1] if leave else fold[2] if fold else "").split("+"))
    if not set(by) <= set(KEYS) or len(set(by)) != len(by):
        raise ConfigError(problem("--split", rule, f"auto, {RULES}", "Correct the rule."))
    return by, None if fold is None else int(fold[1])


def as_groups(data: Dataset, split: Split, seed: int = 0) -> Dataset:
    """Rename the groups of trials so that choices on training rows keep to the rule too.

    Groups are the folds of the split, or ten such folds where it has many or small ones. The order
    in time says nothing afterwards.
    """
    names = _fold_names(data, split, seed)
    return replace(data, groups=names, times=np.arange(len(data), dtype=np.float64))


def with_inner(data: Dataset, split: Split, seed: int = 0) -> Dataset:
    """Let choices on training rows keep to the rule; runs stay, as each is normalised by itself.

    Where there are fewer than three units nothing would be left to choose with: choices then leave
    out runs.
    """
    if set(split.by) == {"run"} or int(units(data, split.by).max()) + 1 < _LEAST_UNITS:
        return data
    return replace(data, inner=_fold_names(data, split, seed))


def _fold_names(data: Dataset, split: Split, seed: int) -> Strings:
    """Name the fold of each row, at least three of them where there are three units."""
    sizes = [len(test) for _, test in split]
    if not _LEAST_UNITS <= len(split) <= _MOST_GROUPS or min(sizes) < 2 or sum(sizes) != len(data):
        split = k_fold(data, split.by, _FOLDS, seed)
    fold_of = np.zeros(len(data), np.intp)
    for number, (_, test) in enumerate(split):
        fold_of[test] = number
    width = len(str(len(split)))
    return np.array([f"fold {number + 1:0{width}}" for number in fold_of.tolist()])


def with_shared(data: Dataset, split: Split) -> Split:
    """Say so in the words of a split where a run, session or stimulus stands on both sides.

    What all rows share, such as the only run, is not told.
    """
    both = [
        many
        for key, many in _MANY.items()
        if key not in split.by and _known(data, key) and len(set(_values(data, key).tolist())) > 1
        and not all(apart(data, key, train, test) for train, test in split)
    ]  # fmt: skip
    if not both:
        return split
    return replace(split, words=f"{split.words} ({_named(both)} on both sides)")


def apart(data: Dataset, key: str, train: Rows, test: Rows) -> bool:
    """Tell whether no run, session or stimulus (`key`) stands on both sides."""
    values = _values(data, key)
    return not (set(values[train].tolist()) & set(values[test].tolist())) - {""}


def _folds(numbers: Any, count: int) -> tuple[tuple[Rows, Rows], ...]:
    return tuple((np.flatnonzero(numbers != k), np.flatnonzero(numbers == k)) for k in range(count))


def _joined(label: Any, values: Strings) -> Any:
    """Merge the units of rows that have a value in common."""
    first_of: dict[str, int] = {}
    parent = np.arange(len(label))

    def root(unit: int) -> int:
        while parent[unit] != unit:
            parent[unit] = parent[parent[unit]]
            unit = int(parent[unit])
        return unit

    for unit, value in zip(label.tolist(), values.tolist(), strict=True):
        if value:
            parent[root(unit)] = root(first_of.setdefault(value, unit))
    return np.array([root(unit) for unit in label.tolist()])


def _known(data: Dataset, key: str) -> bool:
    values = {"run": data.groups, "session": data.sessions, "stimulus": data.stimuli}.get(key)
    return values is not None and bool((values != "").any())


def _values(data: Dataset, key: str) -> Strings:
    values = {"run": data.groups, "session": data.sessions, "stimulus": data.stimuli}.get(key)
    if values is None:
        raise InputError(
            problem("split", f"by {key}", f"what the data know ({key} is not among it)",
                    "Name its array in the source, or choose another rule.")
        )  # fmt: skip
    return values


def _check_count(count: int, by: Sequence[str], least: int) -> None:
    if count < least:
        raise InputError(
            problem("split", f"{count} unit(s) by {_named(by)}", f"{least} or more",
                    f"Choose another rule: {RULES}.")
        )  # fmt: skip


def _named(by: Sequence[str]) -> str:
    return " and ".join(by)
