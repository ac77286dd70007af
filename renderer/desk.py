"""Where the operator's window and `phosphene paint` ask the renderer to paint otherwise, live.

The socket lies in the run's private folder, as all do. It takes `set` and `status`; what starts and
ends the node comes from the supervisor alone. Nothing that passes here shows a picture to anybody:
frames leave through the gate.
"""

from __future__ import annotations

from collections.abc import Callable

import zmq

from phosphene.errors import ConfigError, MessageError, problem
from phosphene.messages import Command, Message, Reply, decode, encode
from phosphene.node import NodeContext

__all__ = ["ACTIONS", "Desk"]

ACTIONS = ("set", "status")


class Desk:
    """Answers commands on the socket `paint-control`.

    Parameters
    ----------
    context : NodeContext
        The shell.
    obey : Callable
        Does what a command says and returns its words; ConfigError becomes the answer "no".
    """

    def __init__(self, context: NodeContext, obey: Callable[[Command], str]) -> None:
        self._context, self._obey = context, obey
        self.socket: zmq.Socket[bytes] = context.zmq.socket(zmq.ROUTER)
        self.socket.linger = 200
        self.socket.bind(context.endpoint("paint-control"))
        self.malformed = 0

    def serve(self) -> None:
        """Answer whatever waits."""
        while True:
            try:
                identity, *frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                command = decode(frames).header
            except MessageError:
                self.malformed += 1
                continue
            if isinstance(command, Command):
                self.socket.send_multipart([identity, *encode(self._answer(command))])

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def _answer(self, command: Command) -> Message:
        try:
            if command.action not in ACTIONS:
                cure = "Ask the supervisor."
                raise ConfigError(problem("action", command.action, ", ".join(ACTIONS), cure))
            ok, text = True, self._obey(command)
        except ConfigError as error:
            ok, text = False, str(error)
        now = self._context.clock.now()
        return self._context.message(Reply, t_acquired=now, id=command.id, ok=ok, text=text)
