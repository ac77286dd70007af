"""Judges a sealed recording, with a key or without one."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from phosphene.errors import SealError
from phosphene.seal.chunks import HEAD_BYTES, Opener, head_of
from phosphene.seal.header import Header
from phosphene.seal.keys import StewardKey
from phosphene.seal.reader import header_of

__all__ = ["State", "Verdict", "verify_sealed", "verify_stream"]

_MOST_TOLD = 20


class State(StrEnum):
    """How a sealed recording is."""

    WHOLE = "whole"
    CUT = "cut off"
    DAMAGED = "DAMAGED"
    ERASED = "erased"


@dataclass
class Verdict:
    """What is known of one sealed recording.

    Attributes
    ----------
    state : State
        In a word.
    opened : bool
        Whether the ciphertext was opened, not only its signatures checked.
    header : Header or None
        None where it is damaged.
    chunks : int
        Good chunks, counted from the begin up to the first trouble.
    plain : int
        Plaintext in these, in bytes.
    left : int
        Bytes behind the last good chunk where the file is cut off.
    troubles : list of str
        Each thing that is wrong; at most 20, and how many more.
    """

    state: State
    opened: bool = False
    header: Header | None = None
    chunks: int = 0
    plain: int = 0
    left: int = 0
    troubles: list[str] = field(default_factory=list)


def verify_sealed(path: Path, key: StewardKey | None = None) -> Verdict:
    """Check every byte of a sealed recording.

    Without a key, each chunk's signature by the recording's own signing key is checked, and that
    it stands in its place; that the whole file was exchanged for another whole one shows only in
    the audit log, which has the header's hash. With a key, the encryption's tags are checked too.

    Raises
    ------
    SealError
        If the file cannot be read, or the key is not one of it.
    """
    try:
        with path.open("rb") as file:
            return verify_stream(file, key)
    except OSError as error:
        raise SealError(f"{path}: {error.strerror}") from error


def verify_stream(file: BinaryIO, key: StewardKey | None = None) -> Verdict:
    """Check an open sealed recording, as `verify_sealed` does."""
    try:
        header = header_of(file)
    except SealError as error:
        return Verdict(State.DAMAGED, troubles=[str(error)])
    content_key = None if key is None or header.erased else header.open(key)
    found = Verdict(State.WHOLE, opened=content_key is not None, header=header)
    ended = _walk(file, header, Opener(header, content_key), found)
    if len(found.troubles) > _MOST_TOLD:
        more = len(found.troubles) - _MOST_TOLD
        found.troubles[_MOST_TOLD:] = [f"and {more} more"]
    if found.troubles:
        found.state = State.DAMAGED
    elif not ended:
        found.state = State.CUT
    elif header.erased:
        found.state = State.ERASED
    return found


def _walk(file: BinaryIO, header: Header, opener: Opener, found: Verdict) -> bool:
    """Look at each chunk in its place; return whether the end marker is there."""
    size = file.seek(0, io.SEEK_END)
    at, position = header.size, 0
    ended = False
    while at < size:
        if ended:
            found.troubles.append(f"{size - at} bytes follow the end marker")
            break
        file.seek(at)
        raw = file.read(HEAD_BYTES)
        try:
            head = head_of(raw) if len(raw) == HEAD_BYTES else None
        except SealError as error:
            found.troubles.append(f"byte {at}, chunk {position}: {error}")
            break
        if head is None or at + head.size > size:
            found.left = size - at
            break
        if why := opener.trouble(raw + file.read(head.size - HEAD_BYTES), position):
            found.troubles.append(f"byte {at}, chunk {position}: {why}")
        elif not found.troubles:
            found.chunks += 1
            found.plain += head.plain
        at, position, ended = at + head.size, position + 1, head.last
    return ended
