"""Writes a sealed recording: takes bytes like a file, puts chunks on the disk.

What has been flushed survives the death of the process and can be opened by the steward. The
recording's own key and its signing key are in this process's memory only, and gone when it ends.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phosphene.seal.chunks import MOST_BYTES, Sealer
from phosphene.seal.header import KEY_BYTES, PREFIX_BYTES, Core, Header, build

__all__ = ["Seal", "SealedDisk", "write_all"]


@dataclass(frozen=True)
class Seal:
    """What a sealed recording is begun with.

    Attributes
    ----------
    stewards : tuple of bytes
        Raw public keys of everybody who is to be able to open it.
    run : str
        Identifier of the run.
    part : int
        Number of the file within its folder.
    made : datetime
        Present date and time, with zone.
    keep_until : datetime or None
        When it is to be erased.
    """

    stewards: tuple[bytes, ...]
    run: str
    part: int
    made: datetime
    keep_until: datetime | None = None

    def begin(self) -> tuple[Header, bytes, Sealer]:
        """Make the keys of a new file.

        Returns
        -------
        header : Header
        raw : bytes
            The header as it is to be written.
        sealer : Sealer
            Holds the keys.
        """
        key, signer = secrets.token_bytes(KEY_BYTES), Ed25519PrivateKey.generate()
        core = Core(
            id=secrets.token_hex(16),
            run=self.run,
            part=self.part,
            made=self.made.isoformat(),
            keep_until=self.keep_until.isoformat() if self.keep_until else "",
            stewards=tuple(_distinct(self.stewards)),
            signer="",
            prefix=secrets.token_hex(PREFIX_BYTES),
            keys_sha256="",
        )
        header, raw = build(core, key, signer)
        return header, raw, Sealer(header, key, signer)


class SealedDisk:
    """A file that takes plaintext and holds none.

    Parameters
    ----------
    file : binary file
        Open for writing without buffer, empty.
    seal : Seal
        What it is begun with.

    Attributes
    ----------
    header : Header
        As it was written.

    Raises
    ------
    OSError
        If not even the header has room.
    """

    def __init__(self, file: BinaryIO, seal: Seal) -> None:
        self._file = file
        self.header, raw, self._sealer = seal.begin()
        self._waiting = bytearray()
        self._plain = 0
        self._ended = False
        write_all(file, raw)
        self._mark = (file.tell(), 0)

    def write(self, data: bytes) -> int:
        """Take plaintext; whole chunks go to the disk at once."""
        self._waiting += data
        self._plain += len(data)
        while len(self._waiting) >= MOST_BYTES:
            self._put(self._sealer.seal(bytes(self._waiting[:MOST_BYTES])))
            del self._waiting[:MOST_BYTES]
        return len(data)

    def tell(self) -> int:
        """Return how much plaintext was taken, in bytes."""
        return self._plain

    def flush(self) -> None:
        """Seal what is waiting and hand it to the operating system."""
        if self._waiting:
            self._put(self._sealer.seal(bytes(self._waiting)))
            self._waiting.clear()

    def mark(self) -> None:
        """Remember that all so far is good."""
        self._mark = (self._file.tell(), self._sealer.index)

    def finish(self) -> None:
        """Write the rest with the end marker."""
        self._ended = True
        self._put(self._sealer.end(bytes(self._waiting)))
        self._waiting.clear()

    def cut_back(self, end: bytes) -> None:
        """Go back to the mark and end there with some last bytes.

        Raises
        ------
        OSError
            If they have no room either; the file then ends at the mark, without end marker.
        """
        at, index = self._mark
        self._waiting.clear()
        self._file.truncate(at)
        self._file.seek(at)
        if self._ended:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._ended = True
        self._sealer.rewind(index)
        try:
            self._put(self._sealer.end(end))
        except OSError:
            self._file.truncate(at)
            raise

    def _put(self, chunk: bytes) -> None:
        write_all(self._file, chunk)


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write everything to an unbuffered file, or fail."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _distinct(keys: Sequence[bytes]) -> list[str]:
    return list(dict.fromkeys(key.hex() for key in keys))
