"""What the audit log says of a run, and whether the log itself is whole. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from gui.summary.events import event_in_words, facts_in_words
from gui.texts import told, tr
from phosphene.errors import SealError
from phosphene.seal.audit import CHECKPOINT, Entry, Head, troubles_in
from phosphene.seal.places import LOG, PUBLIC, machine_public, state_folder

__all__ = ["Diary", "Line", "diary_of"]

_OPEN_END = "not signed by a checkpoint"


@dataclass(frozen=True)
class Line:
    """One event of the run.

    Attributes
    ----------
    at : str
        Time of day, as in the log.
    what : str
        What happened.
    facts : str
        About it.
    """

    at: str
    what: str
    facts: str


@dataclass(frozen=True)
class Diary:
    """All events of a run.

    Attributes
    ----------
    lines : tuple of Line
        In order.
    verdict : str
        Whether the log is in order and signed, in words.
    whole : bool
        False where something is wrong with the log.
    head : str
        Where the log ends now, as ``phosphene audit verify --head`` takes it; empty without a line
        that can be read.
    """

    lines: tuple[Line, ...]
    verdict: str
    whole: bool
    head: str = ""


def diary_of(run: str, state: Path | None = None) -> Diary:
    """Read what happened in a run.

    Parameters
    ----------
    run : str
        Its identifier.
    state : Path or None
        State folder with the log; None takes this user's.
    """
    folder = state or state_folder()
    try:
        raw = (folder / LOG).read_bytes().splitlines(keepends=True)
    except OSError:
        return Diary((), tr("There is no audit log on this machine."), whole=False)
    lines, head = [], ""
    for line in raw:
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # the verdict tells of it
        head = str(Head.of(entry.n, line))
        if entry.what != CHECKPOINT and entry.facts.get("run") == run:
            facts = facts_in_words(entry.facts)
            lines.append(Line(_time_of(entry.at), event_in_words(entry.what), facts))
    return Diary(tuple(lines), *_verdict(raw, folder), head)


def _time_of(at: str) -> str:
    """Return the time of day where this machine is."""
    try:
        return f"{datetime.fromisoformat(at).astimezone():%H:%M:%S}"
    except ValueError:
        return at


def _verdict(raw: list[bytes], folder: Path) -> tuple[str, bool]:
    try:
        troubles = troubles_in(raw, machine_public(folder / PUBLIC))
    except SealError as error:
        return told(str(error)), False
    # A run that goes on, here or in another window, has lines that wait for their checkpoint.
    serious = [trouble for trouble in troubles if _OPEN_END not in trouble]
    if serious:
        return tr("The audit log is NOT in order: {why}", why=told(serious[0])), False
    return tr("The audit log is in order and signed: {n} lines.", n=len(raw)), True
