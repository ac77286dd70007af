"""No report is made of a person who has withdrawn."""

from __future__ import annotations

import shlex
from pathlib import Path

from phosphene.consent import withdrawal
from phosphene.consent.withdrawal import WITHDRAWN
from phosphene.errors import ConsentError
from phosphene.report.load import RunData

__all__ = ["refuse_withdrawn_run", "why_withdrawn"]


def why_withdrawn(data: RunData, where: Path, state: Path | None = None) -> str:
    """Say that the consent of a run was withdrawn; empty where it holds.

    Known from this machine's state, by the identity of the consent in the recording and of one
    that lies beside it, and from the recording itself where it was withdrawn during the run.

    Parameters
    ----------
    data : RunData
        The run.
    where : Path
        Its recording or folder.
    state : Path or None
        State folder; None takes this user's.

    Raises
    ------
    ConsentError
        If the consent file beside the recording cannot be read.
    """
    if known := withdrawal.why_withdrawn(data.facts, where, state):
        return known
    during = data.grant is not None and WITHDRAWN in data.grant.reason
    return f"{WITHDRAWN} during the run" if during else ""


def refuse_withdrawn_run(data: RunData, where: Path, state: Path | None = None) -> None:
    """Refuse a run whose consent was withdrawn; see `why_withdrawn`.

    Raises
    ------
    ConsentError
        With the withdrawal, and what can be done.
    """
    if why := why_withdrawn(data, where, state):
        folder = where if where.is_dir() else where.parent
        raise ConsentError(
            f"no report is made of {where}: {why}; nothing may be done with what was recorded "
            f"but erase it: phosphene purge {shlex.quote(str(folder))} --now"
        )
