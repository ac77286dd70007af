"""Consent: what one person allows; signed, confirmed at the start, withdrawn at will."""

from phosphene.consent.files import consent_beside, load_consent, read_consent, write_consent
from phosphene.consent.record import LANGUAGES, Consent, Scope, Signature, why_not

__all__ = [
    "LANGUAGES",
    "Consent",
    "Scope",
    "Signature",
    "consent_beside",
    "load_consent",
    "read_consent",
    "why_not",
    "write_consent",
]
