"""Recordings whose time is over and that are still there: what was promised must be kept."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path

from phosphene.seal.purge import candidates

__all__ = ["overdue_words"]


def overdue_words(where: Path | None, now: datetime) -> str:
    """Say how many recordings of a folder should have been erased; "" where there are none.

    Parameters
    ----------
    where : Path or None
        Folder of recordings.
    now : datetime
        Present time, with its zone.
    """
    if where is None or not where.is_dir():
        return ""
    due = sum(found.due(now) for found in candidates(where))
    if not due:
        return ""
    return (
        f"{due} recording(s) in {where} are kept longer than was promised; erase them: "
        f"phosphene purge {shlex.quote(str(where))}"
    )
