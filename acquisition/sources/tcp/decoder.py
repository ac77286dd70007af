"""What a protocol has to offer so that a feed can listen for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from acquisition.fmri.volume import Volume

__all__ = ["StreamDecoder"]


class StreamDecoder(Protocol):
    """Turns the bytes of a connection into volumes; no sockets, no clock, no thread."""

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[Volume]:
        """Take the next bytes, in pieces of any size.

        Yields
        ------
        Volume
            Those whose last byte is among `data`; all bytes are taken only once all are asked for.

        Raises
        ------
        InputError
            If the bytes are not what the protocol says; the connection is of no use any more.
        """
        ...

    def hang_up(self) -> None:
        """Be ready for the next connection.

        Raises
        ------
        TruncatedError
            If the connection ended within a header or a volume.
        """
        ...
