"""The EEG of a recording of our own, and whether it may leave."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from acquisition.sources.eeg import EegMarker, EegRecording
from acquisition.sources.own import read_own
from phosphene.consent import Consent, Scope, why_not
from phosphene.errors import ConsentError, InputError
from phosphene.messages import Event, Quality, RunStart, Samples
from phosphene.recorder.reader import parts_of, read_run, start_of

__all__ = ["Seen", "eeg_of", "owner_of", "refuse_without_consent"]


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


def eeg_of(where: Path, start: RunStart) -> tuple[EegRecording, Seen]:
    """Return samples and markers of a run, and what else the recording tells of them.

    Lengths and descriptions of events come along; the name tells the run, not the file.

    Raises
    ------
    InputError
        If the run holds no EEG.
    """
    held = read_own(where, start.run)
    if held.eeg is None:
        raise InputError(f"{where}: the run holds volumes; only EEG is exported")
    seen = _seen(where, start.run)
    markers = tuple(
        EegMarker(
            e.t_s,
            e.label,
            seen.streams.get((round(e.t_s + seen.begin_s, 6), e.label), ""),
            e.duration_s,
            e.detail,
        )
        for e in held.events
    )
    name = f"phosphene-{start.run}"
    return replace(held.eeg, name=name, markers=markers, t0_s=seen.first_s), seen


@dataclass
class Seen:
    """What a recording tells beside samples and events.

    Attributes
    ----------
    first_s : float
        LSL time of the first sample in seconds.
    begin_s : float
        Data time of the first sample in seconds.
    source_id : str
        LSL source id of the EEG.
    streams : dict
        Source id of each marker, by its data time (to a microsecond) and label.
    flags : dict
        Of each channel, how it was judged in every epoch or window.
    """

    first_s: float = 0.0
    begin_s: float = math.inf
    source_id: str = ""
    streams: dict[tuple[float, str], str] = field(default_factory=dict)
    flags: dict[str, list[int]] = field(default_factory=dict)


def _seen(where: Path, run: str) -> Seen:
    seen = Seen()
    for message in read_run(where, run):
        header = message.header
        if isinstance(header, Samples):
            if not seen.source_id:
                count = len(message.arrays["samples"])
                seen.first_s = float(header.t_acquired - (count - 1) / header.fs_hz)
                seen.source_id = header.stream
            seen.begin_s = min(seen.begin_s, header.first_index / header.fs_hz)
        elif isinstance(header, Event):
            seen.streams[round(header.t_data, 6), header.label] = header.stream
        elif isinstance(header, Quality):
            for name, value in header.values.items():
                if name.startswith("flags_"):
                    seen.flags.setdefault(name.removeprefix("flags_"), []).append(int(value))
    return seen
