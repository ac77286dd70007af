"""The encoding analysis itself: every voxel predicted from every set, on rows held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Rows
from decoder.encoding.design import Nuisance, principal, shown, standardised
from decoder.encoding.material import Encoded, Kind, Material, Of, Told
from decoder.encoding.regress import Predicted, banded, inner_folds, ridge
from decoder.encoding.settings import EncodeSettings
from decoder.encoding.significance import benjamini_hochberg, drawn_units, p_values, reordered
from decoder.encoding.tally import Draws, Tally, centred, correlation_pair, tally, unique_pair

__all__ = ["JOINT", "UNIQUE", "encode", "voxels_at_once"]

Array = npt.NDArray[Any]
Progress = Callable[[str, int, int], None]

JOINT = "z+c"
UNIQUE = {"unique z": "c", "unique c": "z"}
"""Comparison to the part that the joint model is compared with."""
_BUDGET_BYTES = 512 * 1024**2
_PER_VALUE = 48
"""Bytes that a prediction and its products take, per row and voxel of a set."""


@dataclass(frozen=True)
class _Fold:
    """One fold: its regressors, reduced and without the nuisance."""

    train: Rows
    test: Rows
    inner: list[tuple[Rows, Rows]] = field(repr=False)
    nuisance: Nuisance = field(repr=False)
    designs: Mapping[str, tuple[Array, Array]] = field(repr=False)


@dataclass(frozen=True)
class _Told:
    """Tells how far a block of voxels is: half of it are its folds, half its permutations."""

    progress: Progress
    start: int
    stop: int
    voxels: int
    steps: int

    def __call__(self, done: int) -> None:
        """Tell the voxels that the steps which are done stand for."""
        now = self.start + (self.stop - self.start) * done // self.steps
        self.progress("voxels", now, self.voxels)


def voxels_at_once(rows: int, sets: int, settings: EncodeSettings) -> int:
    """Return how many voxels are worked on at once, so that they take half a GiB at the most."""
    return int(np.clip(_BUDGET_BYTES // (rows * (sets + 3) * _PER_VALUE), 1, settings.voxel_block))


def encode(
    material: Material, settings: EncodeSettings, progress: Progress = lambda *_: None
) -> Encoded:
    """Predict every voxel from every set of features, on rows held out.

    Parameters
    ----------
    material : Material
        Responses, features, split.
    settings : EncodeSettings
    progress : Callable
        Called with (what, done, total).

    Returns
    -------
    Encoded
        The same for any `voxel_block`, but for the last digits.
    """
    scaled = material.responses
    if material.clock is not None:
        scaled = standardised(scaled, material.clock.runs)
    folds = _folds(material, settings, progress)
    held = np.concatenate([fold.test for fold in folds])
    fold_of = np.concatenate([np.full(len(f.test), k) for k, f in enumerate(folds)])
    draws = _draws(material.units[held], fold_of, settings)
    members = np.stack(list(material.members().values()), axis=1).astype(np.float64)
    voxels = scaled.shape[1]
    step = voxels_at_once(len(held), len(material.sets), settings)
    parts: dict[str, list[tuple[Tally, Array, Array]]] = {}
    for start in range(0, voxels, step):
        own = slice(start, min(start + step, voxels))
        told = _Told(progress, start, own.stop, voxels, 2 * len(folds))
        block = _block(folds, scaled[:, own], fold_of, draws, members[own], settings, told)
        for name, part in block:
            parts.setdefault(name, []).append(part)
    kinds: dict[str, Kind] = {own.name: own.kind for own in material.sets}
    sizes = members.sum(axis=0)
    names = tuple(material.members())
    found = {
        name: _joined(name, kinds.get(name), own, names, sizes, settings)
        for name, own in parts.items()
    }
    return Encoded(
        found, dict(zip(names, sizes.astype(int).tolist(), strict=True)), material.split.words,
        len(held), draws.counts.shape[1], material.ceiling,
    )  # fmt: skip


def _folds(material: Material, settings: EncodeSettings, progress: Progress) -> list[_Fold]:
    """Reduce every set on the training rows of each fold."""
    known = np.any([shown(own.values) for own in material.sets], axis=0)
    folds = []
    for number, (train, test) in enumerate(material.split, 1):
        nuisance = Nuisance.of(known, material.clock, train)
        designs = {
            own.name: _design(material, own.flat, train, test, nuisance, settings.components)
            for own in material.sets
        }
        inner = inner_folds(material.groups[train], settings.inner_folds)
        folds.append(_Fold(train, test, inner, nuisance, designs))
        progress("features", number, len(material.split))
    return folds


def _design(
    material: Material, values: Array, train: Rows, test: Rows, nuisance: Nuisance, most: int
) -> tuple[Array, Array]:
    seen = shown(values)
    axes = principal(values[train[seen[train]]], most)
    reduced = np.zeros((len(values), axes.axes.shape[1]))
    reduced[seen] = axes(values[seen])
    if material.clock is not None:
        reduced = material.clock.convolved(reduced)
    ready = nuisance.out_of(reduced).astype(np.float32)
    # The response blurs and shrinks; penalties are for regressors of about unit variance.
    ready /= np.float32(np.sqrt(np.mean(ready[train] ** 2)) or 1.0)
    return ready[train], ready[test]


def _draws(units: Array, folds: Array, settings: EncodeSettings) -> Draws:
    _, numbers = np.unique(units, return_inverse=True)
    base, orders = reordered(numbers, folds, settings.permutations, settings.seed)
    counts = drawn_units(int(numbers.max()) + 1, settings.resamples, settings.seed + 1)
    return Draws(base, orders, numbers, counts)


def _block(
    folds: Sequence[_Fold], responses: Array, fold_of: Array, draws: Draws, members: Array,
    settings: EncodeSettings, told: _Told,
) -> list[tuple[str, tuple[Tally, Array, Array]]]:  # fmt: skip
    """Predict some voxels; for each name the tally, explained variance and penalties."""
    measured: list[Array] = []
    made: dict[str, list[Predicted]] = {}
    for number, fold in enumerate(folds, 1):
        clean = fold.nuisance.out_of(responses).astype(np.float32)
        own = clean[fold.train]
        measured.append(clean[fold.test])
        for name, (X, held) in fold.designs.items():
            made.setdefault(name, []).append(ridge(X, own, held, settings.alphas, fold.inner))
        if {"z", "c"} <= fold.designs.keys():
            both = [fold.designs["z"], fold.designs["c"]]
            seen, left = [X for X, _ in both], [held for _, held in both]
            made.setdefault(JOINT, []).append(banded(seen, own, left, settings.alphas, fold.inner))
        told(number)
    truth = np.concatenate(measured)
    predicted = {name: np.concatenate([p.values for p in parts]) for name, parts in made.items()}
    clean_truth = centred(truth, fold_of)
    pairs = {n: correlation_pair(values, clean_truth, fold_of) for n, values in predicted.items()}
    explained = {name: _explained(values, truth) for name, values in predicted.items()}
    alphas = {n: np.median([p.alphas for p in parts], axis=0) for n, parts in made.items()}
    if JOINT in predicted:
        for name, other in UNIQUE.items():
            pairs[name] = unique_pair(predicted[JOINT], predicted[other], truth)
            explained[name] = explained[JOINT] - explained[other]
            alphas[name] = np.full(truth.shape[1], np.nan)
    half = len(folds)
    found = tally(
        pairs, draws, members, settings.threshold, lambda share: told(half + int(half * share))
    )
    return [(name, (found[name], explained[name], alphas[name])) for name in pairs]


def _explained(predicted: Array, truth: Array) -> Array:
    missed = ((truth - predicted).astype(np.float64) ** 2).sum(axis=0)
    total = (truth.astype(np.float64) ** 2).sum(axis=0)
    share = np.divide(missed, total, out=np.ones_like(total), where=total > 0)
    return np.asarray(1.0 - share)


def _joined(
    name: str,
    kind: Kind | None,
    parts: Sequence[tuple[Tally, Array, Array]],
    names: Sequence[str],
    sizes: Array,
    settings: EncodeSettings,
) -> Of:
    """Put the blocks of voxels together."""
    tallies = [part[0] for part in parts]
    own: Kind = kind or ("unique" if name in UNIQUE else "joint")
    p = p_values(np.concatenate([t.as_good for t in tallies]), settings.permutations)
    value = np.concatenate([t.value for t in tallies])
    if own == "unique":
        # Permuted, an addition does harm; one that only does less harm adds nothing.
        p = np.where(value > 0, p, 1.0)
    of_value = _told(
        sum(t.total for t in tallies) / sizes,
        sum(t.permuted for t in tallies) / sizes, sum(t.drawn for t in tallies) / sizes, names,
    )  # fmt: skip
    above = _told(
        sum(t.above for t in tallies) / sizes, sum(t.above_permuted for t in tallies) / sizes,
        sum(t.above_drawn for t in tallies) / sizes, names,
    )  # fmt: skip
    return Of(
        name, own, value, p, benjamini_hochberg(p), np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]), of_value, {} if own == "unique" else above,
    )  # fmt: skip


def _told(value: Array, permuted: Array, drawn: Array, names: Sequence[str]) -> dict[str, Told]:
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    p = np.where(value > 0, p_values((permuted >= value).sum(axis=0), len(permuted)), 1.0)
    rows = (value, low, high, permuted.mean(axis=0), np.percentile(permuted, 97.5, axis=0), p)
    return {name: Told(*(float(row[k]) for row in rows)) for k, name in enumerate(names)}
