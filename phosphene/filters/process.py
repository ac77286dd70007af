"""The process of a content filter: pictures in, yes or no out; it ends with the gate.

What the gate sends are two frames, a head and the pixels; what it gets is the head's number and one
byte. Nothing of a picture is written anywhere.
"""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Sequence

import msgspec
import numpy as np
import zmq

from phosphene.coredumps import no_core_dumps
from phosphene.errors import ConfigError
from phosphene.filters import Option, Picture, PictureFilter, open_filter

__all__ = ["FAILED", "HEAD", "NO", "READY", "UNUSABLE", "YES", "main"]

HEAD = struct.Struct("<qiid")
"""Number, height, width, time in seconds."""
YES, NO, FAILED, READY, UNUSABLE = b"Y", b"N", b"E", b"R", b"U"
PARENT_MS = 200


def _answer(checked: PictureFilter, picture: Picture, t_s: float) -> tuple[bytes, bytes]:
    try:
        return (YES if checked(picture, t_s) is True else NO), b""
    except Exception as error:
        # Its kind alone: words of somebody else's code may hold anything.
        return FAILED, type(error).__name__.encode()


def main(argv: Sequence[str]) -> int:
    """Serve one filter until the gate ends.

    Parameters
    ----------
    argv : sequence of str
        Process of the gate, its address, name of the filter, its options as JSON.

    Returns
    -------
    int
        Exit status.
    """
    gate, address, name, options = argv
    no_core_dumps()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 200
        socket.connect(address)
        try:
            checked = open_filter(name, msgspec.json.decode(options, type=dict[str, Option]))
        except ConfigError as error:
            socket.send_multipart([b"", UNUSABLE, str(error).encode()])
            return 1
        socket.send_multipart([b"", READY, b""])
        while os.getppid() == int(gate):
            if not socket.poll(PARENT_MS):
                continue
            head, pixels = socket.recv_multipart()
            number, height, width, t_s = HEAD.unpack(head)
            picture = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
            kind, why = _answer(checked, picture, t_s)
            socket.send_multipart([number.to_bytes(8, "little"), kind, why])
    return 0
