"""How one bus message lies in a recording.

A record's data is one MessagePack array: the message's header exactly as it travelled, then each
array's buffer as ``bin 32``. Any MessagePack reader understands it; nothing is encoded twice::

    0x90 + n  (or 0xdc, n as 2 bytes)   array of n = 1 + number of arrays
    header                              MessagePack map, byte for byte from the bus
    0xc6, length as 4 bytes, bytes      for each array, little endian, C order
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from phosphene.errors import MessageError

__all__ = ["ENCODING", "pack", "unpack"]

ENCODING = "msgpack"
_FIXARRAY, _ARRAY16, _BIN32 = 0x90, 0xDC, 0xC6
_BIN32_HEAD = 5
_PARTS: msgspec.msgpack.Decoder[list[msgspec.Raw]] = msgspec.msgpack.Decoder(list[msgspec.Raw])


def pack(parts: Sequence[Any]) -> bytes:
    """Frame a header and its buffers.

    Parameters
    ----------
    parts : sequence of bytes-like
        MessagePack header, then one buffer for each array.

    Returns
    -------
    bytes
    """
    n = len(parts)
    pieces = [bytes([_FIXARRAY | n]) if n < 16 else struct.pack(">BH", _ARRAY16, n), parts[0]]
    for part in parts[1:]:
        view = memoryview(part).cast("B") if memoryview(part).nbytes else b""
        pieces += [struct.pack(">BI", _BIN32, len(view)), view]
    return b"".join(pieces)


def unpack(data: bytes) -> list[memoryview]:
    """Take a record's data apart again.

    Returns
    -------
    list of memoryview
        Header and buffers, as given to `pack`.

    Raises
    ------
    MessageError
        If the data was not framed by `pack`.
    """
    try:
        parts = [memoryview(raw) for raw in _PARTS.decode(data)]
    except msgspec.DecodeError as error:
        raise MessageError(
            f"record of {len(data)} bytes is not a framed message: {error}"
        ) from error
    if not parts or any(p[:1] != bytes([_BIN32]) for p in parts[1:]):
        raise MessageError(f"record of {len(data)} bytes holds something else than buffers")
    return [parts[0], *(p[_BIN32_HEAD:] for p in parts[1:])]
