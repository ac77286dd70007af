"""What of a session is recorded at this start: its file says where, whoever starts it says what."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from phosphene.errors import ConfigError, problem
from phosphene.session import Session

__all__ = ["KINDS", "Kind", "read_kinds", "recording_only"]

Kind = Literal["brain", "pictures"]
KINDS: tuple[Kind, ...] = ("brain", "pictures")
_NOTHING = "nothing"


def read_kinds(text: str) -> frozenset[Kind]:
    """Read ``brain,pictures``, one of them, or ``nothing``.

    Raises
    ------
    ConfigError
        If it is something else.
    """
    named = frozenset(text.split(","))
    found = frozenset(kind for kind in KINDS if kind in named)
    if text != _NOTHING and (named - found or not named):
        allowed = f"{','.join(KINDS)}, one of them, or {_NOTHING}"
        raise ConfigError(problem("--record", text, allowed, "Name what is to be recorded."))
    return found


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
