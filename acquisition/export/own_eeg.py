"""The EEG of a recording of our own, and whether it may leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from acquisition.sources.eeg import EegMarker, EegRecording
from acquisition.sources.own import read_own
from phosphene.consent import Consent, Scope, why_not
from phosphene.errors import ConsentError, InputError
from phosphene.messages import RunStart, Samples
from phosphene.recorder.reader import parts_of, read_run, start_of

__all__ = ["eeg_of", "owner_of", "refuse_without_consent"]


def owner_of(where: Path, run: str | None) -> RunStart:
    """Return the start document of a recording, which says whose it is.

    Raises
    ------
    InputError
        If it has none: nobody can tell whose consent counts.
    """
    for part in parts_of(where, run):
        if (start := start_of(part)) is not None:
            return start
    raise InputError(f"{where}: does not say whose it is; recover it first: phosphene recover")


def refuse_without_consent(start: RunStart, consent: Consent | None, now: datetime) -> None:
    """Let nothing leave without the scope ``export`` of the person whose data it is.

    Raises
    ------
    ConsentError
        With the reason.
    """
    denied = why_not(consent, Scope.EXPORT, start.person, now)
    if denied is not None:
        raise ConsentError(f"nothing is exported: {denied}")


def eeg_of(where: Path, start: RunStart) -> EegRecording:
    """Return samples and markers of a run, with the LSL time of its first sample.

    Lengths and descriptions of events come along; the name tells the run, not the file.

    Raises
    ------
    InputError
        If the run holds no EEG.
    """
    held = read_own(where, start.run)
    if held.eeg is None:
        raise InputError(f"{where}: the run holds volumes; only EEG is exported")
    stream = held.eeg.markers[0].stream if held.eeg.markers else ""
    markers = tuple(EegMarker(e.t_s, e.label, stream, e.duration_s, e.detail) for e in held.events)
    name = f"phosphene-{start.run}"
    return replace(held.eeg, name=name, markers=markers, t0_s=_first_s(where, start.run))


def _first_s(where: Path, run: str) -> float:
    """Return the LSL time of the first sample in seconds."""
    for message in read_run(where, run):
        header = message.header
        if isinstance(header, Samples):
            count = len(message.arrays["samples"])
            return float(header.t_acquired - (count - 1) / header.fs_hz)
    return 0.0
