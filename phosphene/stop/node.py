"""The stop device's shell: presses in, their number to the gate with every beat, at once.

It needs no other process than the gate. The beats go to the gate's own socket; where they cease,
for whatever reason, the gate blanks every view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import zmq

from phosphene.errors import MessageError, NodeError, problem
from phosphene.messages import Command, Message, Reply, decode, encode
from phosphene.node import NodeContext
from phosphene.stop.core import PressCounter
from phosphene.stop.sources import open_sources

__all__ = ["STOP_SOCKET", "StopNode"]

STOP_SOCKET = "stop"
"""Socket on which the participant's window reports its stop key (Command ``press`` -> Reply)."""


class StopNode:
    """The participant's stop device.

    Parameters
    ----------
    context : NodeContext
        What the shell lends.
    """

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._counter = PressCounter()
        self._malformed = 0
        self._sources = open_sources(context.plan.session.stop)
        self._requests: zmq.Socket[bytes] = context.zmq.socket(zmq.ROUTER)
        self._requests.linger = 200
        self._requests.bind(context.endpoint(STOP_SOCKET))

    def sockets(self) -> Sequence[zmq.Socket[bytes] | int]:
        """Return the window's socket and the open devices."""
        return [self._requests, *(source.fileno() for source in self._sources)]

    def due_s(self) -> float | None:
        """Return None: nothing is timed here."""
        return None

    def step(self) -> None:
        """Take in presses and tell the gate at once."""
        for source in self._sources:
            if source.presses():
                self._press()
        self._take_requests()

    def counts(self) -> Mapping[str, int]:
        """Return the number of presses, which is what the gate listens to."""
        return {"presses": self._counter.count, "malformed": self._malformed}

    def done(self) -> bool:
        """Return False: the device waits until it is told to end."""
        return False

    def command(self, command: Command) -> str:
        """Obey ``press`` (from the participant's window), ``go`` and ``status``."""
        if command.action == "press":
            self._press()
        elif command.action not in ("go", "status"):
            raise NodeError(problem("command", command.action, "press, go, status", "Send one."))
        return f"{self._counter.count} presses"

    def close(self) -> None:
        """Close the devices and the socket."""
        for source in self._sources:
            source.close()
        self._requests.close()

    def _press(self) -> None:
        if self._counter.press(self._context.clock.now()):
            self._context.beat(self.counts(), force=True)

    def _take_requests(self) -> None:
        while True:
            try:
                identity, *frames = self._requests.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                command = decode(frames).header
            except MessageError:
                self._malformed += 1
                continue
            if isinstance(command, Command):
                self._requests.send_multipart([identity, *encode(self._answer(command))])

    def _answer(self, command: Command) -> Message:
        try:
            ok, text = True, self.command(command)
        except NodeError as error:
            ok, text = False, str(error)
        now = self._context.clock.now()
        return self._context.message(Reply, t_acquired=now, id=command.id, ok=ok, text=text)
