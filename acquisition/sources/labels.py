"""What was shown during a recorded fMRI run: BIDS event files and PyMVPA attribute files.

A PyMVPA attribute file has one line for each volume, ``label run``; a BIDS event file one line for
each event, ``onset duration trial_type`` in seconds.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from msgspec import structs

from phosphene.dataset import TimedEvent
from phosphene.errors import InputError, problem

__all__ = ["REST", "blocks_of", "events_beside", "read_attributes", "read_events", "renamed"]

REST = "rest"
_ALIASES = {
    "faces": "face",
    "houses": "house",
    "cats": "cat",
    "bottles": "bottle",
    "scissor": "scissors",
    "shoes": "shoe",
    "chairs": "chair",
    "scrambledpix": "scrambled",
}
"""Names that public data sets use for categories of the procedural world."""
_ATTRIBUTES = ("attributes_literal.txt", "attributes.txt")


def read_attributes(folder: Path) -> list[tuple[str, str]] | None:
    """Read label and run of every volume, runs renamed to "1", "2", ... in order.

    Parameters
    ----------
    folder : Path
        Folder that may hold ``attributes_literal.txt`` (preferred) or ``attributes.txt``.

    Returns
    -------
    list of (str, str) or None
        None when there is no such file.

    Raises
    ------
    InputError
        If a line is not ``label run``.
    """
    path = next((folder / name for name in _ATTRIBUTES if (folder / name).is_file()), None)
    if path is None:
        return None
    rows = []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2:
            found = f"{len(words)} words"
            raise InputError(
                problem(f"{path.name} line {number}", found, "'label run'", "Correct the file.")
            )
        rows.append((words[0], words[1]))
    # Runs are counted from 1 here whatever the file counts from.
    order = {run: str(k) for k, run in enumerate(dict.fromkeys(run for _, run in rows), start=1)}
    return [(label, order[run]) for label, run in rows]


def blocks_of(labels: Sequence[str], tr_s: float, run: str) -> tuple[TimedEvent, ...]:
    """Turn a label per volume into one event per block of equal labels.

    Parameters
    ----------
    labels : sequence of str
        One for each volume of the run.
    tr_s : float
        Repetition time in seconds.
    run : str
        Name of the run.

    Returns
    -------
    tuple of TimedEvent
        Without rest (label "rest", "0" or "base").
    """
    events, first = [], 0
    for label, members in groupby(labels):
        count = len(list(members))
        if not _is_rest(label):
            onset_s, duration_s = first * tr_s, count * tr_s
            events.append(TimedEvent(run=run, t_s=onset_s, duration_s=duration_s, label=label))
        first += count
    return tuple(events)


def _is_rest(label: str) -> bool:
    return label.lower() in (REST, "0", "base", "n/a")


def renamed(events: Sequence[TimedEvent], labels: Mapping[str, str]) -> tuple[TimedEvent, ...]:
    """Return the events with the labels that `labels` gives, in order of time."""
    names = {**_ALIASES, **labels}
    changed = [structs.replace(e, label=names.get(e.label, e.label)) for e in events]
    return tuple(sorted(changed, key=lambda e: e.t_s))


def events_beside(image: Path) -> Path | None:
    """Return the BIDS event file that belongs to an image, if there is one.

    ``x_bold.nii.gz`` goes with ``x_events.tsv``; suffixes after an underscore are dropped one by
    one until a file is found.
    """
    parts = image.name.split(".")[0].split("_")
    for count in range(len(parts), 0, -1):
        candidate = image.with_name("_".join([*parts[:count], "events.tsv"]))
        if candidate.is_file():
            return candidate
    alone = image.with_name("events.tsv")
    return alone if alone.is_file() else None


def read_events(path: Path, run: str) -> tuple[TimedEvent, ...]:
    """Read a BIDS event file.

    Parameters
    ----------
    path : Path
        Tab-separated, with the columns ``onset`` and ``duration`` in seconds and, where there is
        one, ``trial_type``; ``stim_file`` names what was shown, and a column ``detail`` may hold
        it as JSON.
    run : str
        Name of the run.

    Returns
    -------
    tuple of TimedEvent
        In order of time, without rest.

    Raises
    ------
    InputError
        If a column is missing or a number is not one; names file and line.
    """
    if not path.is_file():
        raise InputError(
            problem("events", str(path), "an existing events.tsv", "Correct the path.")
        )
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        missing = {"onset", "duration"} - set(reader.fieldnames or ())
        if missing:
            raise InputError(
                problem(path.name, f"no column {sorted(missing)}", "onset, duration, trial_type",
                        "Write the events as BIDS says.")
            )  # fmt: skip
        events = [_event(row, run, path, line) for line, row in enumerate(reader, start=2)]
    return renamed([e for e in events if not _is_rest(e.label)], {})


def _event(row: Mapping[str, str | None], run: str, path: Path, line: int) -> TimedEvent:
    try:
        onset_s = float(row["onset"] or "")
        # BIDS writes n/a for a duration that is not known
        duration = row["duration"] or "n/a"
        duration_s = 0.0 if duration == "n/a" else float(duration)
    except ValueError as error:
        raise InputError(
            problem(f"{path.name} line {line}", "no number", "numbers in seconds", "Correct it.")
        ) from error
    shown = row.get("stim_file") or ""
    return TimedEvent(
        run=run,
        t_s=onset_s,
        duration_s=duration_s,
        label=row.get("trial_type") or "event",
        detail=row.get("detail") or "",
        stimulus="" if shown == "n/a" else shown,
    )
