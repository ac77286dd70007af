"""A source, ready for an encoding analysis: responses, z and c of what was seen, and a split.

Whole runs are kept, as the haemodynamic response to what was shown reaches across any cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.aims import Aim, aim_at, space_for, world_aim
from decoder.dataset import Dataset, Strings
from decoder.encoding.design import Clock, shown
from decoder.encoding.significance import unit_blocks
from decoder.load import LoadOptions
from decoder.memory import check_memory
from decoder.readers import read_source
from decoder.search import is_trials
from decoder.splits import Split, given_split, k_fold, make_split, units, usual_split, with_shared
from decoder.targets import make_dataset
from phosphene.dataset import PreparedData
from phosphene.errors import ConfigError, InputError, problem
from phosphene.stimuli import C_DIM, SPACE_ID, Z_SHAPE
from phosphene.stimuli.encoder import WorldEncoder, space_hash

__all__ = ["REACH_S", "Source", "blocks_in_time", "open_source"]

Array = npt.NDArray[Any]
Tell = Callable[[str], None]
Progress = Callable[[str, int, int], None]

REACH_S = 32.0
"""How far back a volume remembers what was shown, in seconds; see `decoder.encoding.design`."""
_FOLDS, _BLOCKS, _LEAST_RUNS = 10, 5, 3
_BASE_BYTES = 1200 * 1024**2
_PER_RESPONSE = 20


@dataclass(frozen=True)
class Source:
    """What was measured and seen.

    Attributes
    ----------
    prepared : PreparedData
        As read.
    data : Dataset
        With z and c where they are known.
    rows : array of int
        Rows of the prepared data that it has.
    split : Split
    groups : array of str (n,)
        Kept whole where penalties are chosen.
    units : array of int (n,)
        Stimulus or block of time.
    clock : Clock or None
    space : str
        Target space of z and c.
    painted : bool
        Whether both are those that the generator knows.
    """

    prepared: PreparedData = field(repr=False)
    data: Dataset = field(repr=False)
    rows: Array = field(repr=False)
    split: Split
    groups: Strings = field(repr=False)
    units: Array = field(repr=False)
    clock: Clock | None = field(repr=False)
    space: str
    painted: bool


def open_source(
    path: Path, options: LoadOptions, block_s: float, tell: Tell, progress: Progress | None = None
) -> Source:
    """Read a source and encode what was seen.

    Parameters
    ----------
    path : Path
        Prepared data, or anything that `decoder.readers.read_source` reads.
    options : LoadOptions
        Delay and window are not used.
    block_s : float
        Length of the blocks that time is permuted in.
    tell : Callable
        Told, in words, what the reader should know.
    progress : Callable, optional
        Called with (what, done, total) while pictures are encoded.

    Raises
    ------
    PhospheneError
        Listing what cannot be used.
    """
    prepared, notes = read_source(path, options.read)
    for note in notes:
        tell(note)
    need = _BASE_BYTES + prepared.responses.size * _PER_RESPONSE
    check_memory(need, options.read.memory_bytes, str(path))
    aim, own = _aimed(prepared, options, progress)
    data = _with_codes(aim)
    volumes = prepared.meta.kind == "fmri"
    rows = np.arange(len(data))
    if not volumes:
        rows = np.flatnonzero(_known(data))
        if len(rows) < len(data):
            tell(f"{len(data) - len(rows)} of {len(data)} rows left out: what they show is unknown")
        data = data.select(rows)
    split = _split(data, prepared, options)
    timed = prepared.meta.kind in ("fmri", "eeg-window")
    numbers = (
        unit_blocks(data.groups, data.times, block_s) if timed
        else units(data, ("stimulus",) if data.stimuli is not None else ("trial",))
    )  # fmt: skip
    clock = Clock(data.groups, data.times, prepared.meta.tr_s) if volumes else None
    tell(
        f"{len(data)} rows of {data.responses.shape[1]} features; {len(np.unique(numbers))} "
        f"{'blocks of time' if timed else 'stimuli'}; space {aim.target.id}; split: {split.words}"
    )
    painted = own or (
        aim.target.sha256 == space_hash()
        and data.z is not None and data.z.shape[1:] == Z_SHAPE
        and data.c is not None and data.c.shape[1] == C_DIM
    )  # fmt: skip
    return Source(
        prepared, data, rows, split, _inner(data, split, numbers, timed), numbers, clock,
        aim.target.id, painted,
    )  # fmt: skip


def blocks_in_time(clock: Clock, blocks: int = _BLOCKS, gap_s: float = REACH_S) -> Split:
    """Hold out a stretch of each run at a time, and what lies near it out of training.

    Parameters
    ----------
    clock : Clock
        Of one run, or few.
    blocks : int
        Stretches of each run.
    gap_s : float
        Rows nearer than this to a held-out row of their run are not learned from.

    Returns
    -------
    Split

    Raises
    ------
    InputError
        If nothing is left to learn from.
    """
    folds = []
    for number in range(blocks):
        test = np.zeros(len(clock.times), np.bool_)
        near = test.copy()
        for name in dict.fromkeys(clock.runs.tolist()):
            own = clock.runs == name
            low, high = np.quantile(clock.times[own], [number / blocks, (number + 1) / blocks])
            last = number == blocks - 1
            inside = (clock.times >= low) & ((clock.times < high) | last)
            test |= own & inside
            near |= own & (clock.times > low - gap_s) & (clock.times < high + gap_s)
        train = ~test & ~near
        if train.sum() < test.sum():
            raise InputError(
                problem("runs", f"{int(train.sum())} rows left to learn from", "longer runs",
                        "Record a longer run, or give three or more.")
            )  # fmt: skip
        folds.append((np.flatnonzero(train), np.flatnonzero(test)))
    words = f"{blocks} stretches of each run; {gap_s:g} s around the held-out one not learned from"
    return Split(words, ("run",), tuple(folds))


def _aimed(
    prepared: PreparedData, options: LoadOptions, progress: Progress | None
) -> tuple[Aim, bool]:
    """Attach z and c; whether they are those of the world's own scenes."""
    scenes = any(event.detail for event in prepared.meta.events)
    own = scenes and options.space in (None, SPACE_ID)
    encode = WorldEncoder().encode if own else None
    period_s = prepared.meta.tr_s or 1.0
    data = make_dataset(prepared, 0.0, period_s, encode, pictures=scenes and not own)
    if own:
        return world_aim(data), True
    return aim_at(data, space_for(data, options.space), progress), False


