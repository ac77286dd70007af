"""The supervisor's side of the control socket: beats and replies in, commands out."""

from __future__ import annotations

import os
import uuid
from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

import zmq

from phosphene.bus import MAX_MESSAGE_BYTES, Pusher, RunFolder
from phosphene.clock import Clock
from phosphene.messages import Beat, Command, Message, Reply, decode, encode
from phosphene.network.layout import Network
from phosphene.network.sockets import guarded_context

__all__ = ["ControlRoom"]


class ControlRoom:
    """Holds the control socket of a run.

    Parameters
    ----------
    folder : RunFolder
        Sockets of the run.
    run : str
        Identifier of the run.
    clock : Clock
        Present time.
    network : Network or None
        Machines that take part; None: only this one.

    Attributes
    ----------
    beats : dict of str to Beat
        Newest beat of each node.
    replies : dict of str to Reply
        Replies by command id.
    heard : deque of (str, str)
        What nodes have to tell, oldest first: who, and a sentence.
    """

    def __init__(
        self, folder: RunFolder, run: str, clock: Clock, network: Network | None = None
    ) -> None:
        def place(name: str) -> str:
            far = None if network is None else network.address(name)
            return far or folder.endpoint(name)

        self._run, self._clock = run, clock
        self._context = guarded_context(network)
        self._router: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        self._router.linger = 200
        self._router.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self._router.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self._router.bind(place("control"))
        self._bond = Pusher(self._context, place("bonds"))
        self._bond.socket.linger = 0
        self._seq = 0
        self.beats: dict[str, Beat] = {}
        self.replies: dict[str, Reply] = {}
        self.heard: deque[tuple[str, str]] = deque()

    def _stamp(self) -> dict[str, Any]:
        now = self._clock.now()
        self._seq += 1
        return {
            "run": self._run,
            "seq": self._seq,
            "t_acquired": now,
            "t_sent": now,
            "producer": "supervisor",
        }

    def beat(self, state: Literal["starting", "running", "stopped"]) -> None:
        """Tell the gate that the supervisor lives."""
        beat = Beat(**self._stamp(), pid=os.getpid(), state=state, counts={})
        self._bond.send(Message(beat))

    def receive(self, timeout_s: float) -> None:
        """Take in what has arrived, waiting at most `timeout_s` seconds for the first."""
        if not self._router.poll(int(timeout_s * 1000)):
            return
        while True:
            try:
                identity, *frames = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            header = decode(frames).header
            if isinstance(header, Beat):
                self._hear(identity.decode(), header)
            elif isinstance(header, Reply):
                self.replies[header.id] = header
            elif isinstance(header, Command) and header.action == "time":
                # The stamp on it is the answer: a node on another machine has another clock.
                time = Reply(**self._stamp(), id=header.id, ok=True, text="")
                self._router.send_multipart([identity, *encode(Message(time))])

    def _hear(self, name: str, beat: Beat) -> None:
        before = self.beats.get(name)
        self.beats[name] = beat
        self.heard.extend((name, sentence) for sentence in beat.sentences)
        # The last words of a node that fell are told with its fall.
        new = before is None or before.note != beat.note
        if new and beat.note and beat.note not in beat.sentences and beat.state != "stopped":
            self.heard.append((name, beat.note))

    def send(self, node: str, action: str, arguments: Mapping[str, str] | None = None) -> str:
        """Send a command and return its id; `replies` will hold the answer."""
        command = Command(
            **self._stamp(), id=uuid.uuid4().hex, action=action, arguments=dict(arguments or {})
        )
        self._router.send_multipart([node.encode(), *encode(Message(command))])
        return command.id

    def close(self) -> None:
        """Close the sockets."""
        self._bond.close()
        self._router.close()
        self._context.term()
