"""A data steward's pair of keys: the public one seals, the private one opens.

The private key lies in a file encrypted under a passphrase: scrypt (RFC 7914) makes a key of the
passphrase, AES-256-GCM encrypts with it. The PKCS #8 file that ``cryptography`` could write as well
stretches the passphrase 2048 times only, which a graphics card undoes too quickly.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from phosphene.errors import ConfigError, SealError, problem

__all__ = ["COST", "LEAST_PASSPHRASE", "StewardKey", "fingerprint", "load_public", "public_part"]

LEAST_PASSPHRASE = 10
_KIND = "phosphene steward key 1"
COST, _MOST_COST = 2**17, 2**20
_SECRET_BYTES, _SALT_BYTES, _NONCE_BYTES = 32, 16, 12


def fingerprint(public: bytes) -> str:
    """Return a public key's name: 32 hexadecimal digits of its SHA-256, in groups of four.

    Parameters
    ----------
    public : bytes
        The 32 raw bytes of an X25519 or Ed25519 public key.
    """
    digits = hashlib.sha256(public).hexdigest()[:32]
    return "-".join(digits[i : i + 4] for i in range(0, 32, 4))


@dataclass(frozen=True)
class StewardKey:
    """A private key in memory.

    Attributes
    ----------
    secret : bytes
        32 raw bytes of an X25519 private key.
    """

    secret: bytes

    def __repr__(self) -> str:
        """Name the public key; the secret is in no text."""
        return f"StewardKey({fingerprint(self.public)})"

    @classmethod
    def new(cls) -> StewardKey:
        """Make a new pair of keys."""
        return cls(X25519PrivateKey.generate().private_bytes_raw())

    @property
    def private(self) -> X25519PrivateKey:
        """The key as ``cryptography`` wants it."""
        return X25519PrivateKey.from_private_bytes(self.secret)

    @property
    def public(self) -> bytes:
        """32 raw bytes of the public key."""
        return self.private.public_key().public_bytes_raw()

    def save(
        self, private_file: Path, public_file: Path, passphrase: str, cost: int | None = None
    ) -> None:
        """Write both keys, each into a file that must not exist; both for their owner only.

        Parameters
        ----------
        private_file, public_file : Path
            Encrypted private key (JSON), and public key (PEM, SubjectPublicKeyInfo).
        passphrase : str
            At least `LEAST_PASSPHRASE` characters.
        cost : int or None
            Cost of scrypt, a power of two; None, or `COST`, takes 128 MiB and about half a second.

        Raises
        ------
        ConfigError
            If the passphrase is too short, or a file exists or cannot be written.
        """
        if len(passphrase) < LEAST_PASSPHRASE:
            allowed = f"at least {LEAST_PASSPHRASE} characters"
            raise ConfigError(
                problem("passphrase", f"{len(passphrase)} characters", allowed, "Choose another.")
            )
        for path in (private_file, public_file):
            if path.exists():
                raise ConfigError(f"{path}: exists already and is never overwritten")
        _create(private_file, _encrypted(self, passphrase, cost or COST).encode())
        key = X25519PublicKey.from_public_bytes(self.public)
        _create(public_file, key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    @classmethod
    def load(cls, path: Path, passphrase: str) -> StewardKey:
        """Open a private key.

        Raises
        ------
        SealError
            If the file is not such a key, or the passphrase is not the right one.
        """
        told = _told(path)
        salt, nonce, sealed = (bytes.fromhex(str(told[k])) for k in ("salt", "nonce", "sealed"))
        key = _stretched(passphrase, salt, int(str(told["cost"])))
        try:
            secret = AESGCM(key).decrypt(nonce, sealed, _bound(str(told["public"])))
        except InvalidTag:
            raise SealError(
                f"key {path}: the passphrase is wrong, or the file was altered"
            ) from None
        return cls(secret)


def public_part(path: Path) -> bytes:
    """Return the public key of either file, which needs no passphrase.

    Raises
    ------
    SealError
        If it is neither.
    """
    try:
        head = path.read_bytes()[:64]
    except OSError as error:
        raise SealError(f"key {path}: {error.strerror}") from error
    if head.lstrip().startswith(b"{"):
        return bytes.fromhex(str(_told(path)["public"]))
    return load_public(path)


def load_public(path: Path) -> bytes:
    """Read a steward's public key.

    Returns
    -------
    bytes
        32 raw bytes.

    Raises
    ------
    SealError
        If the file is not one.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise SealError(f"public key {path}: {error.strerror}") from error
    except ValueError as error:
        raise SealError(f"public key {path}: not a PEM file of a public key") from error
    if not isinstance(key, X25519PublicKey):
        raise SealError(f"public key {path}: not an X25519 key; make one with: phosphene keys new")
    try:
        X25519PrivateKey.generate().exchange(key)
    except ValueError:
        # One of the few points where every exchange gives zeros (RFC 7748, section 6.1).
        raise SealError(f"public key {path}: of low order, seals nothing") from None
    return key.public_bytes_raw()


def _encrypted(key: StewardKey, passphrase: str, cost: int) -> str:
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    public = key.public.hex()
    sealed = AESGCM(_stretched(passphrase, salt, cost)).encrypt(nonce, key.secret, _bound(public))
    told = {
        "kind": _KIND,
        "public": public,
        "cost": cost,
        "salt": salt.hex(),
        "nonce": nonce.hex(),
        "sealed": sealed.hex(),
    }
    return json.dumps(told, indent=1) + "\n"


def _told(path: Path) -> dict[str, object]:
    """Read the private key's file as far as anybody can."""
    try:
        told = json.loads(path.read_text("utf-8"))
        kind, cost = told["kind"], told["cost"]
        texts = [bytes.fromhex(told[k]) for k in ("public", "salt", "nonce", "sealed")]
    except OSError as error:
        raise SealError(f"key {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SealError(f"key {path}: not a private key of a steward: {error!r}") from error
    whole = kind == _KIND and len(texts[0]) == _SECRET_BYTES and len(texts[2]) == _NONCE_BYTES
    # More than this would fill the memory instead of taking time.
    if not whole or not isinstance(cost, int) or not 1 < cost <= _MOST_COST or cost & (cost - 1):
        raise SealError(f"key {path}: not a private key of a steward")
    return dict(told)


def _stretched(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(passphrase.encode())


def _bound(public: str) -> bytes:
    return f"{_KIND} {public}".encode()


def _create(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
