"""Who comes in: answers ZeroMQ's question (ZAP, RFC 27) for each key that knocks.

CURVE alone lets in whoever knows the server's public key. Each socket asks here, by its own name,
and gets a yes for the keys on that socket's list only.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

import zmq

__all__ = ["Admission", "answer"]

_ZAP = "inproc://zeromq.zap.01"
_VERSION = b"1.0"
_MOST_TOLD = 20

Lists = Mapping[bytes, Mapping[bytes, str]]


def answer(request: list[bytes], lists: Lists) -> tuple[list[bytes], str]:
    """Answer one question.

    Parameters
    ----------
    request : list of bytes
        Version, id, domain (name of the socket), address, identity, mechanism, credentials.
    lists : mapping
        For each domain the keys that come in (32 bytes), with their names.

    Returns
    -------
    reply : list of bytes
        Version, id, status, text, name of the peer, metadata.
    refused : str
        Why not, in words; empty where the peer comes in.
    """
    number = request[1] if len(request) > 1 else b""
    name, refused = "", "the request cannot be read"
    if len(request) == 7 and request[0] == _VERSION:
        _, _, domain, address, _, mechanism, key = request
        who = f"{domain.decode(errors='replace')} from {address.decode(errors='replace')}"
        if mechanism != b"CURVE":
            refused = f"{who}: no CURVE"
        elif key not in lists.get(domain, {}):
            refused = f"{who}: a key that is not listed"
        else:
            name, refused = lists[domain][key], ""
    status, text = (b"400", b"not admitted") if refused else (b"200", b"OK")
    return [_VERSION, number, status, text, name.encode(), b""], refused


class Admission:
    """Answers in a thread of its own, so that a busy node keeps nobody waiting.

    Parameters
    ----------
    context : zmq.Context
        Context whose sockets ask.
    lists : mapping
        As in `answer`.

    Attributes
    ----------
    refused : Counter
        How often, by socket, address and reason.
    """

    def __init__(self, context: zmq.Context[Any], lists: Lists) -> None:
        self.refused: Counter[str] = Counter()
        self._lists = lists
        self._door: zmq.Socket[bytes] = context.socket(zmq.REP)
        self._door.linger = 0
        self._door.bind(_ZAP)
        inside = f"inproc://admission-{id(self)}"
        self._end: zmq.Socket[bytes] = context.socket(zmq.PAIR)
        self._end.bind(inside)
        self._ended: zmq.Socket[bytes] = context.socket(zmq.PAIR)
        self._ended.connect(inside)
        # A process that fails before it can close anything must still be able to end.
        self._thread = threading.Thread(target=self._serve, name="admission", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; from then on nobody comes in."""
        self._end.send(b"")
        self._thread.join()
        for socket in (self._end, self._ended, self._door):
            socket.close(linger=0)

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._door, zmq.POLLIN)
        poller.register(self._ended, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._ended in ready:
                return
            reply, refused = answer(self._door.recv_multipart(), self._lists)
            if refused:
                self._tell(refused)
            self._door.send_multipart(reply)

    def _tell(self, refused: str) -> None:
        # Somebody who tries again and again must not fill the log.
        if refused not in self.refused and len(self.refused) < _MOST_TOLD:
            logging.getLogger(__name__).warning("not admitted to %s", refused)
            self.refused[refused] = 0
        if refused in self.refused:
            self.refused[refused] += 1
