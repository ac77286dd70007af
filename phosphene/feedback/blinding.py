"""Which score a person sees, sealed until somebody with the steward's key unblinds.

An assignment holds one of two bytes, sealed twice by HPKE (RFC 9180): to the stewards, who unblind,
and to the console, whose gate has to obey it. Both are bound to study, person and identifier.
Whoever has the rights of the console's user can open the second one on purpose: blinding keeps
people from learning the arm, it does not keep an intruder out. Each opening by `phosphene unblind`
is in the audit log.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from phosphene.errors import ConfigError, SealError, problem
from phosphene.seal.keys import StewardKey, fingerprint

__all__ = [
    "ARMS",
    "Assignment",
    "Chooser",
    "allocate",
    "console_key",
    "load_assignment",
    "save_assignment",
    "seal_arm",
]

ARMS = ("own score", "recorded score")
"""What the two bytes mean; these words stand in no file and are printed by unblinding only."""
KIND = "phosphene assignment 1"
CONSOLE_KEY = "blind.key"
_PAYLOAD_BYTES = 32
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sealed assignment; every one is of the same length but for its names.

    Attributes
    ----------
    kind : str
        Name and version of the format.
    id : str
        32 random hexadecimal digits.
    study, person : str
        Whom it is for.
    keys : list of str
        Public keys, hexadecimal: the console's, then the stewards'.
    sealed : list of str
        The arm, sealed to each of these, hexadecimal.
    """

    kind: str
    id: str
    study: str
    person: str
    keys: list[str]
    sealed: list[str]

    @property
    def sha256(self) -> str:
        """Name of the file's content, hexadecimal, for the audit log."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()

    def open(self, key: X25519PrivateKey) -> int:
        """Return the arm's number.

        Raises
        ------
        SealError
            If this key does not open it, or it was altered.
        """
        public = key.public_key().public_bytes_raw()
        if public.hex() not in self.keys:
            raise SealError(f"assignment {self.id}: not sealed to the key {fingerprint(public)}")
        sealed = bytes.fromhex(self.sealed[self.keys.index(public.hex())])
        try:
            payload = _SUITE.decrypt(sealed, key, info=_bound(self.id, self.study, self.person))
        except InvalidTag:
            raise SealError(f"assignment {self.id}: was altered") from None
        if len(payload) != _PAYLOAD_BYTES or payload[0] >= len(ARMS):
            raise SealError(f"assignment {self.id}: holds no arm")
        return payload[0]


class Chooser:
    """Takes one of two scores; tells nobody which, and takes both the same way.

    Parameters
    ----------
    arm : int
        0 takes the first, 1 the second.
    """

    __slots__ = ("__arm",)

    def __init__(self, arm: int) -> None:
        self.__arm = arm

    def __repr__(self) -> str:
        """Return the same text for both."""
        return "Chooser(sealed)"

    def __reduce__(self) -> str:
        raise TypeError("a Chooser is never copied out of its process")

    def __call__(self, first: float, second: float) -> float:
        """Return one of both."""
        return (first, second)[self.__arm]


def seal_arm(
    arm: int, study: str, person: str, console: bytes, stewards: Sequence[bytes]
) -> Assignment:
    """Seal one assignment.

    Parameters
    ----------
    arm : int
        0 or 1, see `ARMS`.
    study, person : str
        Whom it is for.
    console : bytes
        Raw public key of the console.
    stewards : sequence of bytes
        Raw public keys of those who can unblind.
    """
    if arm not in range(len(ARMS)):
        raise ConfigError(problem("arm", arm, "0 or 1", "Choose one."))
    number = secrets.token_hex(16)
    payload = bytes([arm]) + secrets.token_bytes(_PAYLOAD_BYTES - 1)
    keys = [console, *stewards]
    info = _bound(number, study, person)
    sealed = [
        _SUITE.encrypt(payload, X25519PublicKey.from_public_bytes(k), info=info) for k in keys
    ]
    return Assignment(
        KIND, number, study, person, [k.hex() for k in keys], [s.hex() for s in sealed]
    )


def allocate(
    persons: Sequence[str], block: int, draw: secrets.SystemRandom | None = None
) -> list[int]:
    """Draw arms in permuted blocks: after each block both arms are equally frequent.

    Parameters
    ----------
    persons : sequence of str
        In the order of enrolment.
    block : int
        Length of a block, even.
    draw : SystemRandom or None
        Source of chance.

    Returns
    -------
    list of int
        0 or 1 for each person.

    Raises
    ------
    ConfigError
        If the block is not even, or a person comes twice.
    """
    if block < 2 or block % 2:
        raise ConfigError(problem("--block", block, "an even number from 2 on", "Choose one."))
    if len(set(persons)) < len(persons):
        raise ConfigError(problem("--persons", ",".join(persons), "each once", "Remove doubles."))
    draw = draw or secrets.SystemRandom()
    arms: list[int] = []
    while len(arms) < len(persons):
        row = [0, 1] * (block // 2)
        draw.shuffle(row)
        arms += row
    return arms[: len(persons)]


def save_assignment(assignment: Assignment, path: Path) -> None:
    """Write an assignment, for its owner only; an existing file is never overwritten.

    Raises
    ------
    ConfigError
        If it exists or cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(assignment))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def load_assignment(path: Path) -> Assignment:
    """Read a sealed assignment.

    Raises
    ------
    SealError
        If it is not one.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Assignment)
        lengths: Iterable[int] = {len(bytes.fromhex(t)) for t in found.sealed}
        keys = {len(bytes.fromhex(t)) for t in found.keys}
    except OSError as error:
        raise SealError(f"assignment {path}: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise SealError(f"assignment {path}: not a sealed assignment: {error}") from error
    pairs = len(found.keys) == len(found.sealed) > 1
    if found.kind != KIND or not pairs or keys != {32} or len(set(lengths)) != 1:
        raise SealError(f"assignment {path}: not a sealed assignment")
    return found


def console_key(folder: Path) -> X25519PrivateKey:
    """Return this console's key for assignments; it is made, for its owner only, if need be.

    Parameters
    ----------
    folder : Path
        State folder, see `phosphene.seal.places.state_folder`.

    Raises
    ------
    SealError
        If it cannot be read or made.
    """
    path = folder / CONSOLE_KEY
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(StewardKey.new().secret.hex())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass  # another process was quicker
            finally:
                draft.unlink()
        return X25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text()))
    except (OSError, ValueError) as error:
        raise SealError(f"console key {path}: {error}") from error


def _bound(number: str, study: str, person: str) -> bytes:
    return f"{KIND}\0{number}\0{study}\0{person}".encode()
