"""Signatures of consents: made with a person's key, checked against the keys that a lab trusts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from phosphene.consent.record import Consent, Signature
from phosphene.errors import ConsentError, check_all, problem
from phosphene.seal.keys import SigningKey, fingerprint, load_signer
from phosphene.session import Session

__all__ = ["require_consent", "sign", "signature_problems", "visit_problems"]


def sign(
    consent: Consent, key: SigningKey, role: Literal["participant", "steward"], at: datetime
) -> Consent:
    """Return a consent with a signature over all it says, who signs and when.

    Parameters
    ----------
    consent : Consent
        Its visit must be set: a signature is for one session.
    key : SigningKey
        Of whoever signs.
    role : str
        As what.
    at : datetime
        Present date and time, with zone.

    Raises
    ------
    ConsentError
        If it does not say for which visit it is.
    """
    if consent.visit is None:
        raise ConsentError(
            problem("visit", None, "the session that the person agrees to", "Put it into the file.")
        )
    signer = key.public.hex()
    value = key.private.sign(_signed(consent, role, signer, at)).hex()
    signature = Signature(role=role, signer=signer, at=at, value=value)
    return consent.model_copy(update={"signature": signature})


def signature_problems(consent: Consent, trusted: Sequence[bytes]) -> list[str]:
    """Tell why a consent's signature does not hold.

    Parameters
    ----------
    consent : Consent
        Signed or not.
    trusted : sequence of bytes
        Raw public keys of those who may sign.

    Returns
    -------
    list of str
        Problems in words; empty where a trusted person signed just this.
    """
    names = ", ".join(fingerprint(key) for key in trusted) or "nobody"
    signature = consent.signature
    if signature is None:
        cure = "Let the participant or the steward sign it: phosphene consent sign."
        return [problem("signature", None, f"that of {names}", cure)]
    public = bytes.fromhex(signature.signer)
    if public not in trusted:
        return [
            problem("signature.signer", fingerprint(public), names, "Have it signed by one of "
                    "those, or add the key to consent.trusted_keys.")
        ]  # fmt: skip
    signed = _signed(consent, signature.role, signature.signer, signature.at)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(signature.value), signed)
    except (InvalidSignature, ValueError):
        cure = "It was changed after it was signed: ask the person anew."
        return [problem("signature.value", "not of this text", "a valid signature", cure)]
    return []


def visit_problems(consent: Consent, session: Session) -> list[str]:
    """Tell where a consent is for another visit or study than a session is."""
    found, settings = [], session.consent
    # An unsigned one that names no visit is as good as its file: it says nothing about visits.
    silent = consent.visit is None and not settings.trusted_keys
    if consent.visit != settings.visit and not silent:
        cure = "A consent holds for one session: make one for this visit, or set consent.visit."
        found.append(problem("visit", consent.visit, repr(settings.visit), cure))
    if settings.study and consent.study != settings.study:
        cure = "Use the consent to this study."
        found.append(problem("study", consent.study, repr(settings.study), cure))
    return found


def require_consent(consent: Consent | None, session: Session, mode: str) -> None:
    """Refuse a consent that a session may not rest on; None rests on nothing and is let through.

    Where ``consent.trusted_keys`` is set, one of these keys must have signed it. Without, a live
    session takes an unsigned one only where it says so (``consent.unsigned``); replays and pilots
    do not ask for a signature.

    Parameters
    ----------
    consent : Consent or None
        What the session was given.
    session : Session
        What it is for.
    mode : str
        ``live``, ``replay`` or ``pilot``.

    Raises
    ------
    ConsentError
        With every problem.
    SealError
        If a trusted key cannot be read.
    """
    if consent is None:
        return
    settings = session.consent
    found = _signature_needed(consent, settings.trusted_keys)
    if mode == "live" and not settings.trusted_keys and not settings.unsigned:
        found.append(
            problem("consent.trusted_keys", "none", "public keys of those who may sign consents",
                    "Set them, or unsigned = true in [consent] where no signature is needed.")
        )  # fmt: skip
    check_all([*found, *visit_problems(consent, session)], ConsentError, "consent")


def _signature_needed(consent: Consent, files: Sequence[Path]) -> list[str]:
    return signature_problems(consent, [load_signer(f) for f in files]) if files else []


def _signed(consent: Consent, role: str, signer: str, at: datetime) -> bytes:
    return consent.told + f"\0{role} {signer} {at.isoformat()}".encode()
