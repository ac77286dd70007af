"""Trials x voxels with what was shown: arrays of a .npz or .mat file to prepared data."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace as replaced

from decoder.readers.arrays import ArrayFile
from decoder.readers.folder import folders_of, pictures_in
from decoder.readers.layout import frames_of, pictures_of
from decoder.readers.options import ReadOptions
from decoder.readers.voxels import clean_voxels, voxels_sha256
from phosphene.dataset import PreparedData, PreparedMeta, TimedEvent
from phosphene.errors import InputError, check_all, problem

__all__ = ["ROLES", "Shown", "option_of", "read_pairs", "roles_of", "shown_of", "texts"]

Array = npt.NDArray[Any]
Strings = npt.NDArray[np.str_]

_ROWS = ("responses", "stimuli", "labels", "runs", "sessions", "stimulus_ids")
ROLES = (*_ROWS, *(f"test_{role}" for role in _ROWS), "voxel_ids")
"""What arrays may be for; see `decoder.readers.options.ReadOptions`."""

_TEST = "test_"
_SHOWN = re.compile("stim|pic|image|label|target", re.IGNORECASE)


@dataclass(frozen=True)
class Shown:
    """What all trials show, each picture or vector once.

    Attributes
    ----------
    rows : array of int (n,)
        Which of them each trial shows, -1 for none.
    names : array of str (n,)
        Its name, "" where nothing is known.
    pictures, clips : array uint8 or None
        (k, H, W, 3) or (k, frames, H, W, 3).
    vectors : array (k, C) float32 or None
    """

    rows: npt.NDArray[np.intp]
    names: Strings
    pictures: npt.NDArray[np.uint8] | None = field(default=None, repr=False)
    clips: npt.NDArray[np.uint8] | None = field(default=None, repr=False)
    vectors: npt.NDArray[np.float32] | None = field(default=None, repr=False)


def roles_of(file: ArrayFile, options: ReadOptions, known: Sequence[str]) -> dict[str, str]:
    """Find the array of each role: the one that is named, or the one called like it."""
    own = {role: role for role in known if role in file}
    return own | dict(options.arrays)


def read_pairs(file: ArrayFile, options: ReadOptions) -> tuple[PreparedData, tuple[str, ...]]:
    """Read responses and what was shown.

    Parameters
    ----------
    file : ArrayFile
        Opened source.
    options : ReadOptions
        Names of arrays, layout of pictures.

    Returns
    -------
    PreparedData
        Of kind "fmri-beta", without times or places; ``further["voxels"]`` tells the columns that
        were kept.
    tuple of str
        What the reader should know, in words.

    Raises
    ------
    InputError
        Listing everything that is missing or does not fit together.
    """
    names = roles_of(file, options, ROLES)
    sides = _checked(file, names, options)
    loaded = {
        side: {role: file.load(array) for role, array in arrays.items()}
        for side, arrays in sides.items()
    }
    responses = {side: _responses(held, _count(held)) for side, held in loaded.items()}
    given = np.concatenate([np.full(len(x), side) for side, x in responses.items()])
    counts = [len(x) for x in responses.values()]
    kept = clean_voxels(np.concatenate(list(responses.values())), given == "train")
    column = {
        role: _column(list(loaded.values()), role, counts)
        for role in ("labels", "runs", "sessions", "stimulus_ids")
    }
    stimuli, options, more = _stimuli(loaded, counts, folders_of(names, file), options)
    shown = shown_of(stimuli, column["stimulus_ids"], len(given), options)
    ids = np.arange(len(kept.columns)) if "voxel_ids" not in names else None
    ids = kept.columns if ids is not None else file.load(names["voxel_ids"]).ravel()[kept.columns]
    runs = column["runs"] if column["runs"] is not None else np.full(len(given), "1")
    data = PreparedData(
        meta=PreparedMeta(
            person=options.person,
            modality="fmri",
            kind="fmri-beta",
            mask_hash=voxels_sha256(ids),
            tr_s=0.0,
            affine=(),
            channels=(),
            times_s=(),
            settings="{}",
            sources={},
            events=_events(runs, column["labels"], shown, options.labels),
        ),
        responses=kept.responses,
        runs=runs,
        t_data=np.arange(len(given), dtype=np.float64),
        t_event=np.arange(len(given), dtype=np.float64),
        mask=np.zeros((0, 0, 0), np.bool_),
        further={"voxels": kept.columns.astype(np.float64)},
        pictures=shown.pictures,
        clips=shown.clips,
        embeddings=shown.vectors,
        sessions=column["sessions"],
        given=given if "test" in sides else None,
    )
    return _only_runs(data, options), kept.notes + more


def texts(values: Array) -> Strings:
    """Return one text for each value; whole numbers without a point."""
    flat = np.asarray(values).ravel()
    if flat.dtype.kind == "f" and np.isfinite(flat).all() and (flat == np.rint(flat)).all():
        flat = flat.astype(np.int64)
    if flat.dtype.kind == "S":
        return np.char.decode(flat, "utf-8")
    return flat.astype(np.str_)


def shown_of(stimuli: Array | None, ids: Strings | None, n: int, options: ReadOptions) -> Shown:
    """Put together what trials show, each picture or vector once, named by its content or its id.

    Parameters
    ----------
    stimuli : array (n, ...) or None
        Pictures or clips as people store them, or vectors.
    ids : array of str (n,) or None
        Names of stimuli.
    n : int
        Trials.
    options : ReadOptions
        Says which of these it is.
    """
    if stimuli is None:
        return Shown(np.full(n, -1), np.full(n, "") if ids is None else ids)
    if options.stimuli_are == "vectors":
        rows, hashes, first = _once(vectors := np.asarray(stimuli, np.float32).reshape(n, -1))
        return Shown(rows, hashes if ids is None else ids, vectors=vectors[first])
    full = pictures_of(stimuli, n, options.order, options.shape)
    rows, hashes, first = _once(full)
    once = full[first]
    clips = once if once.ndim == 5 else None
    return Shown(rows, hashes if ids is None else ids, pictures=frames_of(once), clips=clips)


def _once(values: Array) -> tuple[npt.NDArray[np.intp], Strings, list[int]]:
    """Return which distinct entry each row is, the hash of each row, and where they are first."""
    hashes = [hashlib.sha256(row.tobytes()).hexdigest()[:16] for row in values]
    first: dict[str, int] = {}
    for row, name in enumerate(hashes):
        first.setdefault(name, row)
    place = {name: k for k, name in enumerate(first)}
    return np.array([place[name] for name in hashes]), np.array(hashes), list(first.values())


def _checked(
    file: ArrayFile, names: Mapping[str, str], options: ReadOptions
) -> dict[str, dict[str, str]]:
    """Return the arrays of the training and, where there is one, the test side; check them all."""
    found = [
        problem(f"array of {role.replace('_', ' ')}", name, _candidates(file, role, names),
                f"Name it with {option_of(role)}.")
        for role, name in names.items()
        if name not in file and role not in folders_of(names, file)
    ]  # fmt: skip
    for role in ("responses", *(["test_responses"] if _has_test(names) else [])):
        if role not in names:
            found.append(
                problem(f"array of {role.replace('_', ' ')}", None, _candidates(file, role, names),
                        f"Name it with {option_of(role)}.")
            )  # fmt: skip
    if not {"stimuli", "labels"} & set(names):
        found.append(
            problem("array of stimuli or labels", None, f"one of: {file.held()}",
                    "Name what was shown with --stimuli or --labels-key.")
        )  # fmt: skip
    there = {role: name for role, name in names.items() if name in file}
    train = {r: a for r, a in there.items() if not r.startswith(_TEST) and r in _ROWS}
    test = {r.removeprefix(_TEST): a for r, a in there.items() if r.startswith(_TEST)}
    sides = {"train": train} | ({"test": test} if test else {})
    for side in sides.values():
        found += _miscounted(file, side)
    for role in ("stimuli", "labels", "runs", "sessions", "stimulus_ids"):
        if test and (role in train) != (role in test):
            missing = f"test_{role}" if role in train else role
            found.append(
                problem(f"array of {missing.replace('_', ' ')}", None,
                        _candidates(file, missing, names),
                        f"Name it with {option_of(missing)}, or leave both sides out.")
            )  # fmt: skip
    check_all(found, InputError, str(file.path))
    return sides


def option_of(role: str) -> str:
    """Return the option of the command line that names the array of a role."""
    words = role.replace("_", "-")
    return f"--{words}-key" if role.endswith(("labels", "runs", "sessions")) else f"--{words}"


def _candidates(file: ArrayFile, role: str, names: Mapping[str, str]) -> str:
    """Say which arrays of a file could have a role, by shape and name; all where none could."""
    others = {name for own, name in names.items() if own != role}
    kind, found = role.removeprefix(_TEST), []
    for name, info in file.infos.items():
        table = sum(length > 1 for length in info.shape) >= 2 and info.kind not in (
            "text",
            "object",
        )
        if name in others or (kind in ("responses", "stimuli")) != table:
            continue
        if kind == "responses" and (len(info.shape) != 2 or _SHOWN.search(name)):
            continue
        found.append(name)
    return f"one of: {file.held(found or None)}"


def _has_test(names: Mapping[str, str]) -> bool:
    return any(role.startswith(_TEST) for role in names)


def _miscounted(file: ArrayFile, side: Mapping[str, str]) -> list[str]:
    """List arrays that do not have one entry for each trial."""
    if "responses" not in side:
        return []
    shape = file.infos[side["responses"]].shape
    if len(shape) != 2:
        return [problem(side["responses"], shape, "trials x voxels", "Name another array.")]
    counts = {role: file.infos[name].shape for role, name in side.items() if role != "responses"}
    fits = {n: [r for r, s in counts.items() if _fits(r, s, n)] for n in shape}
    n = max(fits, key=lambda size: (len(fits[size]), size == shape[0]))
    return [
        problem(side[role], f"{' x '.join(map(str, counts[role]))}", f"{n} entries, as many as "
                f"{side['responses']} has trials", "Take arrays that belong together.")
        for role in counts
        if role not in fits[n]
    ]  # fmt: skip


def _fits(role: str, shape: tuple[int, ...], n: int) -> bool:
    if role == "stimuli":
        return n in (shape[0], shape[-1])
    # MATLAB's text is an array of characters, one row for each.
    return n in (int(np.prod(shape)), shape[0])


def _count(held: Mapping[str, Array]) -> int:
    """Return the trials of one side; where responses lie on their side, others tell it."""
    x = held["responses"]
    votes = [v.size for r, v in held.items() if r in ("labels", "runs", "sessions", "stimulus_ids")]
    if votes:
        return votes[0]
    if "stimuli" in held and x.shape[0] not in (s := held["stimuli"].shape)[:1] + s[-1:]:
        return int(x.shape[1])
    return len(x)


def _responses(held: Mapping[str, Array], n: int) -> Array:
    x = np.asarray(held["responses"])
    if x.dtype.kind not in "iuf":
        raise InputError(problem("responses", x.dtype.name, "real numbers", "Name another array."))
    return x if len(x) == n else x.T


def _column(sides: Sequence[Mapping[str, Array]], role: str, counts: Sequence[int]) -> Any:
    """Return the texts of a role for all trials; None where no side has it."""
    if not any(role in side for side in sides):
        return None
    return np.concatenate([texts(side[role]) for side in sides])


def _stimuli(
    loaded: Mapping[str, Mapping[str, Array]],
    counts: Sequence[int],
    folders: Mapping[str, Path],
    options: ReadOptions,
) -> tuple[Array | None, ReadOptions, tuple[str, ...]]:
    """Return what all trials show, how to read it, and what was done to it."""
    if folders:
        first = next(iter(folders.values()))
        wanted = [
            (
                folders.get("test_stimuli" if side == "test" else "stimuli", first),
                texts(held["stimulus_ids"]).tolist() if "stimulus_ids" in held else None,
                n,
            )
            for (side, held), n in zip(loaded.items(), counts, strict=True)
        ]
        pictures, notes = pictures_in(wanted)
        # Files know which way is up.
        return pictures, replace(options, order="row"), notes
    return _stored(loaded, counts), options, ()


def _stored(loaded: Mapping[str, Mapping[str, Array]], counts: Sequence[int]) -> Array | None:
    parts = [
        side["stimuli"] if len(side["stimuli"]) == n else np.moveaxis(side["stimuli"], -1, 0)
        for side, n in zip(loaded.values(), counts, strict=True)
        if "stimuli" in side
    ]
    if not parts:
        return None
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise InputError(
            problem("stimuli", sorted(shapes), "one shape on both sides", "Scale them alike.")
        )
    return np.concatenate(parts)


def _events(
    runs: Strings, labels: Strings | None, shown: Shown, renamed: Mapping[str, str]
) -> list[TimedEvent]:
    words = np.full(len(runs), "") if labels is None else labels
    each = zip(
        runs.tolist(), words.tolist(), shown.names.tolist(), shown.rows.tolist(), strict=True
    )
    return [
        TimedEvent(
            run=run,
            t_s=float(row),
            duration_s=0.0,
            label=renamed.get(label, label),
            stimulus=name,
            picture=picture,
        )
        for row, (run, label, name, picture) in enumerate(each)
    ]


def _only_runs(data: PreparedData, options: ReadOptions) -> PreparedData:
    """Take the rows of the wanted runs."""
    if options.runs is None:
        return data
    missing = sorted(set(options.runs) - set(data.runs.tolist()))
    if missing:
        known = ", ".join(dict.fromkeys(data.runs.tolist()))
        raise InputError(problem("--runs", ", ".join(missing), known, "Name runs that exist."))
    rows = np.isin(data.runs, options.runs)
    return replace(
        data,
        meta=replaced(data.meta, events=[e for e in data.meta.events if e.run in options.runs]),
        responses=data.responses[rows],
        runs=data.runs[rows],
        t_data=data.t_data[rows],
        t_event=data.t_event[rows],
        sessions=None if data.sessions is None else data.sessions[rows],
        given=None if data.given is None else data.given[rows],
    )
