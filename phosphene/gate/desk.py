"""The gate's control socket: commands in, checked against the asker's role, answers out."""

from __future__ import annotations

from collections.abc import Callable

import zmq

from phosphene.errors import MessageError, NodeError, problem
from phosphene.gate.roles import ACTIONS, Role, may, role_named
from phosphene.messages import Command, Message, Reply, decode, encode
from phosphene.node import NodeContext

__all__ = ["Desk"]


class Desk:
    """Takes commands and answers them.

    Parameters
    ----------
    context : NodeContext
        The gate's shell.
    obey : Callable
        Carries a command out for a role and returns a line of text; raises NodeError to refuse.
    refused : Callable
        Told role and action of each command that a role may not give.
    """

    def __init__(
        self,
        context: NodeContext,
        obey: Callable[[Command, Role], str],
        refused: Callable[[Role, str], None],
    ) -> None:
        self._context, self._obey, self._refused = context, obey, refused
        self.malformed = 0
        self.socket: zmq.Socket[bytes] = context.zmq.socket(zmq.ROUTER)
        self.socket.linger = 200
        self.socket.bind(context.endpoint("gate-control"))

    def take(self) -> None:
        """Answer everything that waits."""
        while True:
            try:
                identity, *frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            envelope = [identity, b""] if frames[:1] == [b""] else [identity]
            try:
                command = decode(frames[len(envelope) - 1 :]).header
            except MessageError:
                self.malformed += 1
                continue
            if isinstance(command, Command):
                answer = self._answer(command, role_named(identity))
                self.socket.send_multipart([*envelope, *encode(answer)])

    def _answer(self, command: Command, role: Role) -> Message:
        try:
            if command.action in ACTIONS and not may(role, command.action):
                self._refused(role, command.action)
                who = " or ".join(sorted(ACTIONS[command.action]))
                raise NodeError(problem(command.action, role, who, "Ask one of these."))
            ok, text = True, self._obey(command, role)
        except NodeError as error:
            ok, text = False, str(error)
        now = self._context.clock.now()
        return self._context.message(Reply, t_acquired=now, id=command.id, ok=ok, text=text)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
