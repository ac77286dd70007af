"""What differs from the last run of a study file. No Qt.

The settings that a run was begun with are kept in the user's state folder, under a hash of the
file's place: of each study file the last ones only, and nothing that was measured. Files and
folders may be named after people: of a path only a salted hash is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from phosphene.session import Session

__all__ = ["HIDDEN", "Difference", "LastRun", "differences", "last_run", "remember"]

HIDDEN = "path "
"""What a kept path begins with: the rest is its hash."""
_MISSING = object()


@dataclass(frozen=True)
class LastRun:
    """Settings of an earlier run, when it was begun, and the salt of its paths."""

    at: datetime
    salt: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One setting that is not as it was; None stands for "not set"."""

    name: str
    before: Any
    now: Any


def remember(study: Path, session: Session, at: datetime, state: Path) -> None:
    """Keep what a run is begun with.

    Parameters
    ----------
    study : Path
        The session file.
    session : Session
        Its settings.
    at : datetime
        Present date and time, with zone.
    state : Path
        This user's state folder.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    place = _place(study, state)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    salt = secrets.token_hex(16)
    held = {"at": at.isoformat(), "salt": salt, "settings": _kept(_plain(session), salt)}
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(held), encoding="utf-8")
    draft.replace(place)


def last_run(study: Path, state: Path) -> LastRun | None:
    """Return what the last run of a study file was begun with; None where nothing tells."""
    try:
        held = json.loads(_place(study, state).read_text(encoding="utf-8"))
        at = datetime.fromisoformat(held["at"])
        return LastRun(at, str(held["salt"]), dict(held["settings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def differences(before: LastRun, now: Session) -> tuple[Difference, ...]:
    """Compare with what is set now; a path of before is known by its hash alone."""
    plain = _plain(now)
    found = _differences(before.settings, _kept(plain, before.salt), "")
    return tuple(Difference(one.name, one.before, _held(plain, one.name)) for one in found)


def _plain(session: Session) -> dict[str, Any]:
    return session.model_dump(exclude_unset=True)


def _held(values: Mapping[str, Any], name: str) -> Any:
    at: Any = values
    for part in name.split("."):
        at = at.get(part) if isinstance(at, Mapping) else None
    return at


def _kept(value: Any, salt: str) -> Any:
    """Return a value as it is kept: as JSON has it, paths as hashes."""
    if isinstance(value, Path):
        return HIDDEN + hashlib.sha256(f"{salt}{value}".encode()).hexdigest()[:16]
    if isinstance(value, Mapping):
        return {name: _kept(held, salt) for name, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_kept(held, salt) for held in value]
    return value


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], path: str
) -> Iterator[Difference]:
    for name in [*before, *(name for name in now if name not in before)]:
        old, new = before.get(name, _MISSING), now.get(name, _MISSING)
        if old == new:
            continue
        inner = [held for held in (old, new) if isinstance(held, Mapping)]
        if inner and all(held is _MISSING or isinstance(held, Mapping) for held in (old, new)):
            tables = [held if isinstance(held, Mapping) else {} for held in (old, new)]
            yield from _differences(tables[0], tables[1], f"{path}{name}.")
        else:
            plain = [None if held is _MISSING else held for held in (old, new)]
            yield Difference(f"{path}{name}", *plain)


def _place(study: Path, state: Path) -> Path:
    name = hashlib.sha256(str(study.resolve()).encode()).hexdigest()[:16]
    return state / "studies" / f"{name}.json"
