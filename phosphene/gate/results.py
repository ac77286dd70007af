"""The door for results that other programs get: of each percept, a score and a category."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import zmq

from phosphene.bus import Publisher, Subscriber
from phosphene.gate.door import SinkDoor
from phosphene.gate.policy import STREAM_SINK
from phosphene.messages import Message, Percept, topic_of
from phosphene.node import NodeContext

__all__ = ["PerceptInlet", "ResultsDoor", "score_of"]

QUEUE_IN_LOSSLESS = 100_000


def score_of(percept: Percept, target: str | None) -> float:
    """Return the feedback score of a percept, 0 to 1.

    Parameters
    ----------
    percept : Percept
        With the probabilities of the categories.
    target : str or None
        Category whose probability is the score; a category that the decoder does not know has
        none. Without a target it is the confidence.
    """
    if target is None:
        return float(percept.confidence)
    return float(percept.probabilities.get(target, 0.0))


class PerceptInlet:
    """Percepts in from the decoder, all of them, in order.

    Parameters
    ----------
    context : NodeContext
        The gate's shell.
    """

    def __init__(self, context: NodeContext) -> None:
        self._percepts = Subscriber(context.zmq, [], [topic_of(Percept)])
        if context.plan.lossless:
            # This link is not acknowledged; what comes faster than it is taken in waits here.
            self._percepts.socket.rcvhwm = QUEUE_IN_LOSSLESS
        self._percepts.socket.connect(context.endpoint("decoder"))

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """Socket on which percepts arrive."""
        return self._percepts.socket

    def waiting(self, received: Callable[[Callable[[], Any]], Any]) -> Iterator[Message]:
        """Yield the percepts that have come; `received` reads and checks one."""
        read = self._percepts.socket.recv_multipart
        while (message := received(lambda: read(zmq.NOBLOCK))) is not None:
            if isinstance(message.header, Percept):
                yield message

    def close(self) -> None:
        """Close the socket."""
        self._percepts.close()


class ResultsDoor:
    """Of percepts that pass, results out; in a run with a protocol they are its feedback.

    No array goes through: what is decoded of a picture stays inside.

    Parameters
    ----------
    context : NodeContext
        The gate's shell.

    Attributes
    ----------
    door : SinkDoor
        Tells the outlets whether results pass, as every sink is told.
    """

    def __init__(self, context: NodeContext) -> None:
        self._publisher = Publisher(context.zmq, context.endpoint(f"view-{STREAM_SINK}"))
        self.door = SinkDoor(STREAM_SINK, self._publisher, context.plan.lossless)
        self._target = context.plan.session.results.target

    def send(self, context: NodeContext, percept: Message) -> bool:
        """Send what others may have of a percept; return False when nobody listens."""
        header = percept.header
        fields = {
            "index": header.index,
            "t_data": header.t_data,
            "score": score_of(header, self._target),
            "label": header.label,
            "confidence": header.confidence,
        }
        now = context.clock.now()
        given = self.door.give(self.door.feedback(fields, context.plan.run, header.t_acquired, now))
        self.door.passed += given
        return given

    def close(self) -> None:
        """Close the socket."""
        self.door.close()
