"""Confirmation at the start: the person has been told, in words, and has said yes again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from phosphene.consent.record import Consent
from phosphene.consent.words import WORDS_VERSION, Circumstances, summary
from phosphene.errors import ConsentError

__all__ = ["LASTS", "Confirmation", "confirm", "confirm_here", "why_unconfirmed"]

LASTS = timedelta(hours=1)
"""An older confirmation was not given at the start of this session."""


class Confirmation(BaseModel):
    """Who confirmed which words when.

    Parameters
    ----------
    by : str
        Who heard the person say yes, or the person: a pseudonym, initials or a role.
    at : datetime
        When.
    consent : str
        Identity of the consent.
    language : str
        Of the words.
    version : int
        Version of the words.
    words_sha256 : str
        Hash of the words that were shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str = Field(min_length=1, max_length=100)
    at: datetime
    consent: str
    language: str
    version: int
    words_sha256: str


def confirm(
    consent: Consent,
    circumstances: Circumstances,
    by: str,
    at: datetime,
    language: str | None = None,
) -> Confirmation:
    """Return the record that the words of a consent were confirmed.

    Parameters
    ----------
    consent : Consent
        Which.
    circumstances : Circumstances
        Of the session that is to begin; they are part of the words.
    by : str
        Who confirmed.
    at : datetime
        Present date and time, with zone.
    language : str or None
        Of the words; None takes the consent's.

    Raises
    ------
    ConsentError
        If nobody is named.
    """
    if not by.strip():
        raise ConsentError("who confirmed the consent is not said")
    words = summary(consent, circumstances, language)
    return Confirmation(
        by=by.strip(),
        at=at,
        consent=consent.id,
        language=words.language,
        version=WORDS_VERSION,
        words_sha256=words.sha256,
    )


def why_unconfirmed(
    consent: Consent | None,
    circumstances: Circumstances,
    confirmation: Confirmation | None,
    now: datetime,
) -> str | None:
    """Tell why a session may not start yet.

    Returns
    -------
    str or None
        None where these very words were confirmed within `LASTS`, or there is no consent, and so
        nothing that could be confirmed: nothing is decoded then.
    """
    if consent is None:
        return None
    if confirmation is None:
        return "the consent was not confirmed at the start of this session"
    if confirmation.consent != consent.id:
        return "another consent was confirmed"
    if confirmation.version != WORDS_VERSION:
        return "the words of the consent are others by now"
    if confirmation.words_sha256 != summary(consent, circumstances, confirmation.language).sha256:
        return "other words were confirmed than those that hold for this session"
    if not timedelta(0) <= now - confirmation.at <= LASTS:
        return "the consent was confirmed too long ago, or in the future; confirm it now"
    return None


def confirm_here(
    consent: Consent,
    circumstances: Circumstances,
    by: str | None,
    now: Callable[[], datetime],
    language: str | None = None,
) -> Confirmation:
    """Ask for a confirmation on the terminal; a name that was given already needs no question.

    Parameters
    ----------
    consent, circumstances, language
        As `confirm` takes them.
    by : str or None
        Who confirmed; None asks.
    now : Callable
        Returns the present date and time, with zone; looked at after the answer.

    Raises
    ------
    ConsentError
        If the answer is not yes, or there is nobody to ask.
    """
    if by is None:
        if not sys.stdin.isatty():
            raise ConsentError(
                "the consent is to be confirmed at the start: call from a terminal, or name who "
                "confirmed it with --confirmed-by"
            )
        print(summary(consent, circumstances, language).text)
        if input("Does the person agree to this, now? Type yes: ").strip().lower() != "yes":
            raise ConsentError("the consent was not confirmed; nothing is started")
        by = input("Who confirms it (initials or pseudonym)? ")
    return confirm(consent, circumstances, by, now(), language)
