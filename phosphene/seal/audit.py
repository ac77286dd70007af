"""An audit log that shows tampering: lines in a chain of hashes, with signed checkpoints.

Each line is a JSON object: its number ``n``, when (``at``), ``what``, ``facts`` in words, and
``prev``, the SHA-256 of the line before it. Now and then a checkpoint signs number and hash with
the Ed25519 key of this machine. A chain alone does not show that its last lines are missing: so
checkpoints are told to a second place as well, and every recording holds the newest head.
No picture, no brain data and no name is ever written here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from phosphene.errors import SealError

__all__ = [
    "CHECKPOINT",
    "AuditLog",
    "Entry",
    "Head",
    "newest_time",
    "read_head",
    "read_heads",
    "troubles_in",
]

CHECKPOINT = "checkpoint"
_DOMAIN = b"phosphene audit checkpoint 1\0"
_FIRST = "0" * 64
_TAIL_BYTES = 65_536
_LOCK_S, _LOCK_STEP_S = 2.0, 0.02


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line.

    Attributes
    ----------
    n : int
        Its number, from 1.
    at : str
        Date and time, ISO 8601 with zone.
    what : str
        What happened.
    facts : dict of str to str
        About it.
    prev : str
        SHA-256 of the line before, hexadecimal; zeros in the first.
    """

    n: int
    at: str
    what: str
    facts: dict[str, str]
    prev: str

    def line(self) -> bytes:
        """Return it as it lies in the file."""
        return msgspec.json.encode(self) + b"\n"


@dataclass(frozen=True)
class Head:
    """Where a log ended at some time.

    Attributes
    ----------
    n : int
        Number of its last line.
    sha256 : str
        Hash of that line, hexadecimal.
    """

    n: int
    sha256: str

    def __str__(self) -> str:
        """Return both as `read_head` takes them."""
        return f"{self.n}:{self.sha256}"

    @classmethod
    def of(cls, n: int, line: bytes) -> Head:
        """Return the head that a line makes."""
        return cls(n, hashlib.sha256(line).hexdigest())


def read_head(text: str) -> Head:
    """Read ``number:hash``.

    Raises
    ------
    SealError
        If it is something else.
    """
    number, _, digest = text.strip().partition(":")
    if not number.isdecimal() or len(digest) != len(_FIRST):
        raise SealError(f"head {text!r}: expected NUMBER:HASH as a run tells it at its end")
    return Head(int(number), digest)


