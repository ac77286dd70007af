"""Decodes what a decoder was not fitted on: fold after fold, a given test set, or by a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.choose import Grid, choose
from decoder.dataset import Dataset
from decoder.evaluation.percepts import Percepts
from decoder.heldout import by_run
from decoder.model import LinearModel
from decoder.samples import Priors, Samples, learn_priors, make_samples
from decoder.settings import FitSettings
from decoder.splits import Split
from decoder.window import target_rows
from phosphene.engine import Engine
from phosphene.manifest import REST

__all__ = ["Decoded", "by_bundle", "by_folds", "by_given", "percepts_of"]

Array = npt.NDArray[Any]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Decoded:
    """Decoded windows of one part of the data.

    Attributes
    ----------
    fold : str
        Name of the part.
    data : Dataset
        The part.
    samples : Samples
        Its windows, with their truth.
    seen : array of int (m,)
        Row of `data` that tells what was seen, -1 where that is not in it.
    z, c, log_probabilities, confidence : array or None
        Decoded.
    labels : tuple of str
        Meaning of each log-probability.
    settings : FitSettings
        What was chosen for it.
    """

    fold: str
    data: Dataset = field(repr=False)
    samples: Samples = field(repr=False)
    seen: Array = field(repr=False)
    z: Array | None = field(repr=False)
    c: Array | None = field(repr=False)
    log_probabilities: Array | None = field(repr=False)
    confidence: Array | None = field(repr=False)
    labels: tuple[str, ...]
    settings: FitSettings


def by_folds(
    data: Dataset,
    start: FitSettings,
    grid: Grid,
    empty: LinearModel,
    split: Split | None,
    progress: Progress,
) -> tuple[list[Decoded], str]:
    """Decode each fold by a model that was fitted, with all its choices, without it.

    Parameters
    ----------
    data : Dataset
        All of it.
    start, grid, empty
        As for `decoder.heldout.decode_held_out`.
    split : Split or None
        What is held out when; None leaves every run out once.
    progress : Callable
        Told after each fold.

    Returns
    -------
    list of Decoded
    str
        The split in words.
    """
    split = split or by_run(data)
    found = []
    progress("held-out folds", 0, len(split))
    for number, (train, test) in enumerate(split):
        name = f"fold {number + 1} of {len(split)}"
        found.append(_one(data.select(train), data.select(test), start, grid, empty, name))
        progress("held-out folds", number + 1, len(split))
    return found, split.words


def by_given(
    train: Dataset, test: Dataset, start: FitSettings, grid: Grid, empty: LinearModel
) -> list[Decoded]:
    """Decode a test set by a model that was fitted, with all its choices, on the training set."""
    return [_one(train, test, start, grid, empty, "test")]


def by_bundle(
    data: Dataset, settings: FitSettings, priors: Priors, engine: Engine, labels: Sequence[str]
) -> list[Decoded]:
    """Decode each run by the graph of a bundle, normalised and windowed as in a live run."""
    samples = make_samples(data, settings, priors)
    parts: dict[str, list[Array]] = {}
    for window in samples.X:
        made = engine.run({"x": window[None].astype(np.float32, copy=False)})
        for name, value in made.items():
            parts.setdefault(name, []).append(value.reshape(1) if value.ndim == 0 else value)
    whole = {name: np.concatenate(values) for name, values in parts.items()}
    return [
        Decoded(
            fold="whole", data=data, samples=samples, seen=_seen(data, samples, settings),
            z=whole.get("z"), c=whole.get("c"), log_probabilities=whole.get("log_probabilities"),
            confidence=whole["confidence"].reshape(-1), labels=tuple(labels), settings=settings,
        )
    ]  # fmt: skip


def percepts_of(
    decoded: Sequence[Decoded], facts: dict[str, Any], *, blocks: bool, bundle: str = ""
) -> Percepts:
    """Put parts together, rows whose truth is known only; rest is left out.

    Parameters
    ----------
    decoded : sequence of Decoded
        Parts, in order.
    facts : dict
        For the report.
    blocks : bool
        Whether rows that follow each other with one label, of which no stimulus is named, are one
        (volumes of a block) or each its own (epochs, trials).
    bundle : str
        Folder of the bundle that decoded them.

    Returns
    -------
    Percepts
    """
    names = max((part.labels for part in decoded), key=len)
    shown = tuple(name for name in names if name != REST)
    rows = [_rows_of(part, shown, blocks) for part in decoded]
    keys = dict.fromkeys(key for row in rows for key in row)
    whole: dict[str, Any] = {key: _joined([part[key] for part in rows]) for key in keys}
    told = shown if len(shown) > 1 else ()
    return Percepts(**whole, facts=facts, label_names=told, bundle=bundle)


def _one(
    train: Dataset,
    test: Dataset,
    start: FitSettings,
    grid: Grid,
    empty: LinearModel,
    name: str,
) -> Decoded:
    settings = choose(train, start, grid, empty)
    priors = learn_priors(train, settings)
    model = empty.fit(make_samples(train, settings, priors), settings)
    samples = make_samples(test, settings, priors)
    z = None if model.z is None else model.z(samples.X).reshape(-1, *model.z_shape)
    c = None if model.c is None else model.c(samples.X)
    scores = None if model.scores is None else model.scores(samples.X)
    return Decoded(
        fold=name, data=test, samples=samples, seen=_seen(test, samples, settings),
        z=_float32(z), c=_float32(c), log_probabilities=scores, confidence=None,
        labels=model.labels, settings=settings,
    )  # fmt: skip


def _seen(data: Dataset, samples: Samples, settings: FitSettings) -> Array:
    back_s = 0.0 if settings.per_event else settings.delay_s
    return np.asarray(target_rows(data, samples.rows, back_s, settings.period_s))


def _rows_of(part: Decoded, shown: tuple[str, ...], blocks: bool) -> dict[str, Array | None]:
    """Return the known rows of one part, by field of `Percepts`."""
    data, samples = part.data, part.samples
    seen, runs = np.maximum(part.seen, 0), data.groups[samples.rows]
    labels = samples.labels if samples.labels is not None else np.full(len(seen), "")
    stimuli = np.full(len(seen), "") if data.stimuli is None else data.stimuli[seen]
    if blocks:
        stimuli = np.where(stimuli == "", _blocks(runs, labels), stimuli)
    known = (part.seen >= 0) & ((stimuli != "") | ~np.isin(labels, ("", REST)))
    keep = np.flatnonzero(known)

    def at(values: Array | None) -> Array | None:
        return None if values is None else values[keep]

    z_true = None if part.z is None else at(samples.z)
    c_true = None if part.c is None else at(samples.c)
    return {
        "folds": np.full(len(keep), part.fold),
        "runs": runs[keep],
        "stimuli": stimuli[keep],
        "labels": np.where(labels[keep] == REST, "", labels[keep]),
        "times": data.times[samples.rows[keep]],
        "z": at(part.z),
        "c": at(part.c),
        "z_true": z_true if z_true is None else z_true.reshape(len(keep), *z_true.shape[1:]),
        "c_true": c_true,
        "seen": None if data.pictures is None else data.pictures[seen[keep]],
        "scores": _scores(at(part.log_probabilities), part.labels, shown),
        "confidence": at(part.confidence),
    }


def _blocks(runs: Array, labels: Array) -> Array:
    """Name each stretch of one label in one run; "" for rest."""
    new = np.ones(len(labels), bool)
    new[1:] = (labels[1:] != labels[:-1]) | (runs[1:] != runs[:-1])
    numbers = np.cumsum(new).astype(np.str_)
    names = np.char.add(np.char.add(runs.astype(np.str_), " block "), numbers)
    return np.where(np.isin(labels, ("", REST)), "", names)


def _scores(values: Array | None, labels: tuple[str, ...], shown: tuple[str, ...]) -> Array | None:
    """Scores in the order of `shown`; a class that the fold did not know scores lowest."""
    if values is None or len(shown) < 2 or not values.shape[1]:
        return None
    full = np.repeat(values.min(axis=1, keepdims=True) - 1.0, len(shown), axis=1)
    for k, name in enumerate(shown):
        if name in labels:
            full[:, k] = values[:, labels.index(name)]
    return full


def _joined(parts: list[Array | None]) -> Array | None:
    found = [part for part in parts if part is not None]
    return np.concatenate(found) if found and len(found) == len(parts) else None


def _float32(values: Array | None) -> Array | None:
    return None if values is None else np.asarray(values, np.float32)