def _with_codes(aim: Aim) -> Dataset:
    """Return the data, with the code of its category as c of each row where it has no other c."""
    data, names = aim.data, aim.target.categories
    if data.c is not None or data.labels is None or len(names) < 2:
        return data
    codes = dict(zip(names, aim.prototypes, strict=True))
    nothing = np.full(aim.prototypes.shape[1], np.nan, np.float32)
    rows = [codes.get(name, nothing) for name in data.labels.tolist()]
    return replace(data, c=np.stack(rows).astype(np.float32))


def _known(data: Dataset) -> npt.NDArray[np.bool_]:
    found = [shown(values) for values in (data.z, data.c) if values is not None]
    if not found:
        raise InputError(
            problem("source", "neither pictures nor categories", "one of both",
                    "Name the array of pictures (--stimuli) or of labels (--labels-key).")
        )  # fmt: skip
    return np.asarray(np.all(found, axis=0))


def _split(data: Dataset, prepared: PreparedData, options: LoadOptions) -> Split:
    rule, seed = options.split, options.seed
    if prepared.meta.kind not in ("fmri", "eeg-window"):
        if rule != "auto":
            return with_shared(data, make_split(data, rule, seed))
        sides = set() if data.given is None else set(data.given.tolist())
        if is_trials(prepared.meta) and "test" in sides:
            return with_shared(data, given_split(data))
        return with_shared(data, usual_split(data, seed))
    if rule == "auto" and len(data.group_names) < _LEAST_RUNS:
        return blocks_in_time(Clock(data.groups, data.times, prepared.meta.tr_s))
    split = k_fold(data, ("run",), _FOLDS, seed) if rule == "auto" else make_split(data, rule, seed)
    if not set(split.by) <= {"run", "session"}:
        raise ConfigError(
            problem("--split", rule, "by run or session", "Volumes that follow each other share "
                    "their signal; a split within a run would leak.")
        )  # fmt: skip
    return with_shared(data, split)


def _inner(data: Dataset, split: Split, numbers: Array, timed: bool) -> Strings:
    """Say what stays whole where penalties are chosen: runs, or what the split keeps together."""
    if timed:
        many = len(data.group_names) >= _LEAST_RUNS
        return data.groups if many else np.char.add("block ", numbers.astype(np.str_))
    kept = units(data, split.by) if split.by else numbers
    return np.char.add("unit ", kept.astype(np.str_))
