"""What stands, readable by everybody, in front of a sealed recording.

::

    magic                        10 bytes
    length, core                 4 bytes and JSON: the facts below
    length, keys                 4 bytes; for each steward the recording's key, sealed by HPKE
    signature                    64 bytes over everything before it

The core has the SHA-256 of the keys, and everything that follows in the file is bound to the core's
hash. So erasing the keys in place leaves a file that anybody can still tell apart from a damaged
one, and that nobody can open. Neither name nor pseudonym of the person stands here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from phosphene.errors import SealError
from phosphene.seal.keys import StewardKey, fingerprint

__all__ = [
    "KEY_BYTES",
    "MAGIC",
    "MOST_HEADER",
    "PREFIX_BYTES",
    "SIGNATURE_BYTES",
    "WRAPPED_BYTES",
    "Core",
    "Header",
    "build",
    "parse",
]

MAGIC = b"\x89PHSEAL1\r\n"
KEY_BYTES, PREFIX_BYTES, SIGNATURE_BYTES = 32, 7, 64
WRAPPED_BYTES = 80
"""HPKE's encapsulated key (32), the sealed key (32) and its tag (16)."""
_MOST_CORE, _MOST_STEWARDS = 65_536, 64
MOST_HEADER = 2**17
"""More bytes than any header has."""
_HEX = re.compile("(?:[0-9a-f]{2})*")
_DOMAIN = b"phosphene sealed recording 1\0"
# RFC 9180, single shot, base mode
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class Core(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts of a sealed recording that are no secret.

    Attributes
    ----------
    id : str
        32 random hexadecimal digits of this file.
    run : str
        Identifier of the run.
    part : int
        Number of the file within its folder.
    made : str
        When it was begun, ISO 8601 with zone.
    keep_until : str
        When it is to be erased, ISO 8601 with zone; empty for never.
    stewards : tuple of str
        Public keys that can open it, hexadecimal, in the order of their sealed keys.
    signer : str
        Public key, hexadecimal, of the Ed25519 pair that only the recorder's memory held.
    prefix : str
        First 7 bytes of every nonce, hexadecimal.
    keys_sha256 : str
        Hash of the sealed keys.
    """

    id: str
    run: str
    part: int
    made: str
    keep_until: str
    stewards: tuple[str, ...]
    signer: str
    prefix: str
    keys_sha256: str


@dataclass(frozen=True)
class Header:
    """A header as it lies in a file.

    Attributes
    ----------
    core : Core
        The facts.
    wrapped : bytes
        Sealed keys of all stewards; zeros where they have been erased.
    wrapped_at : int
        Where they begin in the file, in bytes.
    size : int
        Length of the whole header in bytes.
    digest : bytes
        SHA-256 of magic, length and core: what the rest of the file is bound to.
    """

    core: Core
    wrapped: bytes
    wrapped_at: int
    size: int
    digest: bytes

    @property
    def erased(self) -> bool:
        """Return whether the keys are gone, and with them the recording."""
        return not any(self.wrapped)

    @property
    def keep_until(self) -> datetime | None:
        """When the recording is to be erased; None for never."""
        return datetime.fromisoformat(self.core.keep_until) if self.core.keep_until else None

    @property
    def signer(self) -> Ed25519PublicKey:
        """Key that signed every chunk."""
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.core.signer))

    @property
    def fingerprints(self) -> list[str]:
        """Names of the keys that can open it."""
        return [fingerprint(bytes.fromhex(key)) for key in self.core.stewards]

    def open(self, key: StewardKey) -> bytes:
        """Return the recording's own key.

        Raises
        ------
        SealError
            If this is not a key of it, or the keys were erased or altered.
        """
        if self.erased:
            raise SealError("its keys have been erased; nobody can open it any more")
        public = key.public.hex()
        if public not in self.core.stewards:
            raise SealError(
                f"sealed to {', '.join(self.fingerprints)}, not to the key given, "
                f"{fingerprint(key.public)}"
            )
        at = self.core.stewards.index(public) * WRAPPED_BYTES
        wrapped = self.wrapped[at : at + WRAPPED_BYTES]
        try:
            return _SUITE.decrypt(wrapped, key.private, info=_info(self.core.id, self.core.signer))
        except InvalidTag:
            raise SealError("the sealed key in its header was altered") from None


def build(core: Core, content_key: bytes, signer: Ed25519PrivateKey) -> tuple[Header, bytes]:
    """Seal a recording's key to its stewards and lay out the header.

    Parameters
    ----------
    core : Core
        The facts; signer and hash of the keys are filled in here.
    content_key : bytes
        32 random bytes.
    signer : Ed25519PrivateKey
        The recording's own signing key.

    Returns
    -------
    header : Header
    raw : bytes
        What to write.

    Raises
    ------
    SealError
        If nobody could read it: too many stewards, or facts that are too long.
    """
    if not 0 < len(core.stewards) <= _MOST_STEWARDS:
        raise SealError(f"{len(core.stewards)} stewards; a recording has 1 to {_MOST_STEWARDS}")
    public = signer.public_key().public_bytes_raw().hex()
    stewards = [X25519PublicKey.from_public_bytes(bytes.fromhex(k)) for k in core.stewards]
    info = _info(core.id, public)
    wrapped = b"".join(_SUITE.encrypt(content_key, steward, info=info) for steward in stewards)
    core = msgspec.structs.replace(
        core, signer=public, keys_sha256=hashlib.sha256(wrapped).hexdigest()
    )
    encoded = msgspec.json.encode(core)
    if len(encoded) > _MOST_CORE:
        raise SealError(f"{len(encoded)} bytes of facts; a recording has at most {_MOST_CORE}")
    front = MAGIC + _with_length(encoded)
    raw = front + _with_length(wrapped)
    header = Header(
        core, wrapped, len(front) + 4, len(raw) + SIGNATURE_BYTES, hashlib.sha256(front).digest()
    )
    return header, raw + signer.sign(_DOMAIN + raw)


def parse(raw: bytes) -> Header:
    """Read a header from a file's first bytes and check it.

    Parameters
    ----------
    raw : bytes
        At least the header; more does no harm.

    Raises
    ------
    SealError
        If it is not a header, is cut off or was altered.
    """
    if not raw.startswith(MAGIC):
        raise SealError("this is not a sealed recording")
    encoded, core_end = _part(raw, len(MAGIC), _MOST_CORE)
    wrapped, end = _part(raw, core_end, _MOST_STEWARDS * WRAPPED_BYTES)
    signature = raw[end : end + SIGNATURE_BYTES]
    if len(signature) < SIGNATURE_BYTES:
        raise SealError("it is cut off within its header")
    try:
        core = msgspec.json.decode(encoded, type=Core)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SealError("its header was altered: it cannot be read") from error
    header = Header(
        core, wrapped, core_end + 4, end + SIGNATURE_BYTES, hashlib.sha256(raw[:core_end]).digest()
    )
    _check(header, raw[:end], signature)
    return header


def _check(header: Header, raw: bytes, signature: bytes) -> None:
    core = header.core
    try:
        _check_facts(core)
        if len(header.wrapped) != WRAPPED_BYTES * len(core.stewards):
            raise ValueError("lengths do not fit")
        if header.erased:
            return  # the signature covered the keys; the core is bound to every chunk's
        if hashlib.sha256(header.wrapped).hexdigest() != core.keys_sha256:
            raise ValueError("the sealed keys are not those it was made with")
        header.signer.verify(signature, _DOMAIN + raw)
    except InvalidSignature:
        raise SealError("its header was altered: the signature does not fit") from None
    except ValueError as error:
        raise SealError(f"its header was altered: {error}") from error


def _check_facts(core: Core) -> None:
    """Check what is used, or printed, before or without the signature.

    Raises
    ------
    ValueError
        If a fact is not what a recorder writes.
    """
    sizes = [(core.id, 16), (core.prefix, PREFIX_BYTES)]
    sizes += [(text, 32) for text in (core.signer, core.keys_sha256, *core.stewards)]
    if not core.stewards or any(
        len(text) != 2 * size or not _HEX.fullmatch(text) for text, size in sizes
    ):
        raise ValueError("lengths do not fit")
    if not core.run.isprintable():
        raise ValueError("the run's name cannot be printed")
    for moment in (core.made, core.keep_until or core.made):
        if datetime.fromisoformat(moment).tzinfo is None:
            raise ValueError("a time has no zone")


def _info(recording_id: str, signer: str) -> bytes:
    return _DOMAIN + f"{recording_id} {signer}".encode()


def _with_length(part: bytes) -> bytes:
    return len(part).to_bytes(4, "little") + part


def _part(raw: bytes, at: int, most: int) -> tuple[bytes, int]:
    length = int.from_bytes(raw[at : at + 4], "little")
    if length > most:
        raise SealError("its header was altered: a length is impossible")
    end = at + 4 + length
    if len(raw) < end:
        raise SealError("it is cut off within its header")
    return raw[at + 4 : end], end
