"""Where percepts come in: the newest wins, and what was passed over is counted."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping

import zmq

from phosphene.bus import Pusher, Subscriber
from phosphene.messages import Credit, Message, Percept
from phosphene.node import NodeContext
from renderer.studio import Seen

__all__ = ["Inlet"]


class Inlet:
    """Takes percepts from the decoder.

    Parameters
    ----------
    context : NodeContext
        The shell.
    """

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._percepts = Subscriber(context.zmq, [context.endpoint("decoder")], [b"percept"])
        self._grants = Subscriber(context.zmq, [context.endpoint("grants")], [b"grant"])
        self._stopped = False
        self._acks = Pusher(context.zmq, context.endpoint("render-acks"))
        self._waiting: deque[Message] = deque()
        self._last_seq = -1
        self._counts = {"percepts": 0, "percepts_missed": 0}

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """The socket that percepts arrive on."""
        return self._percepts.socket

    @property
    def grants(self) -> zmq.Socket[bytes]:
        """The socket on which the gate speaks."""
        return self._grants.socket

    def stopped(self) -> bool:
        """Return whether the participant has stopped; then percepts that wait are forgotten."""
        grant = self._grants.newest()
        if grant is not None:
            self._stopped = grant.header.phase == "stopped"
        if self._stopped:
            for message in [*self._waiting, *self._percepts.receive()]:
                seen = self._noted(message)
                if self._context.plan.lossless:
                    self.acknowledge(seen)
            self._waiting.clear()
        return self._stopped

    @property
    def waits(self) -> bool:
        """Whether percepts are here that `next` has not yet given."""
        return bool(self._waiting)

    def counts(self) -> Mapping[str, int]:
        """Return the counters."""
        return self._counts

    def newest(self) -> Seen | None:
        """Return the newest percept that has arrived, if any; older ones are passed over."""
        seen = None
        for message in self._percepts.receive():
            seen = self._noted(message)
        return seen

    def next(self) -> tuple[Seen, float] | None:
        """Return the oldest percept that waits, with its time on the recording's own axis."""
        self._waiting.extend(self._percepts.receive())
        if not self._waiting:
            return None
        message = self._waiting.popleft()
        return self._noted(message), message.header.t_data

    def acknowledge(self, seen: Seen) -> None:
        """Tell the decoder that a percept is painted, so that it may send more."""
        self._acks.send(
            self._context.message(
                Credit,
                t_acquired=seen.t_acquired,
                stream="percept",
                count=seen.seq + 1,
                epoch=str(os.getpid()),
            )
        )

    def close(self) -> None:
        """Close the sockets."""
        self._percepts.close()
        self._grants.close()
        self._acks.close()

    def _noted(self, message: Message) -> Seen:
        header: Percept = message.header
        if header.seq > self._last_seq + 1 and self._last_seq >= 0:
            self._counts["percepts_missed"] += header.seq - self._last_seq - 1
        self._last_seq = header.seq
        self._counts["percepts"] += 1
        return Seen(
            header.seq,
            header.index,
            header.confidence,
            header.t_acquired,
            header.t_sent,
            self._context.clock.now(),
            message.arrays.get("z"),
            message.arrays.get("c"),
        )
