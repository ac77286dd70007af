"""Walks over a DICOM data set and notes where the allowed elements are.

Everything else is stepped over by its length. Layout: DICOM PS3.5, sections 7.1 (explicit and
implicit value representation), 7.5 (sequences and items of defined and undefined length), 7.8
(private elements and their creators).
"""

from __future__ import annotations

import struct

from acquisition.sources.dicom.allowlist import CREATORS, PUBLIC, Element, private
from acquisition.sources.dicom.elements import Elements
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["PIXELS", "walk"]

_UNDEFINED = 0xFFFFFFFF
_ITEM, _END_OF_ITEM, _END_OF_SEQUENCE = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXELS = 0x7FE00010
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_DEEPEST = 24
_LONGEST_CREATOR = 64


def walk(raw: bytes, at: int, explicit: bool, little: bool, last: int = PIXELS) -> Elements:
    """Note the allowed elements of a data set, up to and with a last one.

    Parameters
    ----------
    raw : bytes
        The file.
    at : int
        Where the data set starts.
    explicit : bool
        Whether the file names each element's value representation.
    little : bool
        Whether numbers have their low byte first.
    last : int
        Tag after which nothing is wanted; the pixel data by default.

    Raises
    ------
    TruncatedError
        If the file ends early.
    InputError
        If it is damaged.
    """
    try:
        return _Walker(raw, explicit, little, last).data_set(at, len(raw), 0)[0]
    except struct.error as error:
        raise _cut(raw) from error


class _Walker:
    def __init__(self, raw: bytes, explicit: bool, little: bool, last: int) -> None:
        order = "<" if little else ">"
        self._raw, self._explicit, self._little, self._last = raw, explicit, little, last
        self._short = struct.Struct(f"{order}HH2sH").unpack_from
        self._plain = struct.Struct(f"{order}HHI").unpack_from
        self._length = struct.Struct(f"{order}I").unpack_from

    def data_set(self, at: int, end: int, depth: int) -> tuple[Elements, int]:
        """Note the elements between two places, or up to an end mark; return where it stopped."""
        found = Elements(self._raw, self._little)
        blocks: dict[int, str] = {}
        while at < end:
            tag, vr, start, length = self._head(at, self._explicit)
            if tag == _END_OF_ITEM:
                return found, start
            if start > end:
                raise _damaged()
            element = PUBLIC.get(tag)
            if tag & 0x10000:
                element = self._private(tag, start, length, blocks)
            if element is None:
                at = self._past(vr, start, length, depth)
                continue
            if not self._explicit:
                vr = element.vr.encode()
            if vr == b"SQ" or (element.vr == "SQ" and vr == b"UN"):
                items, at = self._sequence(start, length, depth + 1)
                found.put_items(element.name, items)
                continue
            at = self._past(vr, start, length, depth)
            found.put(element.name, vr, start, at)
            if tag >= self._last and depth == 0:
                break
        if at > end:
            raise _damaged()
        return found, at

    def _head(self, at: int, explicit: bool) -> tuple[int, bytes, int, int]:
        """Return tag, value representation, start of the value, and its length."""
        group, number, vr, length = self._short(self._raw, at)
        if group == 0xFFFE or not explicit:
            group, number, length = self._plain(self._raw, at)
            if group == 0:
                raise _damaged()
            return group << 16 | number, b"", at + 8, length
        if vr in _SHORT:
            return group << 16 | number, vr, at + 8, length
        if vr not in _LONG or group == 0:
            raise _damaged()
        return group << 16 | number, vr, at + 12, self._length(self._raw, at + 8)[0]

    def _past(self, vr: bytes, start: int, length: int, depth: int) -> int:
        """Return where a value ends."""
        if length != _UNDEFINED:
            if start + length > len(self._raw):
                raise _cut(self._raw)
            return start + length
        # what stands under "UN" without a length is implicit (PS3.5, 6.2.2, note 7)
        return self._past_items(start, self._explicit and vr != b"UN", depth + 1)

    def _past_items(self, at: int, explicit: bool, depth: int) -> int:
        """Return the end of a sequence, or of fragments, of undefined length."""
        while True:
            tag, length = self._item(at, depth)
            at += 8
            if tag == _END_OF_SEQUENCE:
                return at
            if length != _UNDEFINED:
                at += length
                continue
            while True:
                tag, vr, start, length = self._head(at, explicit)
                if tag == _END_OF_ITEM:
                    at = start
                    break
                if length == _UNDEFINED:
                    at = self._past_items(start, explicit and vr != b"UN", depth + 1)
                else:
                    at = start + length

    def _sequence(self, at: int, length: int, depth: int) -> tuple[list[Elements], int]:
        end = len(self._raw) if length == _UNDEFINED else at + length
        if end > len(self._raw):
            raise _cut(self._raw)
        items: list[Elements] = []
        while at < end:
            tag, size = self._item(at, depth)
            at += 8
            if tag == _END_OF_SEQUENCE:
                return items, at
            stop = len(self._raw) if size == _UNDEFINED else at + size
            if stop > end:
                raise _cut(self._raw) if stop > len(self._raw) else _damaged()
            item, at = self.data_set(at, stop, depth)
            items.append(item)
        if length == _UNDEFINED:
            raise _cut(self._raw)
        if at != end:
            raise _damaged()
        return items, at

    def _item(self, at: int, depth: int) -> tuple[int, int]:
        group, number, length = self._plain(self._raw, at)
        tag = group << 16 | number
        if tag not in (_ITEM, _END_OF_SEQUENCE) or depth > _DEEPEST:
            raise _damaged()
        return tag, length

    def _private(self, tag: int, start: int, length: int, blocks: dict[int, str]) -> Element | None:
        group, number = tag >> 16, tag & 0xFFFF
        if 0x10 <= number <= 0xFF:
            if length <= _LONGEST_CREATOR:
                creator = self._raw[start : start + length].decode("latin-1").strip(" \0")
                if creator in CREATORS:
                    blocks[group << 8 | number] = creator
            return None
        creator = blocks.get(group << 8 | number >> 8, "")
        return private(creator, tag) if creator else None


def _cut(raw: bytes) -> TruncatedError:
    return TruncatedError(
        problem("file", f"{len(raw)} bytes", "the whole file", "Wait for it, or copy it again.")
    )


def _damaged() -> InputError:
    return InputError(
        problem("file", "damaged elements", "a readable DICOM file", "Copy the file again.")
    )
