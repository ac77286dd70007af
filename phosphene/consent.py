"""Consent: what one person allows, until when.

A consent file is TOML or JSON::

    person = "p01"
    scopes = ["view_self", "view_operator", "record_brain"]
    expires = "2027-01-31"

Default is deny: no file, no scope, expired or another person's file means nothing is decoded and no
frame passes.
"""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from phosphene.errors import ConsentError

__all__ = ["Consent", "Scope", "consent_beside", "load_consent", "why_not"]

NAMES_BESIDE = ("consent.toml", "consent.json")


class Scope(StrEnum):
    """What a person can allow."""

    VIEW_SELF = "view_self"
    VIEW_OPERATOR = "view_operator"
    VIEW_OBSERVER = "view_observer"
    RECORD_BRAIN = "record_brain"
    RECORD_IMAGES = "record_images"
    EXPORT = "export"
    STREAM_RESULTS = "stream_results"


class Consent(BaseModel):
    """What one person allows.

    Parameters
    ----------
    person : str
        Pseudonym of the person.
    scopes : frozenset of Scope
        What is allowed.
    expires : datetime
        End of validity; a date alone means the end of that day, UTC.
    sealed : bool
        Brain data and pictures may be recorded only sealed.
    retention_days : int or None
        Longest time that a recording may be kept, in days.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")
    scopes: frozenset[Scope]
    expires: datetime
    sealed: bool = False
    retention_days: int | None = Field(default=None, ge=1, le=36_500)

    @field_validator("expires", mode="before")
    @classmethod
    def _end_of_day(cls, value: Any) -> Any:
        if isinstance(value, str) and len(value) == len("2027-01-31"):
            value = date.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime.combine(value, time(23, 59, 59), UTC)
        return value

    @field_validator("expires")
    @classmethod
    def _has_zone(cls, value: datetime) -> datetime:
        return value if value.tzinfo else value.replace(tzinfo=UTC)

    @classmethod
    def for_synthetic(cls, person: str, now: datetime) -> Consent:
        """Return the consent that a synthetic participant carries: everything, for a day."""
        return cls(person=person, scopes=frozenset(Scope), expires=now + timedelta(days=1))


def why_not(consent: Consent | None, scope: Scope, person: str, now: datetime) -> str | None:
    """Tell why a scope is denied.

    Parameters
    ----------
    consent : Consent or None
        The consent at hand.
    scope : Scope
        What is asked for.
    person : str
        Pseudonym of the person whose data it is.
    now : datetime
        Present time, with time zone.

    Returns
    -------
    str or None
        None when allowed, otherwise the reason in words.
    """
    if consent is None:
        return "no consent file was given"
    if consent.person != person:
        return f"the consent is for {consent.person!r}, the session is of {person!r}"
    if now >= consent.expires:
        return f"the consent expired on {consent.expires:%Y-%m-%d}"
    if scope not in consent.scopes:
        return f"the consent does not include {scope.value}"
    return None


def load_consent(path: Path) -> Consent:
    """Read and validate a consent file.

    Raises
    ------
    ConsentError
        If the file is missing, unreadable or invalid; names the file and every problem.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return Consent.model_validate(raw)
    except OSError as error:
        raise ConsentError(f"consent file {path}: {error.strerror}") from error
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConsentError(f"consent file {path}: not readable: {error}") from error
    except ValidationError as error:
        lines = [f"  - {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ConsentError("\n".join([f"consent file {path}:", *lines])) from error


def consent_beside(recording: Path) -> Path | None:
    """Return the consent file that lies in or beside a recording, if there is one."""
    folder = recording if recording.is_dir() else recording.parent
    candidates = [folder / name for name in NAMES_BESIDE]
    candidates += [recording.with_suffix(s) for s in (".consent.toml", ".consent.json")]
    return next((p for p in candidates if p.is_file()), None)
