"""Pairs of keys: a data steward's, which seals and opens, and those that sign consents.

The private key lies in a file encrypted under a passphrase (`phosphene.seal.locked`). The PKCS #8
file that ``cryptography`` could write as well stretches the passphrase 2048 times only, which a
graphics card undoes too quickly.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from phosphene.errors import ConfigError, SealError, problem
from phosphene.seal.kinds import kind_in_words
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


@dataclass(frozen=True, repr=False)
class _Pair:
    """A private key in memory.

    Attributes
    ----------
    secret : bytes
        32 raw bytes.
    kind : KeyKind
        What it is for.
    """

    secret: bytes
    kind: ClassVar[KeyKind]
    _type: ClassVar[type[X25519PrivateKey | Ed25519PrivateKey]]

    def __repr__(self) -> str:
        """Name the public key; the secret is in no text."""
        return f"{type(self).__name__}({fingerprint(self.public)})"

    @classmethod
    def new(cls) -> Self:
        """Make a new pair of keys."""
        return cls(cls._type.generate().private_bytes_raw())

    @property
    def _public(self) -> X25519PublicKey | Ed25519PublicKey:
        return self._type.from_private_bytes(self.secret).public_key()

    @property
    def public(self) -> bytes:
        """32 raw bytes of the public key."""
        return self._public.public_bytes_raw()

    @property
    def pem(self) -> bytes:
        """The public key as it lies in a file."""
        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

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
        locked = lock(self.kind, self.public, self.secret, passphrase, cost or COST)
        create(private_file, locked)
        create(public_file, self.pem)

    @classmethod
    def check(cls, path: Path) -> None:
        """Look whether a file is such a private key, before anybody is asked for its passphrase.

        Raises
        ------
        SealError
            If it is not; names what it is.
        """
        told_of(path, cls.kind)

    @classmethod
    def load(cls, path: Path, passphrase: str) -> Self:
        """Open a private key.

        Raises
        ------
        SealError
            If the file is not such a key, or the passphrase is not the right one.
        """
        return cls(unlock(path, cls.kind, passphrase))


@dataclass(frozen=True, repr=False)
class StewardKey(_Pair):
    """A data steward's private key (X25519), which opens what is sealed."""

    kind = STEWARD
    _type = X25519PrivateKey

    @property
    def private(self) -> X25519PrivateKey:
        """The key as ``cryptography`` wants it."""
        return X25519PrivateKey.from_private_bytes(self.secret)


@dataclass(frozen=True, repr=False)
class SigningKey(_Pair):
    """A private key that signs (Ed25519): a participant's, or a steward's second one."""

    kind = SIGNING
    _type = Ed25519PrivateKey

    @property
    def private(self) -> Ed25519PrivateKey:
        """The key as ``cryptography`` wants it."""
        return Ed25519PrivateKey.from_private_bytes(self.secret)


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
        raise SealError(
            f"public key {path}: not an X25519 key, which recordings are sealed to: it is "
            f"{kind_in_words(path)}; make one with: {STEWARD.make}"
        )
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
            f"public key {path}: not an Ed25519 key, which signs: it is {kind_in_words(path)}; "
            f"make one with: {SIGNING.make}"
        )
    return key.public_bytes_raw()


def _pem(path: Path) -> object:
    try:
        return load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise SealError(f"public key {path}: {error.strerror}") from error
    except ValueError as error:
        found = kind_in_words(path)
        found = f": it is {found}; the public key is the file NAME.pub beside it" if found else ""
        raise SealError(f"public key {path}: not a PEM file of a public key{found}") from error
