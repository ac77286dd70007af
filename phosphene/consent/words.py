"""A consent in plain words, on one page: for the window, for the terminal, for paper."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from phosphene.consent import words_en, words_ja
from phosphene.consent.phrases import Phrases
from phosphene.consent.record import Consent, Scope
from phosphene.seal.keys import fingerprint
from phosphene.seal.retention import PICTURES_DAYS
from phosphene.session import Session

__all__ = ["WORDS_VERSION", "Circumstances", "Part", "Summary", "signed_words", "summary"]

WORDS_VERSION = 2
"""Raised whenever a sentence is changed: what was confirmed is known by it."""
_PHRASES: Mapping[str, Phrases] = {"en": words_en.PHRASES, "ja": words_ja.PHRASES}
_VIEWS = {
    Scope.VIEW_SELF: "self",
    Scope.VIEW_OPERATOR: "operator",
    Scope.VIEW_OBSERVER: "observer",
}


@dataclass(frozen=True)
class Circumstances:
    """What a session adds to a consent.

    Attributes
    ----------
    modality : str
        ``fmri`` or ``eeg``; empty where there is no session yet.
    levels : mapping of str to int
        Abstraction level of the views ``self``, ``operator``, ``observer``.
    records : bool
        Whether anything is recorded.
    brain : bool
        Whether brain data are recorded.
    images : bool
        Whether pictures are recorded.
    sealed : bool
        Whether the recording is sealed.
    retention_days : int or None
        How long recordings are kept by the session's settings.
    streams : bool
        Whether results are sent to other programs.
    settled : bool
        Whether it is known where and for whom it is recorded; else the words say what may be.
    """

    modality: str = ""
    levels: Mapping[str, int] = field(default_factory=dict)
    records: bool = True
    brain: bool = True
    images: bool = True
    sealed: bool = False
    retention_days: int | None = None
    streams: bool = True
    settled: bool = True

    @classmethod
    def of(cls, session: Session) -> Circumstances:
        """Return those of a session."""
        gate, recorder = session.gate, session.recorder
        levels = {name: int(getattr(gate, f"level_{name}")) for name in _VIEWS.values()}
        return cls(
            modality=session.modality,
            levels=levels,
            records=recorder.out is not None,
            brain=recorder.brain,
            images=recorder.images,
            sealed=bool(recorder.seal),
            retention_days=recorder.retention_days,
            streams=session.results.stream,
        )


@dataclass(frozen=True)
class Part:
    """A heading and the sentences below it."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """The page.

    Attributes
    ----------
    language : str
        ``en`` or ``ja``.
    title : str
        Above all.
    parts : tuple of Part
        From top to bottom.
    """

    language: str
    title: str
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The page as plain text."""
        blocks = [self.title]
        for part in self.parts:
            blocks.append("\n".join([part.heading, *(f"  - {line}" for line in part.lines)]))
        return "\n\n".join(blocks) + "\n"

    @property
    def sha256(self) -> str:
        """Hash of the text: what was confirmed is known by it."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def html(self) -> str:
        """The page for a window or a printer; it loads nothing."""
        body = [f"<h1>{escape(self.title)}</h1>"]
        for part in self.parts:
            items = "".join(f"<li>{escape(line)}</li>" for line in part.lines)
            body.append(f"<h2>{escape(part.heading)}</h2><ul>{items}</ul>")
        return (
            f'<!doctype html><html lang="{self.language}"><head><meta charset="utf-8">'
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style></head>"
            f"<body>{''.join(body)}</body></html>\n"
        )


_STYLE = (
    "@page{size:A4;margin:15mm}body{font:11pt/1.35 sans-serif;max-width:48em;margin:1em auto;"
    "color:#111;background:#fff}h1{font-size:16pt;margin:0 0 .4em}"
    "h2{font-size:12pt;margin:.8em 0 .2em}ul{margin:0;padding-left:1.2em}"
)


def summary(
    consent: Consent, circumstances: Circumstances | None = None, language: str | None = None
) -> Summary:
    """Put a consent into plain words.

    Parameters
    ----------
    consent : Consent
        Signed or not; the words are the same.
    circumstances : Circumstances or None
        Of the session it is read for; None knows of none, and says what may be at most.
    language : str or None
        ``en`` or ``ja``; None takes the consent's own.

    Returns
    -------
    Summary
    """
    at = circumstances or Circumstances(settled=False)
    chosen = language or consent.language
    say = _PHRASES[chosen]
    parts = (
        Part(say.headings["about"], _about(say, consent)),
        Part(say.headings["what"], (say.what[at.modality], *say.guesses)),
        Part(say.headings["who"], tuple(_view(say, consent, at, s) for s in _VIEWS)),
        Part(say.headings["kept"], _kept(say, consent, at)),
        Part(say.headings["leaves"], _leaves(say, consent, at)),
        Part(say.headings["stop"], say.stop),
        Part(say.headings["ask"], (consent.contact or say.no_contact,)),
    )
    return Summary(chosen, say.title, parts)


def signed_words(consent: Consent, language: str | None = None) -> str:
    """Tell in words who has signed a consent; whether that holds is another question."""
    say, signature = _PHRASES[language or consent.language], consent.signature
    if signature is None:
        return say.unsigned
    return say.signed.format(
        role=say.roles[signature.role],
        date=f"{signature.at:%Y-%m-%d}",
        key=fingerprint(bytes.fromhex(signature.signer)),
    )


def _about(say: Phrases, consent: Consent) -> tuple[str, ...]:
    lines = [say.person.format(person=consent.person)]
    lines.append(say.visit.format(visit=consent.visit) if consent.visit else say.no_visit)
    if consent.study:
        lines.append(say.study.format(study=consent.study))
    return (*lines, say.expires.format(date=f"{consent.expires:%Y-%m-%d %H:%M} UTC"))


def _view(say: Phrases, consent: Consent, at: Circumstances, scope: Scope) -> str:
    yes, no = say.scopes[scope]
    if scope not in consent.scopes:
        return no
    if not at.levels:
        return yes + say.at_most
    return yes + say.levels[at.levels[_VIEWS[scope]]]


def _kept(say: Phrases, consent: Consent, at: Circumstances) -> tuple[str, ...]:
    both = (Scope.RECORD_BRAIN, Scope.RECORD_IMAGES)
    wanted = {
        Scope.RECORD_BRAIN: at.records and at.brain,
        Scope.RECORD_IMAGES: at.records and at.images,
    }
    lines = [_sentence(say, consent, scope, on=wanted[scope]) for scope in both]
    kept = [scope for scope in both if scope in consent.scopes and wanted[scope]]
    if not kept:
        return (*lines, say.nothing_kept)
    lines += _sealing(say, consent, at, kept)
    lines.append(_retention(say, consent, at, pictures=Scope.RECORD_IMAGES in kept))
    return (*lines, say.deleted)


def _sealing(
    say: Phrases, consent: Consent, at: Circumstances, kept: list[Scope]
) -> tuple[str, ...]:
    """Say who can open a recording; before it is settled, what holds of every live session."""
    if consent.sealed or at.sealed:
        return (say.sealed,)
    if at.settled:
        return (say.unsealed,)
    told = {Scope.RECORD_IMAGES: say.pictures_sealed, Scope.RECORD_BRAIN: say.perhaps_unsealed}
    return tuple(words for scope, words in told.items() if scope in kept)


def _retention(say: Phrases, consent: Consent, at: Circumstances, *, pictures: bool) -> str:
    """Say how long a recording is kept: as `phosphene.seal.retention.keep_until` counts."""
    own = at.retention_days
    if own is None and pictures and at.settled:
        own = PICTURES_DAYS
    days = [d for d in (own, consent.retention_days) if d is not None]
    if not (at.settled or days):
        # Whoever starts the session may still give another time, or record no picture.
        return say.perhaps_days.format(days=PICTURES_DAYS) if pictures else say.perhaps_no_end
    return say.days.format(days=min(days)) if days else say.no_end


def _leaves(say: Phrases, consent: Consent, at: Circumstances) -> tuple[str, ...]:
    return (
        _sentence(say, consent, Scope.EXPORT, on=True),
        _sentence(say, consent, Scope.STREAM_RESULTS, on=at.streams),
        say.marked,
    )


def _sentence(say: Phrases, consent: Consent, scope: Scope, *, on: bool) -> str:
    """Say what a scope allows, and that it is not used where the session does not use it."""
    yes, no = say.scopes[scope]
    if scope not in consent.scopes:
        return no
    return yes if on else yes + say.not_today
