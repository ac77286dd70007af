"""A bell that one other thread rings to wake a node."""

from __future__ import annotations

import contextlib
from typing import Any

import zmq

__all__ = ["ThreadBell"]

_ADDRESS = "inproc://bell"


class ThreadBell:
    """A pair of sockets within the process.

    Parameters
    ----------
    context : zmq.Context
        Context of this process.
    """

    def __init__(self, context: zmq.Context[Any]) -> None:
        self.socket: zmq.Socket[bytes] = context.socket(zmq.PAIR)
        self.socket.bind(_ADDRESS)
        self._ringer: zmq.Socket[bytes] = context.socket(zmq.PAIR)
        self._ringer.linger = 0
        self._ringer.connect(_ADDRESS)

    def ring(self) -> None:
        """Wake the node; only ever called in one thread."""
        # When the pipe is full, enough rings are waiting already.
        with contextlib.suppress(zmq.Again):
            self._ringer.send(b"", zmq.NOBLOCK)

    def hush(self) -> None:
        """Take in all rings."""
        with contextlib.suppress(zmq.Again):
            while True:
                self.socket.recv(zmq.NOBLOCK)

    def close(self) -> None:
        """Close both ends, after the other thread has ended."""
        self._ringer.close()
        self.socket.close()
