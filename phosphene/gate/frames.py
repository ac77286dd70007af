"""Where frames come in: the newest wins, or at full speed all of them, in order and in patience."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import zmq

from phosphene.bus import Subscriber
from phosphene.errors import MessageError
from phosphene.messages import Frame, Message, decode, topic_of
from phosphene.node import NodeContext

__all__ = ["FrameInlet"]

FRAMES_PER_STEP = 16
MOST_AT_ONCE = 1000
QUEUE_IN_LOSSLESS = 100_000


class FrameInlet:
    """Takes frames from the renderer.

    Parameters
    ----------
    context : NodeContext
        The shell.
    counts : Counter
        The gate's counters; ``frames_seen``, ``frames_skipped`` and ``malformed`` are kept here.
    ready : Callable
        Asked at full speed before each frame: False leaves it in the queue. A process that is slow
        or being started again costs time there, not frames; nothing is shown meanwhile either.
    """

    def __init__(
        self, context: NodeContext, counts: Counter[str], ready: Callable[[], bool]
    ) -> None:
        self._counts, self._ready = counts, ready
        self._lossless = context.plan.lossless
        self._subscriber = Subscriber(context.zmq, [], [topic_of(Frame)])
        if self._lossless:
            # The renderer's link is not acknowledged; here its frames wait instead of being lost.
            self._subscriber.socket.rcvhwm = QUEUE_IN_LOSSLESS
        self._subscriber.socket.connect(context.endpoint("renderer"))

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """The socket that frames arrive on."""
        return self._subscriber.socket

    def waiting(self) -> Iterator[Message]:
        """Yield the frames to judge now."""
        if self._lossless:
            for _ in range(FRAMES_PER_STEP):
                if not self._ready() or (frame := self._next()) is None:
                    return
                yield frame
            return
        yield from self._newest()

    def rest(self) -> Iterator[Message]:
        """Yield what still waits, ready or not: nothing is left uncounted at the end."""
        while (frame := self._next()) is not None:
            yield frame

    def close(self) -> None:
        """Close the socket."""
        self._subscriber.close()

    def _newest(self) -> list[Message]:
        newest, passed_over = None, -1
        for _ in range(MOST_AT_ONCE):
            if (frame := self._next()) is None:
                break
            newest, passed_over = frame, passed_over + 1
        if newest is None:
            return []
        self._counts["frames_skipped"] += passed_over
        return [newest]

    def _next(self) -> Message | None:
        """Return the next frame, None when there is none; what cannot be read is counted."""
        while True:
            try:
                message = decode(self.socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return None
            except MessageError:
                self._counts["malformed"] += 1
                continue
            if isinstance(message.header, Frame) and _painted(message):
                self._counts["frames_seen"] += 1
                return message
            self._counts["malformed"] += 1


def _painted(frame: Message) -> bool:
    """Return whether a frame holds a picture and nothing else."""
    picture = frame.arrays.get("picture")
    if picture is None or len(frame.arrays) > 1:
        return False
    of_colours = picture.ndim == 3 and picture.shape[2] == 3
    return bool(picture.dtype == np.uint8 and of_colours and picture.size > 0)
