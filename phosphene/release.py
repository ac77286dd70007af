"""Held for export: what a run has left leaves the laboratory after a release and a delay.

The consent says whether it may leave at all. A release is somebody's deliberate act for one run, it
can be taken back, and nothing leaves in the first half minute after it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from phosphene.errors import ConfigError, ConsentError, SealError, problem
from phosphene.seal.places import note

__all__ = [
    "DELAY_S",
    "MOST_NAME",
    "RELEASE_FILE",
    "Release",
    "command_for",
    "release",
    "require_release",
    "wait_s",
    "why_held",
    "withdraw",
]

KIND = "phosphene release 1"
RELEASE_FILE = "released.json"
DELAY_S = 30.0
"""Seconds between a release and the first export."""
MOST_NAME = 32
Note = Callable[..., str]


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That somebody lets a run go.

    Attributes
    ----------
    kind : str
        Name and version of the format.
    run : str
        Identifier of the run.
    by : str
        Who, in initials or a role.
    at : datetime
        When, with zone.
    """

    kind: str
    run: str
    by: str
    at: datetime


def _file(where: Path) -> Path:
    return (where if where.is_dir() else where.parent) / RELEASE_FILE


def release(where: Path, run: str, by: str, now: datetime, write: Note = note) -> Release:
    """Let a run go.

    Parameters
    ----------
    where : Path
        Recording, or the folder of the run.
    run : str
        Identifier of the run.
    by : str
        Initials or role of who decides.
    now : datetime
        Present time, with zone.
    write : Callable
        Writes the audit log; returns what is wrong.

    Raises
    ------
    ConfigError
        If nobody is named.
    SealError
        If neither log nor file can be written; then it stays held.
    """
    if not 0 < len(by.strip()) <= MOST_NAME:
        allowed = f"1 to {MOST_NAME} characters"
        raise ConfigError(problem("--by", by, allowed, "Give initials or a role."))
    made = Release(KIND, run, by.strip(), now)
    if why := write("released for export", None, run=run, by=made.by):
        raise SealError(f"nothing is released: {why}")
    path = _file(where)
    draft = path.with_name(f"{path.name}.new")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(made))
        draft.replace(path)
    except OSError as error:
        raise SealError(f"{path}: cannot be written: {error.strerror}") from error
    return made


def withdraw(where: Path, run: str, write: Note = note) -> None:
    """Hold a run again; what has left already is not reached.

    Raises
    ------
    SealError
        If the release cannot be removed, or the log not be written.
    """
    try:
        _file(where).unlink(missing_ok=True)
    except OSError as error:
        raise SealError(f"{_file(where)}: cannot be removed: {error.strerror}") from error
    if why := write("held for export", None, run=run):
        raise SealError(f"it is held again, but the audit log does not know it: {why}")


def command_for(where: Path, run: str = "") -> str:
    """Return the command that releases the newest run of a folder, or a certain one."""
    which = f" --run {run}" if run else ""
    return f"phosphene release {shlex.quote(str(where))}{which} --by INITIALS"


def wait_s(where: Path, run: str | None, now: datetime) -> float | None:
    """Return how many seconds of the delay are left; None where nobody has released the run.

    Parameters
    ----------
    where : Path
        Recording, or the folder of the run.
    run : str or None
        Identifier of the run; None takes whichever was released there.
    now : datetime
        Present time, with zone.
    """
    found = _released(where, run)
    if isinstance(found, str) or now < found.at:
        return None
    return max(0.0, DELAY_S - (now - found.at).total_seconds())


def why_held(where: Path, run: str | None, now: datetime) -> str:
    """Return in words why a run may not leave yet; empty where it may; see `wait_s`."""
    found = _released(where, run)
    if isinstance(found, str):
        return found
    left_s = wait_s(where, run, now)
    if left_s is None:
        return "it was released in the future: set the clock, or release it again"
    if left_s > 0:
        at = (found.at + timedelta(seconds=DELAY_S)).astimezone(UTC)
        return f"it is held until {at:%H:%M:%S} UTC"
    return ""


def _released(where: Path, run: str | None) -> Release | str:
    """Return the release of a run, or why there is none."""
    try:
        found = msgspec.json.decode(_file(where).read_bytes(), type=Release)
    except FileNotFoundError:
        return f"it is held until somebody releases it: {command_for(where)}"
    except (OSError, msgspec.DecodeError, ValueError):
        return "its release cannot be read: release it again"
    if found.kind != KIND or (run is not None and found.run != run) or found.at.tzinfo is None:
        return f"what was released is another run: {command_for(where, run or '')}"
    return found


def require_release(where: Path, run: str, now: datetime) -> None:
    """Let nothing leave that is held.

    Raises
    ------
    ConsentError
        With the reason.
    """
    if why := why_held(where, run, now):
        raise ConsentError(f"nothing is exported: {why}")
