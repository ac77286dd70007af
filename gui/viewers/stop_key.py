"""Tells the participant's stop device of a press in their window; never waits."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

import zmq

from phosphene.messages import Command, encode
from phosphene.node import NodeContext
from phosphene.stop.node import STOP_SOCKET

__all__ = ["StopKey"]


class StopKey:
    """The way from the key of the participant's window to the stop device.

    Without a device in the run the gate itself is told, in the participant's role. Nothing waits
    for an answer: the gate's next view is the answer, and where device or gate are gone, the lost
    bond blanks everything. A press that nobody could take yet lies in the queue until somebody can.

    Parameters
    ----------
    context : NodeContext
        The window's shell; used in its own thread only.
    """

    def __init__(self, context: NodeContext) -> None:
        device = context.plan.session.stop.present
        self._context, self._action = context, "press" if device else "stop"
        self._socket: zmq.Socket[Any] = context.zmq.socket(zmq.DEALER)
        # A name of its own each time: one that fell is not yet forgotten.
        self._socket.identity = f"participant-{uuid.uuid4().hex[:8]}".encode()
        self._socket.linger = 200
        self._socket.connect(context.endpoint(STOP_SOCKET if device else "gate-control"))

    def press(self) -> None:
        """Tell of one press."""
        with contextlib.suppress(zmq.Again):
            while True:  # answers to earlier presses
                self._socket.recv_multipart(zmq.NOBLOCK)
        command = self._context.message(
            Command,
            t_acquired=self._context.clock.now(),
            id=uuid.uuid4().hex,
            action=self._action,
        )
        self._socket.send_multipart(encode(command), zmq.NOBLOCK)

    def close(self) -> None:
        """Close the socket; a press just made still goes out."""
        self._socket.close()
