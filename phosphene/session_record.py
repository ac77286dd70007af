"""What of a session is recorded at this start: its file says where, whoever starts it says what."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from phosphene.errors import ConfigError, problem
from phosphene.session import Session

__all__ = ["KINDS", "NOTHING", "Kind", "as_started", "read_kinds", "recording_only"]

Kind = Literal["brain", "pictures"]
KINDS: tuple[Kind, ...] = ("brain", "pictures")
NOTHING = "nothing"


def read_kinds(text: str) -> frozenset[Kind]:
    """Read ``brain,pictures``, one of them, or ``nothing``.

    Raises
    ------
    ConfigError
        If it is something else.
    """
    named = frozenset(text.split(","))
    found = frozenset(kind for kind in KINDS if kind in named)
    if text != NOTHING and (named - found or not named):
        allowed = f"{','.join(KINDS)}, one of them, or {NOTHING}"
        raise ConfigError(problem("--record", text, allowed, "Name what is to be recorded."))
    return found


def as_started(
    session: Session, out: Path | None, seal: Sequence[Path], record: str | None
) -> Session:
    """Return a session as ``phosphene live`` starts it with these options.

    Parameters
    ----------
    session : Session
        As its file says.
    out : Path or None
        Folder of the recording; None leaves that of the file.
    seal : sequence of Path
        Public keys to seal it to; none leaves those of the file.
    record : str or None
        As `read_kinds` reads it; None leaves all that the file records.

    Raises
    ------
    ConfigError
        If `record` is none of what it can be.
    """
    changes: dict[str, object] = {} if out is None else {"out": out.resolve()}
    if seal:
        changes["seal"] = tuple(path.resolve() for path in seal)
    recorder = session.recorder.model_copy(update=changes)
    started = session.model_copy(update={"recorder": recorder})
    return started if record is None else recording_only(started, read_kinds(record))


def recording_only(session: Session, kinds: Collection[Kind]) -> Session:
    """Return a session that records these kinds at the most, into the folder that it names.

    Parameters
    ----------
    session : Session
        Where it names no folder, nothing is recorded whatever is wanted; what it excludes stays
        excluded.
    kinds : collection of str
        ``brain``, ``pictures``; with none, not even what is of nobody is written.
    """
    recorder = session.recorder
    if recorder.out is None:
        return session
    changes: dict[str, object] = {
        "brain": recorder.brain and "brain" in kinds,
        "images": recorder.images and "pictures" in kinds,
    }
    if not any(changes.values()):
        changes["out"] = None
    return session.model_copy(update={"recorder": recorder.model_copy(update=changes)})
