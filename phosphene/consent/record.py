"""What a consent says.

A consent file is TOML or JSON::

    person = "p01"
    visit = "v01"
    scopes = ["view_self", "view_operator", "record_brain"]
    expires = "2027-01-31"

Default is deny: no file, no scope, expired or another person's file means nothing is decoded and no
frame passes.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["LANGUAGES", "Consent", "Scope", "Signature", "why_not"]

LANGUAGES = ("en", "ja")
_DOMAIN = b"phosphene consent 1\0"
Pseudonym = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class Scope(StrEnum):
    """What a person can allow."""

    VIEW_SELF = "view_self"
    VIEW_OPERATOR = "view_operator"
    VIEW_OBSERVER = "view_observer"
    RECORD_BRAIN = "record_brain"
    RECORD_IMAGES = "record_images"
    EXPORT = "export"
    STREAM_RESULTS = "stream_results"


class Signature(BaseModel):
    """Who signed a consent, and the signature itself.

    Parameters
    ----------
    role : str
        ``participant``, or ``steward``: somebody who keeps the paper that the participant signed.
    signer : str
        Public key (Ed25519), 64 hexadecimal digits.
    at : datetime
        When it was signed.
    value : str
        The signature, 128 hexadecimal digits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["participant", "steward"]
    signer: str = Field(pattern=r"^[0-9a-f]{64}$")
    at: datetime
    value: str = Field(pattern=r"^[0-9a-f]{128}$")


class Consent(BaseModel):
    """What one person allows.

    Parameters
    ----------
    person : str
        Pseudonym of the person.
    visit : str or None
        The session that it holds for; None does not say. A signed one must say it.
    study : str
        Identifier of the study.
    scopes : frozenset of Scope
        What is allowed.
    expires : datetime
        End of validity; a date alone means the end of that day, UTC.
    sealed : bool
        Brain data and pictures may be recorded only sealed.
    retention_days : int or None
        Longest time that a recording may be kept, in days.
    language : str
        In which the person read it: ``en`` or ``ja``.
    contact : str
        Whom the person can ask, and where.
    signature : Signature or None
        None is an unsigned consent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: Pseudonym
    visit: Pseudonym | None = None
    study: str = Field(default="", max_length=200)
    scopes: frozenset[Scope]
    expires: datetime
    sealed: bool = False
    retention_days: int | None = Field(default=None, ge=1, le=36_500)
    language: Literal["en", "ja"] = "en"
    contact: str = Field(default="", max_length=500)
    signature: Signature | None = None

    @property
    def told(self) -> bytes:
        """All that the consent says, without its signature, in one fixed form."""
        said = self.model_dump(mode="json", exclude={"signature"})
        said["scopes"] = sorted(said["scopes"])
        said["expires"] = self.expires.astimezone(UTC).isoformat()
        return _DOMAIN + json.dumps(said, sort_keys=True, ensure_ascii=True).encode()

    @property
    def id(self) -> str:
        """32 hexadecimal digits that name what the consent says, whoever signed it."""
        return hashlib.sha256(self.told).hexdigest()[:32]

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
