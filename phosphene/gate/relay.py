"""What the operator's window hears of acquisition and decoder: through the gate, as far as it may.

What tells of the person's brain passes only while the consent includes the operator's view. What it
takes to run a scanner (motion, displacement, counters, TR, events) passes always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import zmq

from phosphene.bus import Subscriber
from phosphene.consent import Scope
from phosphene.gate.door import SinkDoor
from phosphene.gate.giving import Giving
from phosphene.gate.policy import GatePolicy
from phosphene.messages import (
    Event,
    Features,
    Message,
    Percept,
    Quality,
    Regions,
    Signal,
    StatMap,
    describe,
    topic_of,
)
from phosphene.node import NodeContext
from phosphene.quality import tells_of_brain

__all__ = ["FEATURES_SHOWN", "WindowRelay", "for_window", "of_percept", "without_brain"]

OPERATOR = "operator"
HEARD = (Features, Quality, Event, StatMap, Regions, Signal)
"""What the window shows of acquisition."""
FEATURES_SHOWN = 3
"""The window draws the first features where no region is known; the others stay inside."""
LABELLED_LEVEL = 3
"""Below this level a category says more than the few pixels of the picture."""
MOST_PER_STEP = 100
QUEUE_IN_LOSSLESS = 1000


def without_brain(message: Message) -> Message | None:
    """Return what is left of a message of acquisition where nothing may tell of the brain.

    Of features number and times are left, of quality figures those of motion, arrival and noise.
    Maps, regions and signals are nothing but brain data: None.
    """
    header = message.header
    if isinstance(header, Features):
        return Message(msgspec.structs.replace(header, arrays=()))
    if isinstance(header, Quality):
        values = {name: v for name, v in header.values.items() if not tells_of_brain(name)}
        return Message(msgspec.structs.replace(header, values=values))
    return message if isinstance(header, Event) else None


def for_window(message: Message) -> Message:
    """Return a message of acquisition without what the window does not draw."""
    header = message.header
    if not isinstance(header, Features) or "x" not in message.arrays:
        return message
    x = np.ravel(message.arrays["x"])[:FEATURES_SHOWN]
    arrays = {"x": x}
    return Message(
        msgspec.structs.replace(header, arrays=describe(arrays, {"x": ("feature",)}, {})), arrays
    )


def of_percept(percept: Message, level: int) -> Message:
    """Return what an operator at an abstraction level may know of a percept: no array of it."""
    hidden: Mapping[str, Any] = {}
    if level < LABELLED_LEVEL:
        hidden = {"label": None, "probabilities": {}}
    return Message(msgspec.structs.replace(percept.header, arrays=(), **hidden))


class WindowRelay:
    """Takes what other nodes tell on to the operator's window.

    Parameters
    ----------
    context : NodeContext
        The gate's shell.
    policy : GatePolicy
        Says what the consent includes, and whether the operator's view is blank.
    door : SinkDoor
        The operator's.
    giving : Giving or None
        The feedback of a protocol, which knows of what nobody sees anything.
    wall : Callable
        Returns the present date and time.
    """

    def __init__(
        self,
        context: NodeContext,
        policy: GatePolicy,
        door: SinkDoor,
        giving: Giving | None,
        wall: Callable[[], datetime],
    ) -> None:
        self._context, self._policy, self._door = context, policy, door
        self._giving, self._wall = giving, wall
        protocol = context.plan.session.protocol
        self._blind = protocol is not None and protocol.assignment is not None
        self._heard = Subscriber(context.zmq, [], [topic_of(kind) for kind in HEARD])
        if context.plan.lossless:
            self._heard.socket.rcvhwm = QUEUE_IN_LOSSLESS
        self._heard.socket.connect(context.endpoint("acquisition"))

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """Socket on which acquisition is heard."""
        return self._heard.socket

    def step(self, received: Callable[[Callable[[], Any]], Any]) -> None:
        """Pass on what has come from acquisition; `received` reads and checks one message."""
        for message in self._waiting(received):
            if not isinstance(message.header, HEARD):
                continue
            told = for_window(message) if self._may_watch() else without_brain(message)
            if told is not None:
                self._door.pass_on(told)

    def percept(self, percept: Message) -> None:
        """Pass on what may be known of a percept, if anything."""
        level = self._level_of(percept.header)
        if level:
            self._door.pass_on(of_percept(percept, level))

    def close(self) -> None:
        """Close the socket."""
        self._heard.close()

    def _waiting(self, received: Callable[[Callable[[], Any]], Any]) -> Iterator[Message]:
        read = self._heard.socket.recv_multipart
        for _ in range(MOST_PER_STEP):
            if (message := received(lambda: read(zmq.NOBLOCK))) is None:
                return
            yield message

    def _may_watch(self) -> bool:
        """Whether brain data may be looked at: also behind a blank view, to set up a cap."""
        if self._policy.phase == "stopped":
            return False
        return Scope.VIEW_OPERATOR.value in self._policy.scopes(self._wall())

    def _level_of(self, percept: Percept) -> int:
        """Return the level at which the operator may know a percept; 0: not at all.

        Nothing decoded passes while the operator's view is blank, nor of what was in the brain
        while nobody sees pictures. In a double-blind run nothing does.
        """
        if self._blind:
            return 0
        if self._giving is not None and self._giving.rule.no_picture_of(percept.t_seen):
            return 0
        # At full speed the blocks follow the frames, which come after their percepts.
        lossless = self._context.plan.lossless
        ask = self._policy.covered if lossless else self._policy.verdict
        return ask(OPERATOR, self._context.clock.now(), self._wall()).level
