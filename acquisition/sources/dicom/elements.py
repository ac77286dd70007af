"""Allowed elements of one data set, decoded only when they are asked for.

Messages name an element and what it should be, never what stands in it: a damaged or misused
element could hold anything.
"""

from __future__ import annotations

import struct

from acquisition.sources.dicom.allowlist import public
from phosphene.errors import InputError, problem

__all__ = ["Elements"]

_BINARY = {
    b"US": "H", b"SS": "h", b"UL": "I", b"SL": "i", b"OL": "I", b"OV": "Q", b"UV": "Q", b"SV": "q",
    b"FL": "f", b"FD": "d", b"OF": "f", b"OD": "d",
}  # fmt: skip
_LONGEST_TEXT = 4096
_MOST_NUMBERS = 4096


class Elements:
    """What the allowlist lets through of one data set; empty elements count as absent.

    Parameters
    ----------
    raw : bytes
        The file.
    little : bool
        Whether numbers have their low byte first.
    """

    __slots__ = ("_items", "_little", "_raw", "_spans")

    def __init__(self, raw: bytes, little: bool) -> None:
        self._raw = raw
        self._little = little
        self._spans: dict[str, tuple[bytes, int, int]] = {}
        self._items: dict[str, list[Elements]] = {}

    def put(self, name: str, vr: bytes, start: int, end: int) -> None:
        """Note where an element's value lies."""
        self._spans[name] = (vr, start, end)

    def put_items(self, name: str, items: list[Elements]) -> None:
        """Note the items of a sequence."""
        self._items[name] = items

    def __contains__(self, name: str) -> bool:
        if name in self._items:
            return bool(self._items[name])
        span = self._spans.get(name)
        return span is not None and span[2] > span[1]

    def names(self) -> set[str]:
        """Return the names of all elements noted."""
        return {*self._spans, *self._items}

    def items(self, name: str) -> list[Elements]:
        """Return the items of a sequence; none where it is absent."""
        return self._items.get(name, [])

    def value(self, name: str) -> memoryview:
        """Return the bytes of an element; none where it is absent."""
        _, start, end = self._spans.get(name, (b"", 0, 0))
        return memoryview(self._raw)[start:end]

    def texts(self, name: str) -> list[str]:
        """Return the values of a text element; none where it is absent."""
        span = self._spans.get(name)
        if span is None:
            return []
        stored = self._raw[span[1] : min(span[2], span[1] + _LONGEST_TEXT)].decode("latin-1")
        values = [value.strip(" \0") for value in stored.split("\\")]
        return values if any(values) else []

    def text(self, name: str) -> str:
        """Return the first value of a text element; "" where it is absent."""
        return next(iter(self.texts(name)), "")

    def numbers(self, name: str, count: int | None = None) -> tuple[float, ...]:
        """Return the values of an element of numbers.

        Raises
        ------
        InputError
            If it is absent, holds something else, or another number of values than `count`.
        """
        values = self._numbers(name)
        if not values or (count is not None and len(values) != count):
            wanted = "a number" if count in (None, 1) else f"{count} numbers"
            raise InputError(
                problem(name, "something else or nothing", wanted, "Export the image again.")
            )
        return values

    def number(self, name: str, default: float | None = None) -> float:
        """Return the first number of an element, or the default where it is absent.

        Raises
        ------
        InputError
            If it holds something else, or is absent and there is no default.
        """
        if default is not None and name not in self:
            return default
        return self.numbers(name)[0]

    def whole(self, name: str, default: int | None = None) -> int:
        """Return the first number of an element, which must be whole; see `number`."""
        value = self.number(name, default)
        if value != round(value):
            raise InputError(problem(name, "a fraction", "a whole number", "Export again."))
        return round(value)

    def _numbers(self, name: str) -> tuple[float, ...]:
        span = self._spans.get(name)
        if span is None:
            return ()
        vr, start, end = span
        if vr in (b"UN", b"OB", b"OW", b"", b"ST"):
            vr = public(name).vr.encode()
        code = _BINARY.get(vr)
        if code is not None:
            return self._unpack(code, start, end)
        try:
            values = tuple(float(text) for text in self.texts(name))
        except ValueError:
            return ()
        # "nan" and "inf" are no numbers of DICOM, nor are these of any use
        return values if all(abs(v) < 1e15 for v in values) else ()

    def _unpack(self, code: str, start: int, end: int) -> tuple[float, ...]:
        size = struct.calcsize(code)
        count = min((end - start) // size, _MOST_NUMBERS)
        order = "<" if self._little else ">"
        return struct.unpack_from(f"{order}{count}{code}", self._raw, start)
