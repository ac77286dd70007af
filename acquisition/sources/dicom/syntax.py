"""The front of a DICOM file: mark, meta group, transfer syntax (DICOM PS3.10, section 7.1)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from pydicom.config import IGNORE
from pydicom.uid import UID

from acquisition.errors import ForeignFileError
from acquisition.sources.dicom.elements import Elements
from acquisition.sources.dicom.walk import PIXELS, walk
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["UNKNOWN", "Opened", "as_uid", "known_name", "open_file"]

UNKNOWN = "an unknown one"
"""What identifiers are called that are not the standard's."""
_MARK_AT, _META_AT = 128, 132
_IMPLICIT, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_HEAD = struct.Struct("<HH2sH")
_LENGTH = struct.Struct("<I")
_LONG = (b"OB", b"OW", b"UN", b"UT", b"SQ", b"UC", b"UR")
_LARGEST = 1 << 30
"""Most bytes that a deflated file may inflate to."""


@dataclass(frozen=True)
class Opened:
    """An opened file.

    Attributes
    ----------
    elements : Elements
        What the allowlist lets through.
    syntax : str
        Transfer syntax.
    little : bool
        Whether pixels have their low byte first.
    """

    elements: Elements = field(repr=False)
    syntax: str
    little: bool


def open_file(raw: bytes, last: int = PIXELS) -> Opened:
    """Read the front of a file and note its allowed elements.

    Parameters
    ----------
    raw : bytes
        The file.
    last : int
        Tag after which nothing is wanted; the pixel data by default.

    Raises
    ------
    ForeignFileError
        If it is not DICOM.
    TruncatedError
        If it ends early.
    InputError
        If it is damaged.
    """
    if raw[_MARK_AT:_META_AT] != b"DICM":
        if len(raw) < _META_AT:
            raise _cut(raw)
        raise ForeignFileError(
            problem("file", "no DICM mark", "a DICOM file", "Keep other files out of the folder.")
        )
    try:
        syntax, at = _meta(raw)
    except struct.error as error:
        raise _cut(raw) from error
    if syntax == _DEFLATED:
        raw, at = _inflate(raw[at:]), 0
    little = syntax != _BIG_ENDIAN
    return Opened(walk(raw, at, syntax != _IMPLICIT, little, last), syntax, little)


def known_name(uid: str) -> str:
    """Return the name that the standard gives to an identifier; others are not shown."""
    name = as_uid(uid).name
    return UNKNOWN if name == uid else name


def as_uid(uid: str) -> UID:
    """Return an identifier, of whatever form; a warning would quote it."""
    return UID(uid, validation_mode=IGNORE)


def _meta(raw: bytes) -> tuple[str, int]:
    """Return the transfer syntax and where the data set starts."""
    at, syntax = _META_AT, ""
    while True:
        if at == len(raw):
            raise _cut(raw)
        group, number, vr, length = _HEAD.unpack_from(raw, at)
        if group != 2:
            break
        start = at + 8
        if vr in _LONG:
            start, length = at + 12, _LENGTH.unpack_from(raw, at + 8)[0]
        at = start + length
        if at > len(raw):
            raise _cut(raw)
        if number == 0x10:
            syntax = raw[start:at].decode("latin-1").strip(" \0")
    if not syntax:
        raise InputError(
            problem("TransferSyntaxUID", "nothing", "a transfer syntax", "Copy the file again.")
        )
    return syntax, at


def _inflate(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        data = unpacker.decompress(packed, _LARGEST)
    except zlib.error as error:
        raise InputError(
            problem("file", "damaged compression", "a readable DICOM file", "Copy it again.")
        ) from error
    if unpacker.unconsumed_tail:
        raise InputError(
            problem("file", "too large", f"{_LARGEST} bytes at most", "Export without compression.")
        )
    if not unpacker.eof:
        raise _cut(packed)
    return data


def _cut(raw: bytes) -> TruncatedError:
    return TruncatedError(
        problem("file", f"{len(raw)} bytes", "the whole file", "Wait for it, or copy it again.")
    )