def read_heads(path: Path) -> list[Head]:
    """Read the second place: a head on each line.

    Raises
    ------
    SealError
        If it cannot be read.
    """
    try:
        return [read_head(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise SealError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SealError(f"{path}: not a list of heads: {error}") from error


class AuditLog:
    """Appends to a log that several processes share.

    Parameters
    ----------
    path : Path
        The log; begun where there is none.
    key : Ed25519PrivateKey
        Signs checkpoints.
    wall : Callable
        Returns the present date and time with zone.
    second : Path or None
        Where heads are told as well, best on another disk.

    Attributes
    ----------
    trouble : str
        Why the second place did not take the newest head; empty where it did.
    """

    def __init__(
        self,
        path: Path,
        key: Ed25519PrivateKey,
        wall: Callable[[], datetime],
        second: Path | None = None,
    ) -> None:
        self._path, self._key, self._wall, self._second = path, key, wall, second
        self.trouble = ""

    def add(self, what: str, **facts: str) -> Head:
        """Append a line and return the head.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        return self._append(lambda head: Entry(head.n + 1, self._at(), what, facts, head.sha256))

    def checkpoint(self) -> Head:
        """Append a signed checkpoint, and tell the second place; one that is away stops nothing.

        Raises
        ------
        OSError
            If it cannot be written.
        """

        def signed(head: Head) -> Entry:
            signature = self._key.sign(_DOMAIN + str(head).encode()).hex()
            facts = {"signature": signature}
            return Entry(head.n + 1, self._at(), CHECKPOINT, facts, head.sha256)

        head = self._append(signed)
        if self._second is not None:
            self.trouble = _tell(self._second, head)
        return head

    def _at(self) -> str:
        return self._wall().isoformat(timespec="milliseconds")

    def _append(self, make: Callable[[Head], Entry]) -> Head:
        with _private(self._path) as file:
            _lock(file)
            head, cut = _end_of(file)
            entry = make(head)
            # The last line was cut off (a full disk, a power cut): it stays, and counts as damage.
            line = entry.line()
            file.write(b"\n" + line if cut else line)
            file.flush()
            os.fsync(file.fileno())
        return Head.of(entry.n, line)


def _tell(second: Path, head: Head) -> str:
    try:
        with _private(second) as file:
            file.write(f"{head}\n".encode())
    except OSError as error:
        return f"the audit log's second place cannot be written: {error}"
    return ""


def _lock(file: BinaryIO) -> None:
    """Wait for other writers, but not for one that was stopped in the middle of a line.

    Raises
    ------
    TimeoutError
        If it takes too long.
    """
    until_s = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until_s:
                raise TimeoutError(f"another process holds it for {_LOCK_S:g} s") from None
        time.sleep(_LOCK_STEP_S)


def _private(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b")


def _end_of(file: BinaryIO) -> tuple[Head, bool]:
    """Return the head of a log, and whether its last line was cut off."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    lines = file.read().splitlines(keepends=True)
    cut = bool(lines) and not lines[-1].endswith(b"\n")
    for line in reversed(lines[:-1] if cut else lines):
        try:
            return Head.of(msgspec.json.decode(line, type=Entry).n, line), cut
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return Head(0, _FIRST), cut


def newest_time(path: Path) -> datetime | None:
    """Return when a log's last readable line was written; None where it has none with a zone.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = file.read().splitlines()
    for line in reversed(lines):
        try:
            at = datetime.fromisoformat(msgspec.json.decode(line, type=Entry).at)
        except (msgspec.DecodeError, ValueError):
            continue  # a line cut off, or the middle of one
        if at.tzinfo is not None:
            return at
    return None


def troubles_in(
    lines: Iterable[bytes], public: Ed25519PublicKey, heads: Sequence[Head] = ()
) -> list[str]:
    """Check a log: chain, checkpoints, and heads that are known from elsewhere.

    Parameters
    ----------
    lines : iterable of bytes
        Its lines, with their ends.
    public : Ed25519PublicKey
        Key of the machine that wrote it.
    heads : sequence of Head
        Heads told to a second place, printed by runs, or held by recordings.

    Returns
    -------
    list of str
        What is wrong; empty where nothing is.
    """
    found: list[str] = []
    last, signed, number = Head(0, _FIRST), 0, 0
    seen: dict[int, str] = {}
    for number, line in enumerate(lines, start=1):
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError):
            found.append(f"line {number}: cannot be read")
            continue
        if line != entry.line():
            found.append(f"line {number}: was altered")
        if entry.n != last.n + 1 or entry.prev != last.sha256:
            found.append(f"line {number}: does not continue the line before it; one of the two was "
                         "altered, moved, put in or left out")  # fmt: skip
        if entry.what == CHECKPOINT:
            signed = number
            if not _signed(entry, public):
                found.append(f"line {number}: the checkpoint's signature does not fit")
        last = Head.of(entry.n, line)
        seen[entry.n] = last.sha256
    if not seen:
        found.append("there is not one line")
    elif signed < number:
        found.append(f"the last {number - signed} lines are not signed by a checkpoint: a run is "
                     "going on, or was killed, or something was put in")  # fmt: skip
    return found + [why for head in heads if (why := _missed(head, seen))]


def _signed(entry: Entry, public: Ed25519PublicKey) -> bool:
    try:
        signature = bytes.fromhex(entry.facts.get("signature", ""))
        public.verify(signature, _DOMAIN + str(Head(entry.n - 1, entry.prev)).encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _missed(head: Head, seen: dict[int, str]) -> str:
    if head.n not in seen:
        return f"it had {head.n} lines once and has {max(seen, default=0)} now: it was cut off"
    if seen[head.n] != head.sha256:
        return f"line {head.n} is not the one that was known elsewhere"
    return ""
