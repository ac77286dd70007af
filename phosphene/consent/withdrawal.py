"""Withdrawal: a consent is taken back, before, during or after a run.

Anybody may withdraw, without a key: a wrong withdrawal costs a session, a hindered one a right. It
is kept under the consent's identity in this machine's state folder, so that no copy of the file can
be used here any more, and in the audit log. In a running session a file in the run folder tells the
gate and the recorder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phosphene.consent.files import consent_beside, read_consent
from phosphene.consent.record import Consent
from phosphene.errors import ConsentError
from phosphene.seal.places import note, state_folder

__all__ = [
    "WITHDRAWN",
    "WITHDRAWN_FILE",
    "Withdrawal",
    "refuse_withdrawn",
    "why_withdrawn",
    "withdraw",
    "withdraw_running",
    "withdrawal_by_id",
    "withdrawal_of",
    "withdrawn_in",
]

WITHDRAWN_FILE = "withdrawn"
WITHDRAWN = "the consent was withdrawn"
"""What every word of a withdrawal begins with, in grants that are recorded, too."""


class Withdrawal(BaseModel):
    """That a consent was withdrawn.

    Parameters
    ----------
    consent : str
        Identity of the consent.
    by : str
        Who said so: ``participant``, or a role.
    at : datetime
        When.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    consent: str = Field(pattern=r"^[0-9a-f]{32}$")
    by: str = Field(min_length=1, max_length=100)
    at: datetime

    @property
    def words(self) -> str:
        """The withdrawal in a sentence's half."""
        return f"{WITHDRAWN} on {self.at:%Y-%m-%d %H:%M} ({self.by})"


def withdraw(consent: Consent, by: str, at: datetime, state: Path | None = None) -> Withdrawal:
    """Make a consent useless on this machine; a second time changes nothing.

    Parameters
    ----------
    consent : Consent
        Which.
    by : str
        Who said so.
    at : datetime
        Present date and time, with zone.
    state : Path or None
        State folder; None takes this user's.

    Raises
    ------
    ConsentError
        If it cannot be written down.
    """
    known = withdrawal_of(consent, state)
    if known is not None:
        return known
    made = Withdrawal(consent=consent.id, by=by, at=at)
    folder = state or state_folder()
    try:
        path = _place(consent.id, folder)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(path, made.model_dump_json())
    except OSError as error:
        raise ConsentError(f"the withdrawal cannot be kept: {error}") from error
    note("consent withdrawn", folder, consent=consent.id, person=consent.person, by=by)
    return made


def withdrawal_of(consent: Consent, state: Path | None = None) -> Withdrawal | None:
    """Return a consent's withdrawal; None where it still holds.

    A note that cannot be read counts as a withdrawal: whoever damages it gains nothing.
    """
    return withdrawal_by_id(consent.id, state)


def withdrawal_by_id(identity: str, state: Path | None = None) -> Withdrawal | None:
    """Return the withdrawal of a consent that only its identity is known of, as a recording has it.

    Parameters
    ----------
    identity : str
        32 hexadecimal digits, see `phosphene.consent.Consent.id`.
    state : Path or None
        State folder; None takes this user's.
    """
    path = _place(identity, state or state_folder())
    try:
        return Withdrawal.model_validate_json(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, UnicodeDecodeError):
        at = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        return Withdrawal(consent=identity, by="the note of it is damaged", at=at)


def refuse_withdrawn(facts: Mapping[str, str], state: Path | None = None) -> None:
    """Refuse a recording whose own consent was withdrawn, whichever is brought along now.

    Parameters
    ----------
    facts : mapping of str to str
        Of its start document.
    state : Path or None
        State folder; None takes this user's.

    Raises
    ------
    ConsentError
        With the withdrawal.
    """
    identity = facts.get("consent_id", "")
    known = withdrawal_by_id(identity, state) if identity else None
    if known is not None:
        raise ConsentError(f"the recording: {known.words}; nothing may be done with it")


def why_withdrawn(facts: Mapping[str, str], where: Path, state: Path | None = None) -> str:
    """Say that a recording's own consent, or one that lies beside it, was withdrawn; else empty.

    Parameters
    ----------
    facts : mapping of str to str
        Of its start document.
    where : Path
        Recording or its folder.
    state : Path or None
        State folder; None takes this user's.

    Raises
    ------
    ConsentError
        If the file beside it cannot be read.
    """
    identity = facts.get("consent_id", "")
    known = withdrawal_by_id(identity, state) if identity else None
    beside = consent_beside(where)
    if known is None and beside is not None:
        known = withdrawal_of(read_consent(beside), state)
    return "" if known is None else known.words


def withdraw_running(folder: Path, by: str) -> None:
    """Tell a running session that its consent was withdrawn.

    Parameters
    ----------
    folder : Path
        The run's folder of sockets.
    by : str
        Who said so.

    Raises
    ------
    ConsentError
        If there is no such run.
    """
    if not (folder / "plan.json").is_file():
        raise ConsentError(f"run {folder}: there is no running session")
    try:
        _write(folder / WITHDRAWN_FILE, f"{WITHDRAWN} ({by})")
    except OSError as error:
        raise ConsentError(f"run {folder}: {error.strerror}") from error


def withdrawn_in(folder: Path) -> str | None:
    """Return in words that the consent of a running session was withdrawn; None where it holds."""
    path, words = folder / WITHDRAWN_FILE, WITHDRAWN
    try:
        # An empty file says it too, if not by whom.
        return (path.read_text("utf-8") or words) if path.exists() else None
    except (OSError, UnicodeDecodeError):
        return words


def _place(identity: str, folder: Path) -> Path:
    return folder / "withdrawn" / f"{identity}.json"


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(path)
