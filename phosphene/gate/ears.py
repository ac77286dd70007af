"""What the gate hears of the other nodes: signs of life, events, how far the data have come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import zmq

from phosphene.bus import Puller, Subscriber
from phosphene.errors import MessageError
from phosphene.messages import Beat, Message, decode
from phosphene.node import NodeContext

__all__ = ["Ears"]


class Ears:
    """Sockets on which others speak to the gate.

    Parameters
    ----------
    context : NodeContext
        The gate's shell.
    topics : sequence of bytes
        What to hear of acquisition.
    counts : Counter
        The gate's counters; ``malformed`` is kept here.
    """

    def __init__(self, context: NodeContext, topics: Sequence[bytes], counts: Counter[str]) -> None:
        self._run, self._counts = context.plan.run, counts
        self.bonds = Puller(context.zmq, context.endpoint("bonds"))
        self.acquisition = Subscriber(context.zmq, [context.endpoint("acquisition")], topics)

    def received(self, receive: Callable[[], Any]) -> Any:
        """Return the next message of a socket, None when there is none; bad ones are counted."""
        while True:
            try:
                return decode(receive())
            except zmq.Again:
                return None
            except MessageError:
                self._counts["malformed"] += 1

    def beats(self) -> Iterator[Message]:
        """Yield the beats of this run that have come."""
        read = self.bonds.socket.recv_multipart
        while (message := self.received(lambda: read(zmq.NOBLOCK))) is not None:
            if isinstance(message.header, Beat) and message.header.run == self._run:
                yield message

    def told(self) -> Iterator[Message]:
        """Yield what has come from acquisition."""
        read = self.acquisition.socket.recv_multipart
        while (message := self.received(lambda: read(zmq.NOBLOCK))) is not None:
            yield message

    def close(self) -> None:
        """Close the sockets."""
        self.bonds.close()
        self.acquisition.close()
