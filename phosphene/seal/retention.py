"""How long a recording may be kept, and to whom it is sealed."""

from __future__ import annotations

from datetime import datetime, timedelta

from phosphene.consent import Consent, Scope
from phosphene.errors import ConfigError, problem
from phosphene.seal.keys import load_public
from phosphene.seal.writer import Seal
from phosphene.session import RecorderSettings

__all__ = ["PICTURES_DAYS", "keep_until", "seal_for"]

PICTURES_DAYS = 30
"""Pictures are kept this long where nobody says anything else."""


def keep_until(
    settings: RecorderSettings, consent: Consent | None, begun: datetime
) -> datetime | None:
    """Return when a recording is to be erased; None for never.

    The settings' time holds, or 30 days where frames are recorded; a shorter one in the consent
    wins.

    Parameters
    ----------
    settings : RecorderSettings
        Of the session.
    consent : Consent or None
        The person's.
    begun : datetime
        When the recording was begun.
    """
    pictures = settings.images and consent is not None and Scope.RECORD_IMAGES in consent.scopes
    own = settings.retention_days or (PICTURES_DAYS if pictures else None)
    persons = consent.retention_days if consent is not None else None
    days = [d for d in (own, persons) if d is not None]
    return begun + timedelta(days=min(days)) if days else None


def seal_for(
    settings: RecorderSettings, consent: Consent | None, run: str, part: int, begun: datetime
) -> Seal | None:
    """Return what a run's recording is sealed with; None where it is an ordinary one.

    Raises
    ------
    ConfigError
        If the consent demands a seal and no steward's key is set.
    SealError
        If a steward's public key cannot be read.
    """
    if not settings.seal:
        if consent is not None and consent.sealed:
            raise ConfigError(
                problem("recorder.seal", "none", "public keys of data stewards",
                        "The consent allows sealed recordings only; make a pair of keys with: "
                        "phosphene keys new NAME.")
            )  # fmt: skip
        return None
    stewards = tuple(load_public(path) for path in settings.seal)
    return Seal(stewards, run, part, begun, keep_until(settings, consent, begun))
