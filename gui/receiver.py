"""The thread that takes in everything from the bus, so that a busy window never shows old frames.

It hears the gate alone, which tells of the other nodes what the consent lets an operator know. It
drains all sockets into the model and queues at most one signal for the window; commands to gate and
renderer pass through it, so that the window never waits for an answer.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import Any

import zmq
from PySide6.QtCore import QThread, Signal

from gui.answers import PAINT
from gui.model import RunModel
from gui.requests import Requests
from phosphene.bus import Subscriber
from phosphene.messages import Message, Reply, decode, encode
from phosphene.node import NodeContext

__all__ = ["SOURCES", "Receiver"]

POLL_MS = 50
BATCH = 200
_INSIDE = "inproc://gui-requests"

SOURCES: dict[str, tuple[bytes, ...]] = {
    "grants": (b"grant", b"beat", b"event"),
    "view-operator": (
        b"frame", b"view", b"feedback",
        b"features", b"quality", b"event", b"percept", b"statmap", b"regions", b"signal",
    ),
    "view-self": (b"frame", b"view", b"feedback"),
}  # fmt: skip
"""Sockets that are listened to, all of the gate, and what is wanted of each."""
DESKS = ("gate-control", "paint-control")
"""Where commands go: to the gate, and those about painting to the renderer."""


class Receiver(QThread):
    """Drains the run's sockets into the model.

    Parameters
    ----------
    context : NodeContext
        Sockets, clock and numbering of the node.
    model : RunModel
        What it feeds.
    """

    changed = Signal()

    def __init__(self, context: NodeContext, model: RunModel) -> None:
        super().__init__()
        self.setObjectName("receiver")
        self._context, self._model = context, model
        self._pending = threading.Event()
        self._requests = Requests()
        self._outbox: zmq.Socket[bytes] = context.zmq.socket(zmq.PUSH)
        self._outbox.linger = 0
        self._outbox.bind(_INSIDE)

    # ---- called by the window ------------------------------------------------------------------

    def ask(self, command: Message) -> None:
        """Hand a command to the thread, which sends it on; never waits."""
        self._outbox.send_multipart(encode(command), zmq.NOBLOCK)

    def seen(self) -> None:
        """Allow the next `changed` signal; call it when one is handled."""
        self._pending.clear()

    def halt(self) -> None:
        """End the thread and wait for it."""
        self.requestInterruption()
        self.wait()
        self._outbox.close()

    # ---- the thread ----------------------------------------------------------------------------

    def run(self) -> None:
        """Drain until `halt`; what ends it otherwise is told to the model, which ends the node."""
        try:
            self._serve()
        except Exception as error:
            logging.getLogger(__name__).exception("the receiving thread failed")
            self._model.fail(f"the receiving thread failed: {type(error).__name__}: {error}")

    def _serve(self) -> None:
        context = self._context
        subscribers = {
            name: Subscriber(context.zmq, [context.endpoint(name)], topics)
            for name, topics in SOURCES.items()
        }
        inbox: zmq.Socket[bytes] = context.zmq.socket(zmq.PULL)
        gate, renderer = (context.zmq.socket(zmq.DEALER) for _ in DESKS)
        gate.linger = renderer.linger = inbox.linger = 0
        desks = (gate, renderer)
        try:
            inbox.connect(_INSIDE)
            for desk, name in zip(desks, DESKS, strict=True):
                desk.connect(context.endpoint(name))
            poller = zmq.Poller()
            for socket in (inbox, *desks, *(s.socket for s in subscribers.values())):
                poller.register(socket, zmq.POLLIN)
            while not self.isInterruptionRequested():
                poller.poll(POLL_MS)
                told = self._pass_requests(inbox, *desks)
                if self._drain(subscribers) or told:
                    self._tell()
        finally:
            for subscriber in subscribers.values():
                subscriber.close()
            for socket in (inbox, *desks):
                socket.close()

    def _drain(self, subscribers: dict[str, Subscriber]) -> int:
        """Take in what waits, in batches, so that a flood never holds the model for long."""
        count = 0
        for name, subscriber in subscribers.items():
            batch: list[tuple[str, Message]] = []
            for message in subscriber.receive():
                batch.append((name, message))
                if len(batch) == BATCH:
                    break
            count += self._model.take(batch, self._context.clock.now())
        return count

    def _tell(self) -> None:
        if not self._pending.is_set():
            self._pending.set()
            self.changed.emit()

    def _pass_requests(
        self, inbox: zmq.Socket[Any], gate: zmq.Socket[Any], renderer: zmq.Socket[Any]
    ) -> bool:
        """Send new and overdue commands, take in answers; return True when there is news."""
        now, news = self._context.clock.now(), False

        def send(message: Message) -> None:
            desk = renderer if message.header.action == PAINT else gate
            # A desk that nobody serves must not hold up the pictures.
            with contextlib.suppress(zmq.Again):
                desk.send_multipart(encode(message), zmq.NOBLOCK)

        for message in _waiting(inbox):
            send(message)
            self._requests.asked(message, now)
        for message in (*_waiting(gate), *_waiting(renderer)):
            command = (
                self._requests.answered(message.header)
                if isinstance(message.header, Reply)
                else None
            )
            if command is not None:
                self._model.answered(command.action, message.header.ok, message.header.text)
                news = True
        again, lost = self._requests.overdue(now)
        for message in again:
            send(message)
        for command in lost:
            self._model.unanswered(command.action)
            news = True
        return news


def _waiting(socket: zmq.Socket[Any]) -> list[Message]:
    found = []
    while socket.poll(0):
        found.append(decode(socket.recv_multipart()))
    return found
