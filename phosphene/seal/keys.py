"""Pairs of keys: a data steward's, which seals and opens, and those that sign consents.

The private key lies in a file encrypted under a passphrase (`phosphene.seal.locked`). The PKCS #8
file that ``cryptography`` could write as well stretches the passphrase 2048 times only, which a
graphics card undoes too quickly.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from phosphene.errors import ConfigError, SealError, problem
from phosphene.seal.locked import SIGNING, STEWARD, KeyKind, create, lock, told_of, unlock

__all__ = [
    "COST",
    "LEAST_PASSPHRASE",
    "SigningKey",
    "StewardKey",
    "fingerprint",
    "load_public",
    "load_signer",
    "public_part",
]

LEAST_PASSPHRASE = 10
COST = 2**17


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
        _save(STEWARD, self, (private_file, public_file), passphrase, cost)

    @classmethod
    def load(cls, path: Path, passphrase: str) -> StewardKey:
        """Open a private key.

        Raises
        ------
        SealError
            If the file is not such a key, or the passphrase is not the right one.
        """
        return cls(unlock(path, STEWARD, passphrase))

    @property
    def pem(self) -> bytes:
        """The public key as it lies in a file."""
        key = X25519PublicKey.from_public_bytes(self.public)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True)
class SigningKey:
    """A private key that signs: a participant's, or a steward's second one.

    Attributes
    ----------
    secret : bytes
        32 raw bytes of an Ed25519 private key.
    """

    secret: bytes

    def __repr__(self) -> str:
        """Name the public key; the secret is in no text."""
        return f"SigningKey({fingerprint(self.public)})"

    @classmethod
    def new(cls) -> SigningKey:
        """Make a new pair of keys."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def private(self) -> Ed25519PrivateKey:
        """The key as ``cryptography`` wants it."""
        return Ed25519PrivateKey.from_private_bytes(self.secret)

    @property
    def public(self) -> bytes:
        """32 raw bytes of the public key."""
        return self.private.public_key().public_bytes_raw()

    @property
    def pem(self) -> bytes:
        """The public key as it lies in a file."""
        key = self.private.public_key()
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def save(
        self, private_file: Path, public_file: Path, passphrase: str, cost: int | None = None
    ) -> None:
        """Write both keys, as `StewardKey.save` does."""
        _save(SIGNING, self, (private_file, public_file), passphrase, cost)

    @classmethod
    def load(cls, path: Path, passphrase: str) -> SigningKey:
        """Open a private key.

        Raises
        ------
        SealError
            If the file is not such a key, or the passphrase is not the right one.
        """
        return cls(unlock(path, SIGNING, passphrase))


def public_part(path: Path) -> bytes:
    """Return the public key of any file of a key, which needs no passphrase.

    Raises
    ------
    SealError
        If it is none.
    """
    try:
        head = path.read_bytes()[:64]
    except OSError as error:
        raise SealError(f"key {path}: {error.strerror}") from error
    if head.lstrip().startswith(b"{"):
        return bytes.fromhex(str(told_of(path, STEWARD, SIGNING)["public"]))
    key = _pem(path)
    return key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else load_public(path)


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
    key = _pem(path)
    if not isinstance(key, X25519PublicKey):
        raise SealError(f"public key {path}: not an X25519 key; make one with: phosphene keys new")
    try:
        X25519PrivateKey.generate().exchange(key)
    except ValueError:
        # One of the few points where every exchange gives zeros (RFC 7748, section 6.1).
        raise SealError(f"public key {path}: of low order, seals nothing") from None
    return key.public_bytes_raw()


def load_signer(path: Path) -> bytes:
    """Read the public key of somebody who signs.

    Returns
    -------
    bytes
        32 raw bytes.

    Raises
    ------
    SealError
        If the file is not one.
    """
    key = _pem(path)
    if not isinstance(key, Ed25519PublicKey):
        raise SealError(
            f"public key {path}: not an Ed25519 key; make one with: phosphene keys new --signing"
        )
    return key.public_bytes_raw()


def _pem(path: Path) -> object:
    try:
        return load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise SealError(f"public key {path}: {error.strerror}") from error
    except ValueError as error:
        raise SealError(f"public key {path}: not a PEM file of a public key") from error


def _save(
    kind: KeyKind,
    key: StewardKey | SigningKey,
    files: tuple[Path, Path],
    passphrase: str,
    cost: int | None,
) -> None:
    if len(passphrase) < LEAST_PASSPHRASE:
        allowed = f"at least {LEAST_PASSPHRASE} characters"
        raise ConfigError(
            problem("passphrase", f"{len(passphrase)} characters", allowed, "Choose another.")
        )
    for path in files:
        if path.exists():
            raise ConfigError(f"{path}: exists already and is never overwritten")
    create(files[0], lock(kind, key.public, key.secret, passphrase, cost or COST))
    create(files[1], key.pem)
