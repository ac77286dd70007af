"""What of a recording may be shown, by the consent that is stored with it. No Qt.

Everything is denied until something allows it: the scopes of the start document, as far as they
still held at the end of the run, not expired, not withdrawn, and, where a consent file lies beside
the recording, what that file says as well.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from gui.texts import told, tr
from phosphene.consent import Consent, Scope, consent_beside, load_consent, why_not
from phosphene.consent.withdrawal import withdrawal_by_id
from phosphene.errors import ConsentError
from phosphene.feedback.facts import PREFIX
from phosphene.messages import RunStart

__all__ = ["Rights", "rights_of", "stored_consent", "why_no_replay"]

_BLIND = "double-blind"


@dataclass(frozen=True)
class Rights:
    """What may be shown or done; each is empty where it may, else the reason in words.

    Attributes
    ----------
    results : str
        Labels and confidence, and whatever else was decoded.
    pictures : str
        Recorded pictures.
    export : str
        Copies that leave the laboratory.
    level : int
        Abstraction level of the operator's view in that run; pictures are shown at no higher one.
    """

    results: str
    pictures: str
    export: str
    level: int = 0

    @classmethod
    def none(cls, why: str) -> Rights:
        """Return rights to nothing."""
        return cls(why, why, why)


def stored_consent(start: RunStart, held: Collection[str] | None = None) -> Consent | None:
    """Return the consent that a recording holds; None where it holds none that can be read.

    Parameters
    ----------
    start : RunStart
        Its start document.
    held : collection of str or None
        Scopes of the last grant that was recorded; None: no grant was.
    """
    facts = start.facts
    scopes = set(facts.get("consent_scopes", "").split())
    try:
        return Consent.model_validate({
            "person": facts.get("consent_person", ""),
            "scopes": scopes if held is None else scopes & set(held),
            "expires": facts.get("consent_expires", ""),
            "visit": facts.get("visit") or None,
            "study": facts.get("study", ""),
        })  # fmt: skip
    except ValidationError:
        return None


def rights_of(
    start: RunStart | None,
    held: Collection[str] | None,
    where: Path,
    now: datetime,
    state: Path | None = None,
) -> Rights:
    """Decide what of a recording may be shown.

    Parameters
    ----------
    start : RunStart or None
        Its start document.
    held : collection of str or None
        Scopes of the last grant that was recorded.
    where : Path
        Recording or folder; a consent file beside it must allow the same.
    now : datetime
        Present date and time, with zone.
    state : Path or None
        State folder with the notes of withdrawn consents; None takes this user's.
    """
    if start is None:
        return Rights.none(tr("the recording does not say whose it is"))
    stored = stored_consent(start, held)
    if stored is None:
        return Rights.none(tr("no consent is stored with the recording"))
    if why := _withdrawn(start, state):
        return Rights.none(why)
    consents: list[Consent] = [stored]
    beside = consent_beside(where)
    if beside is not None:
        try:
            consents.append(load_consent(beside))
        except ConsentError as error:
            return Rights.none(told(str(error)))
    return _decided(start, consents, now)


def _decided(start: RunStart, consents: list[Consent], now: datetime) -> Rights:
    def denied(*scopes: Scope) -> str:
        asked = (why_not(c, scope, start.person, now) for scope in scopes for c in consents)
        return next((told(why) for why in asked if why is not None), "")

    secret = _blind(start)
    results = secret or denied(Scope.VIEW_OPERATOR)
    pictures = secret or denied(Scope.VIEW_OPERATOR, Scope.RECORD_IMAGES)
    level = _level(start)
    if not pictures and level == 0:
        pictures = tr("the operator's view of this run was blank (level 0)")
    return Rights(results, pictures, denied(Scope.EXPORT), level)


def why_no_replay(start: RunStart | None, state: Path | None = None) -> str:
    """Say why a recording may not be decoded anew by its stored consent; empty where it may.

    A withdrawal is known by the identity of the consent that was signed. What a recording holds of
    it has another one, so that a new run could not know; nor would it know that a run is blind.
    """
    return "" if start is None else _withdrawn(start, state) or _blind(start)


def _withdrawn(start: RunStart, state: Path | None) -> str:
    identity = start.facts.get("consent_id", "")
    withdrawal = withdrawal_by_id(identity, state) if identity else None
    return "" if withdrawal is None else told(withdrawal.words)


def _blind(start: RunStart) -> str:
    if not start.facts.get(PREFIX + "control", "").startswith(_BLIND):
        return ""
    return tr("this run is double-blind: nothing decoded is shown before it is opened")


def _level(start: RunStart) -> int:
    text = start.facts.get("level_operator", "")
    return min(4, int(text)) if text.isdecimal() else 0
