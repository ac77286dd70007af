"""A source, ready to be fitted or evaluated: data with targets, how to search, what to hold out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from decoder.aims import Aim, aim_at, reads_pictures, space_for, world_aim
from decoder.choose import Grid
from decoder.dataset import Dataset
from decoder.given import Given
from decoder.heldout import by_run
from decoder.memory import Need, check_memory, fit_bytes, in_gib
from decoder.readers import ReadOptions, read_source
from decoder.readers.options import GIB
from decoder.search import in_stretches, is_trials, search, with_groups
from decoder.settings import FitSettings
from decoder.spaces import TargetSpace
from decoder.splits import (
    Split,
    as_groups,
    given_split,
    make_split,
    read_rule,
    usual_split,
    with_inner,
    with_shared,
)
from decoder.targets import Encode, make_dataset
from phosphene.dataset import PreparedData
from phosphene.errors import ConfigError, problem
from phosphene.manifest import REST
from phosphene.stimuli import C_DIM, CATEGORIES, SPACE_ID, Z_SHAPE
from phosphene.stimuli.encoder import WorldEncoder

__all__ = ["LoadOptions", "Loaded", "load"]

_PAINTED = {"", REST, *CATEGORIES}

Tell = Callable[[str], None]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LoadOptions:
    """What is wanted of a source.

    Attributes
    ----------
    read : ReadOptions
        How arrays are read.
    space : str or None
        Target space as `decoder.spaces.open_space` reads it; None takes the usual one.
    split : str
        As `decoder.splits.make_split` reads it.
    delay_s, window
        Fixed, or None to be chosen.
    seed : int
        Of the fit and of the split.
    """

    read: ReadOptions = field(default_factory=ReadOptions)
    space: str | None = None
    split: str = "auto"
    delay_s: float | None = None
    window: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Loaded:
    """A source with everything that a fit needs to know.

    Attributes
    ----------
    prepared : PreparedData
        As read.
    aim : Aim
        Data to learn from, with z and c, and the target that they are in.
    settings, grid
        Where the fit begins, and what it chooses.
    split : Split
        What is held out.
    test : Given or None
        Test rows that came with the data.
    need_bytes : int
        What the fit takes at the most.
    notes : tuple of str
        What reading has left out or changed, in words.
    """

    prepared: PreparedData = field(repr=False)
    aim: Aim
    settings: FitSettings
    grid: Grid
    split: Split
    test: Given | None
    need_bytes: int
    notes: tuple[str, ...] = ()


def load(path: Path, options: LoadOptions, tell: Tell, progress: Progress | None = None) -> Loaded:
    """Read a source and attach its targets.

    Parameters
    ----------
    path : Path
        Prepared data, or anything that `decoder.readers.read_source` reads.
    options : LoadOptions
        What is wanted.
    tell : Callable
        Told, in words, what the reader should know.
    progress : Callable, optional
        Called with (what, done, total) while pictures are encoded.

    Returns
    -------
    Loaded

    Raises
    ------
    PhospheneError
        Listing what cannot be used, or what would take more memory than it may.
    """
    read_rule(options.split)
    prepared, notes = read_source(path, options.read)
    for note in notes:
        tell(note)
    settings, grid = search(prepared.meta, options.delay_s, options.window, options.seed)
    scenes = any(event.detail for event in prepared.meta.events)
    own_space = scenes and options.space in (None, SPACE_ID)
    encode: Encode | None = WorldEncoder().encode if own_space else None
    data = make_dataset(
        prepared, settings.delay_s, settings.period_s, encode, pictures=scenes and not own_space
    )
    space = None if own_space else space_for(data, options.space)
    need = _need(prepared, data, settings, grid, space)
    check_memory(need, options.read.memory_bytes, str(path))
    tell(_summary(data, space) + f"; takes {in_gib(need)} at the most "
         f"(--memory {options.read.memory_bytes / GIB:g})")  # fmt: skip
    strange = sorted(set(() if data.labels is None else data.labels.tolist()) - _PAINTED)
    if strange and space is None and not own_space and data.c is None:
        tell(f"{', '.join(strange[:5])}: no categories of {SPACE_ID}, so no picture can be painted "
             "of them; rename them with --labels where they are")  # fmt: skip
    aim = world_aim(data) if own_space else aim_at(data, space, progress)
    if is_trials(prepared.meta):
        train, split, test = _trials(aim.data, options)
    else:
        train = with_groups(aim.data, settings, grid)
        train, split = _in_time(train, prepared, options)
        split, test = in_stretches(split, aim.data, train, prepared.meta.kind), None
    tell(f"split: {test.words + '; within those to learn, ' if test else ''}{split.words}")
    return Loaded(prepared, replace(aim, data=train), settings, grid, split, test, need, notes)


def _trials(data: Dataset, options: LoadOptions) -> tuple[Dataset, Split, Given | None]:
    """Split trials whose order says nothing; a test set that came with them is set aside."""
    test = None
    sides = set() if data.given is None else set(data.given.tolist())
    if options.split in ("auto", "given") and (options.split == "given" or "test" in sides):
        given = given_split(data)
        train_rows, test_rows = given.folds[0]
        left = data.select(test_rows)
        alone = replace(
            left, groups=np.full(len(left), "test"), times=np.arange(len(left), dtype=float)
        )
        test, data = Given(alone, given.words), data.select(train_rows)
        split = usual_split(data, options.seed)
    else:
        split = make_split(data, options.split, options.seed)
    single = sum(len(left_out) < 2 for _, left_out in split)
    if single:
        raise ConfigError(
            problem("--split", f"{split.words}: {single} folds of one row", "2 or more in each",
                    "A percept is told from those of its fold; take 10-fold-by-trial, say.")
        )  # fmt: skip
    return as_groups(data, split, options.seed), with_shared(data, split), test


def _in_time(data: Dataset, prepared: PreparedData, options: LoadOptions) -> tuple[Dataset, Split]:
    """Split rows that follow each other in time."""
    if options.split == "auto":
        return data, with_shared(data, by_run(data))
    if "trial" in read_rule(options.split)[0]:
        raise ConfigError(
            problem("--split", options.split, "by run, session or stimulus",
                    "Neighbours in time share their signal; a split between them would leak.")
        )  # fmt: skip
    split = make_split(data, options.split, options.seed)
    steady = prepared.meta.kind in ("fmri", "eeg-window")
    if steady and not set(split.by) <= {"run", "session"}:
        raise ConfigError(
            problem("--split", options.split, "by run or session",
                    "Volumes that follow each other share their signal; a split within a run "
                    "would leak.")
        )  # fmt: skip
    train = data if steady else with_inner(data, split, options.seed)
    return train, with_shared(data, split)


def _need(
    prepared: PreparedData, data: Dataset, settings: FitSettings, grid: Grid, space: Any
) -> int:
    wide = max((settings.window, *(length for length, _ in grid.shapes)))
    if space is None:
        z_size = 0 if data.z is None else int(np.prod(Z_SHAPE))
        targets = z_size + (C_DIM if data.c is None else data.c.shape[1])
    else:
        targets = int(np.prod(space.z_shape or (0,))) + space.c_dim
    shown = [values[0].nbytes for values in (data.pictures, data.clips) if values is not None]
    return fit_bytes(Need(len(data), prepared.responses.shape[1], wide, targets, sum(shown)))


def _summary(data: Dataset, space: TargetSpace | None) -> str:
    rows, features = data.responses.shape
    parts = [f"{rows} rows of {features} features"]
    if data.stimuli is not None:
        parts.append(f"{len(set(data.stimuli.tolist()) - {''})} stimuli")
    labels = sorted(set(() if data.labels is None else data.labels.tolist()) - {""})
    if labels:
        parts.append("labels " + ", ".join(labels[:10]) + (" ..." if len(labels) > 10 else ""))
    if space is not None:
        z = " x ".join(map(str, space.z_shape)) if space.z_shape else "none"
        c = "by category" if labels else "none"
        if space.c_dim and data.pictures is not None and reads_pictures(space, data.pictures[:1]):
            c = str(space.c_dim)
        parts.append(f"space {space.id} (z {z}, c {c})")
    return "; ".join(parts)
