"""Where this machine keeps its audit log and the key that signs it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from phosphene.clock import utc_now
from phosphene.errors import SealError
from phosphene.seal.audit import AuditLog

__all__ = [
    "LOG",
    "PUBLIC",
    "SECOND_VARIABLE",
    "audit_in",
    "machine_key",
    "machine_public",
    "note",
    "state_folder",
]

LOG, KEY, PUBLIC = "audit.jsonl", "audit.key", "audit.pub"
SECOND_VARIABLE = "PHOSPHENE_AUDIT_SECOND"


def state_folder() -> Path:
    """Return where this user's Phosphene keeps what outlives a run."""
    if own := os.environ.get("PHOSPHENE_STATE"):
        return Path(own)
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "phosphene"


def audit_in(folder: Path, wall: Callable[[], datetime] = utc_now) -> AuditLog:
    """Return the audit log of a state folder; its key is made where there is none.

    Raises
    ------
    SealError
        If the key cannot be read.
    OSError
        If the folder cannot be written.
    """
    second = os.environ.get(SECOND_VARIABLE)
    return AuditLog(folder / LOG, machine_key(folder), wall, Path(second) if second else None)


def machine_key(folder: Path) -> Ed25519PrivateKey:
    """Return the key that signs checkpoints; it is made, for its owner only, where there is none.

    Raises
    ------
    SealError
        If it cannot be read.
    OSError
        If it cannot be made.
    """
    path = folder / KEY
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(path, folder / PUBLIC)
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise SealError(f"audit key {path}: cannot be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SealError(f"audit key {path}: not an Ed25519 key")
    if not (folder / PUBLIC).exists():
        _publish(key, folder / PUBLIC)  # whoever made the key did not come that far
    return key


def machine_public(path: Path) -> Ed25519PublicKey:
    """Read the public key that checks an audit log.

    Raises
    ------
    SealError
        If it cannot be read.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SealError(f"audit key {path}: cannot be read: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SealError(f"audit key {path}: not an Ed25519 key")
    return key


def note(what: str, folder: Path | None = None, **facts: str) -> str:
    """Write one signed line into an audit log.

    Parameters
    ----------
    what : str
        What happened.
    folder : Path or None
        State folder; None takes this user's.
    facts
        About it, in words.

    Returns
    -------
    str
        Why it, or its head at the second place, could not be written; "" where it was.
    """
    try:
        log = audit_in(folder or state_folder())
        log.add(what, **facts)
        log.checkpoint()
    except (OSError, SealError, ValueError) as error:
        return f"the audit log cannot be written: {error}"
    return log.trouble


def _make(path: Path, public: Path) -> None:
    key = Ed25519PrivateKey.generate()
    # No passphrase: runs sign while nobody is there. Whoever has this user's rights can sign.
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process was quicker
    finally:
        draft.unlink()
    _publish(key, public)


def _publish(key: Ed25519PrivateKey, public: Path) -> None:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    draft = public.with_name(f"{public.name}.{os.getpid()}.{threading.get_ident()}")
    draft.write_bytes(pem)
    draft.replace(public)
