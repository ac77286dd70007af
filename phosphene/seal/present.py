"""Whether the wall clock can be believed before something is erased by it.

A clock that jumps forward makes everything due. Nothing on the machine tells the time for certain,
but the audit log and the files themselves tell what time it was not long ago.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from phosphene.seal.audit import newest_time

__all__ = ["MOST_APART", "clock_trouble", "times_of"]

MOST_APART = timedelta(days=1, hours=1)
"""A day, and an hour more: a daily timer finds the line of the day before, also in late ones."""


def times_of(log: Path, files: Iterable[Path]) -> dict[str, datetime]:
    """Gather what time it was, in words and as far as anything tells.

    Parameters
    ----------
    log : Path
        Audit log.
    files : iterable of Path
        Recordings; the newest counts.

    Raises
    ------
    OSError
        If one of them cannot be looked at.
    """
    changed = [datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in files]
    told = {"the newest recording": max(changed)} if changed else {}
    line = newest_time(log) if log.is_file() else None
    return told if line is None else {**told, "the newest line of the audit log": line}


def clock_trouble(now: datetime, told: dict[str, datetime]) -> str:
    """Say why the clock cannot be believed; "" where the newest of what is told agrees with it.

    Parameters
    ----------
    now : datetime
        What the clock says.
    told : dict of str to datetime
        As `times_of` gathers.
    """
    if not told:
        return "nothing tells whether the clock is right"
    name = max(told, key=lambda n: told[n])
    apart = now - told[name]
    if abs(apart) <= MOST_APART:
        return ""
    side = "after" if apart > timedelta() else "before"
    return (
        f"the clock says {now:%Y-%m-%d %H:%M} UTC, {abs(apart).total_seconds() / 86400:.1f} days "
        f"{side} {name}"
    )
