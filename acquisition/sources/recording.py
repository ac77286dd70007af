"""Opens any recording; `acquisition.sources.detect` tells how each kind is recognised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from acquisition.sources.detect import Found, find_runs
from acquisition.sources.eeg import EegReadOptions, read_eeg
from acquisition.sources.labels import read_events, renamed
from acquisition.sources.open_fmri import (
    file_hash,
    open_bids,
    open_nifti,
    open_pymvpa,
    open_volumes,
)
from acquisition.sources.own import read_own
from acquisition.sources.recorded import EegRun, FmriRecording, OpenOptions, Recording, Refuse
from phosphene.dataset import TimedEvent
from phosphene.errors import InputError, problem

__all__ = [
    "EegRun",
    "FmriRecording",
    "OpenOptions",
    "Recording",
    "Refuse",
    "open_recording",
    "runs_of",
]


def runs_of(path: Path) -> tuple[str, ...]:
    """Return the runs that a recording holds, in order; ``("1",)`` when it holds just one.

    Raises
    ------
    InputError
        If `path` does not exist, or holds nothing that is known.
    """
    return tuple(found.run for found in find_runs(path))


def open_recording(
    path: Path, run: str | None = None, options: OpenOptions | None = None
) -> Recording:
    """Open one run of a recording.

    Parameters
    ----------
    path : Path
        File or folder.
    run : str or None
        Which run; may be None when there is only one.
    options : OpenOptions or None
        Labels and repetition time.

    Returns
    -------
    FmriRecording or EegRun

    Raises
    ------
    InputError
        If it cannot be opened; names the file and the cause.
    """
    options = options or OpenOptions()
    runs = find_runs(path)
    if runs[0].kind == "own":
        recording = _own(path, run)
    else:
        found = _choose(path, runs, run)
        recording = _OPENERS[found.kind](found, options)
    if isinstance(recording, FmriRecording) and not recording.tr_s > 0:
        raise InputError(
            problem(str(path), "no repetition time", "a TR above 0 s",
                    "Set acquisition.fmri.tr_s in the session file.")
        )  # fmt: skip
    events = recording.events
    if options.events is not None:
        events = read_events(options.events, recording.run)
    return replace(recording, events=renamed(events, options.labels))


def _choose(path: Path, runs: tuple[Found, ...], run: str | None) -> Found:
    if run is None and len(runs) == 1:
        return runs[0]
    chosen = next((found for found in runs if found.run == run), None)
    if chosen is None:
        allowed = ", ".join(map(_told, runs))
        raise InputError(problem(f"run of {path}", run, allowed, "Choose one with --run."))
    return chosen


def _told(found: Found) -> str:
    return f"{found.run} ({len(found.files)} files)" if found.files else found.run


def _eeg(found: Found, options: OpenOptions) -> EegRun:
    eeg = read_eeg(found.path, EegReadOptions(labels=dict(options.labels)))
    events = tuple(
        TimedEvent(
            run=found.run, t_s=m.t_s, duration_s=m.duration_s, label=m.label, detail=m.detail
        )
        for m in eeg.markers
    )
    return EegRun(found.run, eeg, events, {found.path.name: file_hash([found.path])})


_OPENERS: Mapping[str, Callable[[Found, OpenOptions], Recording]] = MappingProxyType(
    {
        "pymvpa": open_pymvpa,
        "bids": open_bids,
        "nifti": open_nifti,
        "volumes": open_volumes,
        "eeg": _eeg,
    }
)


def _own(path: Path, run: str | None) -> Recording:
    held = read_own(path, run)
    sources = {path.name: file_hash(held.files)}
    if held.eeg is not None:
        return EegRun(held.run, held.eeg, held.events, sources)
    first = held.first_volume
    if first is None:
        raise InputError(f"{path}: the recording holds no volume")
    x, y, z = held.shape
    return FmriRecording(
        run=held.run,
        shape=(x, y, z),
        affine=np.asarray(first.affine, np.float64).reshape(4, 4),
        tr_s=first.tr_s,
        n_volumes=held.n_volumes,
        events=held.events,
        mask=None,
        sources=sources,
        read=held.volumes,
        slice_times_s=first.slice_times_s or None,
        slice_axis=first.slice_axis,
    )
