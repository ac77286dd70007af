"""A private key in a file of its own, encrypted under a passphrase.

scrypt (RFC 7914) makes a key of the passphrase, AES-256-GCM encrypts with it; the public key and
what the key is for stand beside it and are bound to it.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from phosphene.errors import ConfigError, SealError
from phosphene.seal.kinds import MARKS, kind_in_words

__all__ = ["SIGNING", "STEWARD", "KeyKind", "create", "lock", "told_of", "unlock"]

_MOST_COST = 2**20
_SECRET_BYTES, _SALT_BYTES, _NONCE_BYTES = 32, 16, 12


@dataclass(frozen=True)
class KeyKind:
    """What a private key is for.

    Attributes
    ----------
    mark : str
        As it stands in the file.
    words : str
        As an error says it.
    make : str
        What makes one.
    """

    mark: str
    words: str
    make: str


STEWARD = KeyKind(
    "phosphene steward key 1", "a private key of a steward", "phosphene keys new NAME"
)
SIGNING = KeyKind(
    "phosphene signing key 1", "a private key to sign with", "phosphene keys new NAME --signing"
)


def lock(kind: KeyKind, public: bytes, secret: bytes, passphrase: str, cost: int) -> bytes:
    """Return the content of a private key's file.

    Parameters
    ----------
    kind : KeyKind
        What the key is for.
    public, secret : bytes
        32 raw bytes each.
    passphrase : str
        What opens it.
    cost : int
        Cost of scrypt, a power of two; 1 KiB of memory for each.
    """
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    bound = _bound(kind, public.hex())
    sealed = AESGCM(_stretched(passphrase, salt, cost)).encrypt(nonce, secret, bound)
    told = {
        "kind": kind.mark,
        "public": public.hex(),
        "cost": cost,
        "salt": salt.hex(),
        "nonce": nonce.hex(),
        "sealed": sealed.hex(),
    }
    return (json.dumps(told, indent=1) + "\n").encode()


def unlock(path: Path, kind: KeyKind, passphrase: str) -> bytes:
    """Return the 32 secret bytes of a private key's file.

    Raises
    ------
    SealError
        If the file is not such a key, or the passphrase is not the right one.
    """
    told = told_of(path, kind)
    salt, nonce, sealed = (bytes.fromhex(str(told[k])) for k in ("salt", "nonce", "sealed"))
    key = _stretched(passphrase, salt, int(str(told["cost"])))
    try:
        return AESGCM(key).decrypt(nonce, sealed, _bound(kind, str(told["public"])))
    except InvalidTag:
        raise SealError(f"key {path}: the passphrase is wrong, or the file was altered") from None


def told_of(path: Path, *kinds: KeyKind) -> dict[str, object]:
    """Read a private key's file as far as anybody can.

    Raises
    ------
    SealError
        If it is none of the kinds.
    """
    words = _needed(path, kinds)
    try:
        told = json.loads(path.read_text("utf-8"))
        kind, cost = told["kind"], told["cost"]
        texts = [bytes.fromhex(told[k]) for k in ("public", "salt", "nonce", "sealed")]
    except OSError as error:
        raise SealError(f"key {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SealError(f"key {path}: {words}") from error
    known = kind in {k.mark for k in kinds}
    whole = known and len(texts[0]) == _SECRET_BYTES and len(texts[2]) == _NONCE_BYTES
    # More than this would fill the memory instead of taking time.
    if not whole or not isinstance(cost, int) or not 1 < cost <= _MOST_COST or cost & (cost - 1):
        raise SealError(f"key {path}: {words}")
    return dict(told)


def _needed(path: Path, kinds: tuple[KeyKind, ...]) -> str:
    """Say what a file is not, what it is, and what makes one that is."""
    words = "not " + " or ".join(kind.words for kind in kinds)
    found = kind_in_words(path)
    if found in {MARKS[kind.mark] for kind in kinds}:
        return f"{words}: it was one, and is damaged"
    made = " or ".join(kind.make for kind in kinds)
    return f"{words}: it is {found}; needed is one made with: {made}" if found else words


def create(path: Path, content: bytes) -> None:
    """Write a file that must not exist, for its owner only.

    Raises
    ------
    ConfigError
        If it exists or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error


def _stretched(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(passphrase.encode())


def _bound(kind: KeyKind, public: str) -> bytes:
    return f"{kind.mark} {public}".encode()
