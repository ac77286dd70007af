"""The body of a sealed recording: chunks, each encrypted, signed and bound to its place.

::

    recording   8 bytes   begin of the header's hash
    index       4 bytes   little endian, counted from 0
    length      4 bytes   of the ciphertext with its tag
    last        1 byte    1 for the end marker's chunk, 0 otherwise
    ciphertext            AES-256-GCM
    signature   64 bytes  Ed25519, by the recording's own signing key

The nonce is prefix, index and last mark, the layout that libsodium and Tink call STREAM (Hoang,
Reyhanitabar, Rogaway and Vizar, CRYPTO 2015). Bound in as associated data are the header's hash,
and so run, part and file, and the 17 bytes in front. The signature covers the same and the
ciphertext's hash, so that whoever has no key can check the file, and whoever has the key cannot
make a chunk.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from phosphene.errors import SealError
from phosphene.seal.header import SIGNATURE_BYTES, Header

__all__ = ["HEAD_BYTES", "MOST_BYTES", "TAG_BYTES", "ChunkHead", "Opener", "Sealer", "head_of"]

MOST_BYTES = 2**18
"""Plaintext of one chunk at most."""
TAG_BYTES = 16
_HEAD = struct.Struct("<8sIIB")
HEAD_BYTES = _HEAD.size
_MOST_CHUNKS = 2**32 - 1
_DOMAIN = b"phosphene sealed chunk 1\0"


@dataclass(frozen=True)
class ChunkHead:
    """What stands in front of a chunk.

    Attributes
    ----------
    recording : bytes
        Begin of the hash of the header that it belongs to.
    index : int
        Which chunk it says it is.
    length : int
        Bytes of its ciphertext.
    last : bool
        Whether it is the end marker's.
    """

    recording: bytes
    index: int
    length: int
    last: bool

    @property
    def size(self) -> int:
        """Bytes of the whole chunk in the file."""
        return HEAD_BYTES + self.length + SIGNATURE_BYTES

    @property
    def plain(self) -> int:
        """Bytes of plaintext in it."""
        return self.length - TAG_BYTES

    def packed(self) -> bytes:
        """Return it as it lies in the file."""
        return _HEAD.pack(self.recording, self.index, self.length, self.last)


def head_of(raw: bytes) -> ChunkHead:
    """Read what stands in front of a chunk.

    Raises
    ------
    SealError
        If it cannot be one.
    """
    recording, index, length, last = _HEAD.unpack(raw)
    if not TAG_BYTES <= length <= MOST_BYTES + TAG_BYTES or last > 1:
        raise SealError("no chunk begins here")
    return ChunkHead(recording, index, length, bool(last))


class Sealer:
    """Makes chunks, one after the other; no nonce is ever used twice.

    Parameters
    ----------
    header : Header
        Of this recording.
    key : bytes
        The recording's own key, made for it alone.
    signer : Ed25519PrivateKey
        The recording's own signing key.

    Attributes
    ----------
    index : int
        Number of the next chunk.
    """

    def __init__(self, header: Header, key: bytes, signer: Ed25519PrivateKey) -> None:
        self._header, self._aead, self._signer = header, AESGCM(key), signer
        self._prefix = bytes.fromhex(header.core.prefix)
        self._ended = self._poisoned = False
        self.index = 0

    def seal(self, plain: bytes) -> bytes:
        """Return the next chunk.

        Raises
        ------
        SealError
            After the last one, or after `rewind`.
        """
        if self._poisoned:
            raise SealError("a recording that was cut back takes only its end")
        return self._made(plain, last=False)

    def end(self, plain: bytes) -> bytes:
        """Return the last chunk, whose nonce differs from that of any other with its number."""
        return self._made(plain, last=True)

    def rewind(self, index: int) -> None:
        """Go back to an earlier number, for the last chunk only.

        Chunks from there on were made, and perhaps written: another ordinary one with the same
        number would use a nonce twice.
        """
        self._poisoned = True
        self.index = index

    def _made(self, plain: bytes, *, last: bool) -> bytes:
        if self._ended or self.index >= _MOST_CHUNKS:
            raise SealError("the recording has ended: it takes no further chunk")
        if len(plain) > MOST_BYTES:
            raise SealError(f"a chunk of {len(plain)} bytes; at most {MOST_BYTES}")
        digest = self._header.digest
        head = ChunkHead(digest[:8], self.index, len(plain) + TAG_BYTES, last)
        # Whatever comes of it, this nonce counts as used.
        self.index += 1
        self._ended = last
        sealed = self._aead.encrypt(_nonce(self._prefix, head), plain, digest + head.packed())
        return head.packed() + sealed + self._signer.sign(_signed(digest, head, sealed))


class Opener:
    """Checks chunks, and opens them where the key is known.

    Parameters
    ----------
    header : Header
        Of this recording.
    key : bytes or None
        The recording's own key; None only checks.
    """

    def __init__(self, header: Header, key: bytes | None) -> None:
        self._header, self._signer = header, header.signer
        self._aead = None if key is None else AESGCM(key)
        self._prefix = bytes.fromhex(header.core.prefix)

    def trouble(self, raw: bytes, position: int) -> str:
        """Say what is wrong with a chunk; "" where nothing is.

        Parameters
        ----------
        raw : bytes
            The whole chunk.
        position : int
            Which chunk of the file it is.
        """
        head = head_of(raw[:HEAD_BYTES])
        sealed = raw[HEAD_BYTES : HEAD_BYTES + head.length]
        digest = self._header.digest
        try:
            signature = raw[HEAD_BYTES + head.length : head.size]
            self._signer.verify(signature, _signed(digest, head, sealed))
        except InvalidSignature:
            if head.recording != digest[:8]:
                return "belongs to another recording"
            return "was altered: its signature does not fit"
        if head.index != position:
            return f"is chunk {head.index}, moved here"
        try:
            self.open(raw)
        except SealError:
            return "was altered: its tag does not fit"
        return ""

    def open(self, raw: bytes) -> bytes:
        """Return a chunk's plaintext; nothing where the key is not known.

        Raises
        ------
        SealError
            If it was altered or the key is another one.
        """
        if self._aead is None:
            return b""
        head = head_of(raw[:HEAD_BYTES])
        sealed = raw[HEAD_BYTES : HEAD_BYTES + head.length]
        bound = self._header.digest + head.packed()
        try:
            return self._aead.decrypt(_nonce(self._prefix, head), sealed, bound)
        except InvalidTag:
            raise SealError(f"chunk {head.index} was altered, or the key is another") from None


def _nonce(prefix: bytes, head: ChunkHead) -> bytes:
    return prefix + head.index.to_bytes(4, "big") + bytes([head.last])


def _signed(digest: bytes, head: ChunkHead, sealed: bytes) -> bytes:
    return _DOMAIN + digest + head.packed() + hashlib.sha256(sealed).digest()
