"""What of a live session would lie open on the disk: what it records of a person, and a decoder."""

from __future__ import annotations

from pathlib import Path

from phosphene.consent import Consent, Scope
from phosphene.doctor import Finding
from phosphene.errors import ConfigError
from phosphene.seal.keys import fingerprint, load_public, public_part
from phosphene.seal.opening import is_sealed, sealed_header
from phosphene.session import Session

__all__ = ["key_finding", "pictures_lie_open", "require_seal", "seal_findings"]

MAKE = "phosphene keys new lab --out keys"
NAME = "phosphene live SESSION.toml --seal keys/lab.pub"
CURE = (
    f"make a pair of keys, best on another computer: {MAKE}; then name the public one: {NAME}, or "
    'seal = ["keys/lab.pub"] in [recorder]'
)


def pictures_lie_open(session: Session, consent: Consent | None, mode: str) -> bool:
    """Tell whether a run would record pictures of a measured person that anybody can open.

    Without a decoder there is no picture of anybody, and without the scope none is recorded.

    Parameters
    ----------
    session : Session
        Decoder, and what is recorded to whom.
    consent : Consent or None
        The person's.
    mode : str
        ``live``; replays and pilots measure nobody.
    """
    painted = session.decoder.bundle is not None and session.recorder.images
    allowed = consent is not None and Scope.RECORD_IMAGES in consent.scopes
    return mode == "live" and painted and allowed and not session.recorder.seal


def seal_findings(session: Session, consent: Consent | None) -> tuple[Finding, ...]:
    """Look at what a live session leaves on the disk.

    Parameters
    ----------
    session : Session
        With absolute paths.
    consent : Consent or None
        The person's.

    Returns
    -------
    tuple of Finding
        Of the recording and of the decoder; none for what there is not. Open pictures are an error.

    Raises
    ------
    SealError
        If a steward's public key cannot be read.
    """
    return (*_of_recording(session, consent), *_of_bundle(session))


def _of_recording(session: Session, consent: Consent | None) -> tuple[Finding, ...]:
    recorder = session.recorder
    if recorder.out is None:
        return ()
    if recorder.seal:
        names = ", ".join(fingerprint(load_public(path))[:9] for path in recorder.seal)
        return (Finding("ok", f"recording: sealed to {names}"),)
    if pictures_lie_open(session, consent, "live"):
        text = "pictures of the person would be recorded openly: recorder.seal names no key"
        return (Finding("error", text, f"{CURE}; or set images = false there"),)
    if consent is None or Scope.RECORD_BRAIN not in consent.scopes or not recorder.brain:
        return ()
    if consent.sealed:
        text = "the consent allows sealed recordings only: recorder.seal names no key"
        return (Finding("error", text, CURE),)
    text = "brain data are recorded openly: recorder.seal names no key"
    return (Finding("warning", text, CURE),)


def _of_bundle(session: Session) -> tuple[Finding, ...]:
    path = session.decoder.bundle
    if path is None or not path.exists():
        return ()
    if is_sealed(path):
        return (Finding("ok", "decoder: sealed"),)
    text = "the decoder lies open: whoever reads this user's files can read it"
    cure = f"phosphene bundle seal {path} --to keys/lab.pub, erase the open one, start with --key"
    return (Finding("warning", text, cure),)


def key_finding(bundle: Path, key: Path | None, *, typed: bool) -> Finding | None:
    """Look whether a sealed decoder can be opened; nothing of it is opened for that.

    Parameters
    ----------
    bundle : Path
        Of the session.
    key : Path or None
        Private key that was named for it.
    typed : bool
        Whether there is a passphrase; whether it is the right one shows at the start.

    Returns
    -------
    Finding or None
        None where the decoder is not sealed.

    Raises
    ------
    SealError
        If header or key is damaged.
    """
    if not bundle.exists() or not is_sealed(bundle):
        return None
    wanted = sealed_header(bundle).fingerprints
    if key is None:
        names = ", ".join(name[:9] for name in wanted)
        return Finding("error", f"the decoder is sealed to {names}", "name its private key")
    own = fingerprint(public_part(key))
    if own not in wanted:
        text = f"the key {own[:9]} does not open the decoder"
        return Finding("error", text, "name the private key that it is sealed to")
    if not typed:
        return Finding("error", f"the passphrase of the key {own[:9]} is missing", "type it")
    text = f"sealed; the run opens it by the key {own[:9]} and looks then whose it is"
    return Finding("ok", text)


def require_seal(session: Session, consent: Consent | None, mode: str) -> None:
    """Refuse a live run that would record pictures openly; of what else lies open, tell.

    Raises
    ------
    ConfigError
        If pictures, or what the consent allows sealed only, would lie open; with the commands
        that make a key.
    SealError
        If a steward's public key cannot be read.
    """
    if mode != "live":
        return
    found = seal_findings(session, consent)
    wrong = [f"{one.text}; {one.fix}" for one in found if one.level == "error"]
    if wrong:
        raise ConfigError("the session is not started: " + "; ".join(wrong))
    for one in found:
        if one.level == "warning":
            print(f"warning: {one.text}; {one.fix}")
