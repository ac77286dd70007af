"""The private "CSA" header that Siemens scanners put into their DICOM files.

Layout of version 2 ("SV10"), little-endian: magic, four unused bytes, number of tags, 77; then per
tag a 64-byte name, multiplicity, 4-byte type, syngo type, number of items, 77; then per item four
integers, the second of which is the length, and the text padded to a multiple of four. Version 1
(older software) has neither magic nor unused bytes; the length of an item is its first integer less
the number of items of the very first tag. See the page "Siemens format DICOM with CSA header" of
the nibabel documentation.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["build_csa", "parse_csa"]

_MAGIC = b"SV10\x04\x03\x02\x01"
_HEAD = struct.Struct("<II")
_TAG = struct.Struct("<64si4siiI")
_ITEM = struct.Struct("<4i")
_CHECK = 77
_MAX_TAGS = 1024


def parse_csa(raw: bytes, wanted: Sequence[str]) -> dict[str, list[str]]:
    """Read chosen tags.

    Parameters
    ----------
    raw : bytes
        Value of the DICOM element (0029,1010) or (0029,1020).
    wanted : sequence of str
        Names of the tags to return.

    Returns
    -------
    dict
        Non-empty items, as text, of each tag that is present.

    Raises
    ------
    InputError
        If the bytes are no CSA header.
    TruncatedError
        If they end early.
    """
    version = 2 if raw[:4] == _MAGIC[:4] else 1
    found: dict[str, list[str]] = {}
    try:
        at = 8 if version == 2 else 0
        n_tags, check = _HEAD.unpack_from(raw, at)
        if not 0 < n_tags <= _MAX_TAGS or check != _CHECK:
            raise InputError(
                problem("CSA header", f"no SV10 and {n_tags} tags" if version == 1 else n_tags,
                        f"1 to {_MAX_TAGS} tags", "Export it unchanged.")
            )  # fmt: skip
        at += _HEAD.size
        # Where an item's length stands, and what is to be taken from it.
        surplus = None if version == 2 else _TAG.unpack_from(raw, at)[4]
        for _ in range(n_tags):
            at = _parse_tag(raw, at, surplus, wanted, found)
    except struct.error as error:
        raise TruncatedError(
            problem("CSA header", f"{len(raw)} bytes", "all its tags", "Copy the file again.")
        ) from error
    return found


def _parse_tag(
    raw: bytes, at: int, surplus: int | None, wanted: Sequence[str], found: dict[str, list[str]]
) -> int:
    name_raw, _, _, _, n_items, _ = _TAG.unpack_from(raw, at)
    name = name_raw.split(b"\0", 1)[0].decode("latin-1")
    at += _TAG.size
    items: list[str] = []
    for _ in range(n_items):
        first, second, _, _ = _ITEM.unpack_from(raw, at)
        length = second if surplus is None else first - surplus
        at += _ITEM.size
        if length < 0 or at + length > len(raw):
            if surplus is not None:
                break  # version 1 pads tags with items of no sensible length
            raise struct.error("item reaches beyond the end")
        text = raw[at : at + length].split(b"\0", 1)[0].decode("latin-1").strip()
        if text:
            items.append(text)
        at += -(-length // 4) * 4
    if name in wanted:
        found[name] = items
    return at


def build_csa(tags: Mapping[str, tuple[str, Sequence[str]]], version: int = 2) -> bytes:
    """Write a CSA header.

    Parameters
    ----------
    tags : mapping
        Name to (type such as "US" or "FD", items as text).
    version : int
        1 or 2.

    Returns
    -------
    bytes
        What `parse_csa` reads.
    """
    parts = [_MAGIC if version == 2 else b"", _HEAD.pack(len(tags), _CHECK)]
    counts = [len(items) for _, items in tags.values()]
    surplus = counts[0] if version == 1 and counts else 0
    for name, (kind, items) in tags.items():
        parts.append(_TAG.pack(name.encode(), len(items), kind.encode(), 0, len(items), _CHECK))
        for item in items:
            text = item.encode() + b"\0"
            text += b"\0" * (-len(text) % 4)
            parts += [_ITEM.pack(len(text) + surplus, len(text), _CHECK, len(text)), text]
    return b"".join(parts)
