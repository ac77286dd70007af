"""Reads a sealed recording like a file: bytes of its plaintext, from any place.

The whole body is looked through once for where its chunks lie, which needs no key; a chunk is
checked and opened when it is read. What is read is always an exact prefix of what was written: at
the first chunk that is not the one that belongs there, the file ends.
"""

from __future__ import annotations

import io
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, BinaryIO

from phosphene.errors import SealError
from phosphene.seal.chunks import HEAD_BYTES, ChunkHead, Opener, head_of
from phosphene.seal.header import MOST_HEADER, Header, parse

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["MOST_CHUNKS", "Layout", "SealedReader", "header_of", "layout_of", "seal_trouble"]

MOST_CHUNKS = 2**22
"""Eleven days of four flushes a second, or a tebibyte; more would only fill a reader's memory."""


class Layout:
    """Where the chunks of a file lie, as far as their order is right.

    Attributes
    ----------
    at : array of int
        Where each begins in the file, in bytes.
    plain : array of int
        Where the plaintext of each begins, in bytes.
    last : ChunkHead or None
        What stands in front of the newest.
    size : int
        Plaintext altogether, in bytes.
    end : int
        Where the last good chunk ends in the file.
    trouble : str
        What is wrong behind that; empty where the file just ends.
    """

    def __init__(self) -> None:
        # Numbers side by side: a file of tiny chunks makes 16 bytes for each 98 of its own.
        self.at = array("Q")
        self.plain = array("Q")
        self.last: ChunkHead | None = None
        self.size = 0
        self.end = 0
        self.trouble = ""

    @property
    def ended(self) -> bool:
        """Return whether the end marker is there."""
        return self.last is not None and self.last.last

    def add(self, head: ChunkHead) -> None:
        """Append a chunk that begins where the last one ended."""
        self.at.append(self.end)
        self.last = head
        self.plain.append(self.size)
        self.size += head.plain
        self.end += head.size

    def length(self, index: int) -> int:
        """Return how many bytes of the file a chunk takes."""
        behind = self.at[index + 1] if index + 1 < len(self.at) else self.end
        return behind - self.at[index]


def header_of(file: BinaryIO) -> Header:
    """Read a sealed recording's header.

    Raises
    ------
    SealError
        If it has none, or a damaged one.
    """
    file.seek(0)
    return parse(file.read(MOST_HEADER))


def layout_of(file: BinaryIO, header: Header) -> Layout:
    """Find the chunks of a file."""
    found = Layout()
    found.end = header.size
    size = file.seek(0, io.SEEK_END)
    while found.end < size:
        if found.ended:
            found.trouble = f"{size - found.end} bytes follow its end marker"
            break
        file.seek(found.end)
        raw = file.read(HEAD_BYTES)
        if len(raw) < HEAD_BYTES:
            break
        if why := _misplaced(raw, header, len(found.at)):
            found.trouble = f"byte {found.end}: {why}"
            break
        head = head_of(raw)
        if found.end + head.size > size:
            break
        found.add(head)
    return found


def _misplaced(raw: bytes, header: Header, index: int) -> str:
    try:
        head = head_of(raw)
    except SealError as error:
        return str(error)
    if head.recording != header.digest[:8]:
        return f"chunk {index} belongs to another recording, or was altered"
    if head.index != index:
        return f"chunk {head.index} stands where chunk {index} belongs"
    if head.plain == 0 and not head.last:
        return f"chunk {index} is empty"
    if index >= MOST_CHUNKS:
        return f"more than {MOST_CHUNKS} chunks: no recorder wrote them"
    return ""


class SealedReader(io.RawIOBase):
    """The plaintext of a sealed recording.

    Parameters
    ----------
    file : binary file
        The sealed file; closed with this one.
    header : Header
        As read from it.
    key : bytes
        The recording's own key.
    """

    def __init__(self, file: BinaryIO, header: Header, key: bytes) -> None:
        super().__init__()
        self._file, self._opener = file, Opener(header, key)
        self.layout = layout_of(file, header)
        self._at = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return where in the plaintext the next byte comes from."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere in the plaintext."""
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.layout.size}[whence]
        self._at = max(0, begin + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer as far as one chunk goes.

        Raises
        ------
        SealError
            If that chunk was altered.
        """
        if self._at >= self.layout.size:
            return 0
        index = bisect_right(self.layout.plain, self._at) - 1
        plain = self._chunk(index)
        view = memoryview(buffer).cast("B")
        begin = self._at - self.layout.plain[index]
        part = plain[begin : begin + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        """Close the sealed file too, and forget what was read."""
        self._held = (-1, b"")
        self._file.close()
        super().close()

    def trouble(self) -> str:
        """Say what is wrong with order and end; "" where the end marker is there and good."""
        if self.layout.trouble:
            return self.layout.trouble
        if not self.layout.ended:
            return "its end marker is missing"
        last = len(self.layout.at) - 1
        why = self._opener.trouble(self._raw(last), last)
        return f"chunk {last} {why}" if why else ""

    def _chunk(self, index: int) -> bytes:
        if self._held[0] != index:
            raw = self._raw(index)
            if why := self._opener.trouble(raw, index):
                raise SealError(f"chunk {index} {why}")
            self._held = (index, self._opener.open(raw))
        return self._held[1]

    def _raw(self, index: int) -> bytes:
        self._file.seek(self.layout.at[index])
        return self._file.read(self.layout.length(index))


def seal_trouble(file: BinaryIO) -> tuple[bool, str]:
    """Tell how the seal of an open recording ends.

    Returns
    -------
    whole : bool
        True for ordinary files, and where the end marker is there and good.
    damage : str
        What is wrong, where it is not merely cut off.
    """
    raw = getattr(file, "raw", None)
    if not isinstance(raw, SealedReader):
        return True, ""
    why = raw.trouble()
    merely_cut = not raw.layout.trouble and not raw.layout.ended
    return not why, "" if merely_cut else why
