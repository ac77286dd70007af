"""Epochs of EEG that were cut elsewhere: MNE (-epo.fif), EEGLAB (.set), or arrays in a .npz."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.readers.arrays import ArrayFile
from decoder.readers.options import ReadOptions
from decoder.readers.pairs import Shown, option_of, roles_of, shown_of, texts
from phosphene.dataset import PreparedData, PreparedMeta, TimedEvent
from phosphene.errors import InputError, check_all, problem

__all__ = ["EPOCH_ROLES", "read_epoch_arrays", "read_epoch_file"]

Array = npt.NDArray[Any]
Strings = npt.NDArray[np.str_]

EPOCH_ROLES = ("epochs", "labels", "times", "channels", "runs", "sessions", "stimuli",
               "stimulus_ids")  # fmt: skip
_MICROVOLTS = 1e6  # MNE holds volts
_NAMED = 20
_LONGEST_STEP_S = 0.2
_LONGEST_S = 60.0
_UNEVEN = 0.5


@dataclass(frozen=True)
class _Epochs:
    """Epochs with what they are of.

    Attributes
    ----------
    values : array (n, channels, times)
        In microvolts, or in the unit that the source has.
    onsets_s : array (n,)
        When the event of each was, in seconds; rising.
    """

    values: Array = field(repr=False)
    onsets_s: Array
    labels: Strings
    channels: tuple[str, ...]
    times_s: tuple[float, ...]
    runs: Strings
    sessions: Strings | None = None
    shown: Shown | None = None


def read_epoch_file(path: Path, options: ReadOptions) -> tuple[PreparedData, tuple[str, ...]]:
    """Read epochs that MNE or EEGLAB has written; needs `mne`.

    Returns
    -------
    PreparedData
        Of kind "eeg-epoch", in microvolts.
    tuple of str
        What the reader should know, in words.

    Raises
    ------
    InputError
        If the file cannot be read or has no EEG; names the package where that is missing.
    """
    try:
        import mne
    except ImportError as error:
        raise InputError(f"{path}: {path.suffix} files need the package mne") from error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if path.suffix.lower() == ".set":
                held = mne.io.read_epochs_eeglab(path, verbose="error")
            else:
                held = mne.read_epochs(path, preload=True, verbose="error")
        except Exception as error:  # mne tells of damage by many kinds of error
            raise InputError(f"{path}: cannot be read: {error}") from error
    types = held.get_channel_types()
    channels = [n for n, kind in zip(held.ch_names, types, strict=True) if kind == "eeg"]
    if not channels:
        raise InputError(f"{path}: no EEG channel among {', '.join(held.ch_names[:20])}")
    names = {code: name for name, code in held.event_id.items()}
    labels = [names.get(code, str(code)) for code in held.events[:, 2].tolist()]
    values = held.get_data(picks=channels) * _MICROVOLTS
    data = _packed(
        _Epochs(
            values=values,
            onsets_s=held.events[:, 0] / held.info["sfreq"],
            labels=np.array(labels),
            channels=tuple(channels),
            times_s=tuple(float(t) for t in held.times),
            runs=np.full(len(labels), "1"),
        ),
        options,
        str(path),
    )
    told = {str(w.message) for w in caught if "naming conventions" not in str(w.message)}
    return data, (*sorted(told), *_broken(values))


def read_epoch_arrays(
    file: ArrayFile, options: ReadOptions
) -> tuple[PreparedData, tuple[str, ...]]:
    """Read epochs from arrays.

    Parameters
    ----------
    file : ArrayFile
        With ``epochs`` (n, channels, times), ``labels`` (n,), ``times`` (times,) in seconds from
        the event, ``channels`` (names), and maybe ``runs``, ``sessions``, ``stimuli`` and
        ``stimulus_ids``, each for every epoch.
    options : ReadOptions
        Names of the arrays.

    Returns
    -------
    PreparedData
        Of kind "eeg-epoch", in the unit of the file.
    tuple of str
        What the reader should know, in words.

    Raises
    ------
    InputError
        Listing everything that is missing or does not fit together.
    """
    names = roles_of(file, options, EPOCH_ROLES)
    _check(file, names)
    held = {role: file.load(name) for role, name in names.items() if role in EPOCH_ROLES}
    values = np.asarray(held["epochs"])
    n, times_s = len(values), tuple(float(t) for t in held["times"].ravel())
    span_s = times_s[-1] - times_s[0]
    ids = texts(held["stimulus_ids"]) if "stimulus_ids" in held else None
    data = _packed(
        _Epochs(
            values=values,
            # Only the order is known; epochs are put one after the other.
            onsets_s=np.arange(n) * (span_s + (times_s[1] - times_s[0])),
            labels=texts(held["labels"]) if "labels" in held else np.full(n, ""),
            channels=tuple(texts(held["channels"]).tolist()),
            times_s=times_s,
            runs=texts(held["runs"]) if "runs" in held else np.full(n, "1"),
            sessions=texts(held["sessions"]) if "sessions" in held else None,
            shown=shown_of(held.get("stimuli"), ids, n, options),
        ),
        options,
        str(file.path),
    )
    return data, _broken(values)


def _broken(values: Array) -> tuple[str, ...]:
    """Say which epochs are left out because they hold NaN or infinite values."""
    rows = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2))).tolist()
    if not rows:
        return ()
    named = ", ".join(map(str, rows[:_NAMED])) + (", ..." if len(rows) > _NAMED else "")
    return (
        f"{len(rows)} of {len(values)} epochs hold NaN or infinite values and are left out "
        f"(counted from 0: {named})",
    )


def _check_times(times_s: Array) -> list[str]:
    """Refuse times that cannot be seconds."""
    steps = np.diff(times_s)
    if not np.isfinite(times_s).all() or not (steps > 0).all():
        return [problem("times", "not rising", "finite, rising seconds", "Correct them.")]
    even = float(steps.max() - steps.min()) <= _UNEVEN * float(np.median(steps))
    if float(np.median(steps)) > _LONGEST_STEP_S or float(np.ptp(times_s)) > _LONGEST_S:
        got = f"{times_s[0]:g} to {times_s[-1]:g} in steps of {np.median(steps):g}"
        allowed = f"seconds: steps up to {_LONGEST_STEP_S:g}, {_LONGEST_S:g} in all"
        return [problem("times", got, allowed, "Are these milliseconds? Divide them by 1000.")]
    if not even:
        got = f"steps of {steps.min():g} to {steps.max():g}"
        return [problem("times", got, "samples at one rate", "Resample the epochs.")]
    return []


def _check(file: ArrayFile, names: Mapping[str, str]) -> None:
    found = [
        problem(f"array of {role}", names.get(role), f"one of: {file.held()}",
                f"Name it with {option_of(role)}.")
        for role in ("epochs", "times", "channels", *names)
        if names.get(role) not in file
    ]  # fmt: skip
    if not {"labels", "stimuli"} & set(names):
        found.append(
            problem("array of labels or stimuli", None, f"one of: {file.held()}",
                    "Name it with --labels-key or --stimuli.")
        )  # fmt: skip
    if not found:
        shape = file.infos[names["epochs"]].shape
        if len(shape) != 3:
            found.append(problem("epochs", shape, "(n, channels, times)", "Store them like that."))
        else:
            lengths = {r: shape[0] for r in names if r in ("labels", "runs", "sessions", "stimuli")}
            lengths |= {"channels": shape[1], "times": shape[2]}
            found += [
                problem(role, own, f"{length} entries, as epochs {shape} say", "Correct it.")
                for role, length in lengths.items()
                if length not in (*(own := file.infos[names[role]].shape), int(np.prod(own)))
            ]
            if shape[2] < 2:
                found.append(problem("epochs", shape, "2 or more samples each", "Correct them."))
            elif not found:
                times_s = np.asarray(file.load(names["times"]), np.float64).ravel()
                found += _check_times(times_s)
    check_all(list(dict.fromkeys(found)), InputError, str(file.path))


def _packed(epochs: _Epochs, options: ReadOptions, source: str) -> PreparedData:
    """Put epochs in order of time, leave broken ones out, and flatten them channel by channel."""
    runs = options.runs
    kept = np.isfinite(epochs.values).all(axis=(1, 2))
    if runs is not None:
        missing = sorted(set(runs) - set(epochs.runs.tolist()))
        if missing:
            known = ", ".join(dict.fromkeys(epochs.runs.tolist()))
            raise InputError(problem("--runs", ", ".join(missing), known, "Name runs that exist."))
        kept &= np.isin(epochs.runs, runs)
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(epochs.onsets_s[rows], kind="stable")]
    if not len(rows):
        raise InputError(problem(source, "no whole epoch", "1 or more", "Check for NaN."))
    onsets_s = epochs.onsets_s[rows].astype(np.float64)
    return PreparedData(
        meta=PreparedMeta(
            person=options.person,
            modality="eeg",
            kind="eeg-epoch",
            mask_hash=_layout_hash(epochs.channels, epochs.times_s),
            tr_s=0.0,
            affine=(),
            channels=epochs.channels,
            times_s=epochs.times_s,
            settings="{}",
            sources={},
            events=_events(epochs, rows, onsets_s, options.labels),
        ),
        responses=epochs.values[rows].reshape(len(rows), -1).astype(np.float32),
        runs=epochs.runs[rows],
        t_data=onsets_s + epochs.times_s[-1],
        t_event=onsets_s,
        mask=np.zeros((0, 0, 0), np.bool_),
        pictures=None if epochs.shown is None else epochs.shown.pictures,
        clips=None if epochs.shown is None else epochs.shown.clips,
        embeddings=None if epochs.shown is None else epochs.shown.vectors,
        sessions=None if epochs.sessions is None else epochs.sessions[rows],
    )


def _events(
    epochs: _Epochs, rows: Array, onsets_s: Array, renamed: Mapping[str, str]
) -> list[TimedEvent]:
    shown = epochs.shown or Shown(np.full(len(epochs.runs), -1), np.full(len(epochs.runs), ""))
    return [
        TimedEvent(
            run=str(epochs.runs[row]),
            t_s=float(at_s),
            duration_s=0.0,
            label=renamed.get(str(epochs.labels[row]), str(epochs.labels[row])),
            stimulus=str(shown.names[row]),
            picture=int(shown.rows[row]),
        )
        for row, at_s in zip(rows.tolist(), onsets_s.tolist(), strict=True)
    ]


def _layout_hash(channels: Sequence[str], times_s: Sequence[float]) -> str:
    """Name a layout that no filter of ours has made; it is never that of a live run."""
    text = f"epochs cut elsewhere {','.join(channels)} {','.join(f'{t:.6f}' for t in times_s)}"
    return hashlib.sha256(text.encode()).hexdigest()
