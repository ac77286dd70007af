"""What a language must bring to put a consent into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from phosphene.consent.record import Scope

__all__ = ["Phrases"]


@dataclass(frozen=True)
class Phrases:
    """Sentences of one language.

    Attributes
    ----------
    title : str
        Of the page.
    headings : mapping of str to str
        ``about``, ``what``, ``who``, ``kept``, ``leaves``, ``stop``, ``ask``.
    person, visit, no_visit, study, expires : str
        Whose consent it is, for what, until when; with ``{person}``, ``{visit}``, ``{study}``,
        ``{date}``.
    what : mapping of str to str
        What is decoded, by modality; "" where it is not known.
    guesses : tuple of str
        What pictures are not.
    scopes : mapping of Scope to (str, str)
        What is said of a scope that is given, and of one that is not.
    levels : mapping of int to str
        Continues the sentence of a view.
    at_most : str
        The same, where no session has set a level yet.
    not_today : str
        Continues the sentence of what is allowed and switched off.
    sealed, unsealed, days, no_end, nothing_kept, deleted : str
        How recordings are kept; with ``{days}``.
    pictures_sealed, perhaps_unsealed, perhaps_days, perhaps_no_end : str
        The same, where it is not settled yet how a session records.
    marked : str
        What exported pictures say.
    stop : tuple of str
        How to stop.
    no_contact : str
        Whom to ask where the consent names nobody.
    signed, unsigned : str
        Who signed; with ``{role}``, ``{date}``, ``{key}``.
    roles : mapping of str to str
        ``participant``, ``steward``.
    """

    title: str
    headings: Mapping[str, str]
    person: str
    visit: str
    no_visit: str
    study: str
    expires: str
    what: Mapping[str, str]
    guesses: tuple[str, ...]
    scopes: Mapping[Scope, tuple[str, str]]
    levels: Mapping[int, str]
    at_most: str
    not_today: str
    sealed: str
    unsealed: str
    days: str
    no_end: str
    nothing_kept: str
    deleted: str
    pictures_sealed: str
    perhaps_unsealed: str
    perhaps_days: str
    perhaps_no_end: str
    marked: str
    stop: tuple[str, ...]
    no_contact: str
    signed: str
    unsigned: str
    roles: Mapping[str, str]
