"""The headless sink: takes in what a window would show, and counts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import zmq

from phosphene.bus import Subscriber
from phosphene.errors import NodeError
from phosphene.messages import Command, Frame, Message, View
from phosphene.node import NodeContext
from phosphene.sink.state import SinkState

__all__ = ["SINKS_SHOWN", "SinkNode", "feed", "total_counts"]

SINKS_SHOWN = ("operator", "self")


def feed(state: SinkState, message: Message, now_s: float) -> None:
    """Hand a message of the gate to the state of its sink."""
    header = message.header
    if isinstance(header, View):
        state.on_view(header)
    elif isinstance(header, Frame):
        state.on_frame(header, message.arrays["picture"], now_s)


def total_counts(states: Sequence[SinkState]) -> dict[str, int]:
    """Return the counters of all sinks and their sums (``frames_shown`` and so on)."""
    counts = {
        "frames_shown": sum(s.shown for s in states),
        "frames_blank": sum(s.blank for s in states),
        "gaps": sum(s.gaps for s in states),
    }
    for state in states:
        counts |= state.counts()
    return counts


class SinkNode:
    """Stands in for the window of operator and participant.

    Parameters
    ----------
    context : NodeContext
        Plan, clock and sockets.
    """

    def __init__(self, context: NodeContext) -> None:
        self._clock = context.clock
        self.states = {name: SinkState(name) for name in SINKS_SHOWN}
        self._subscribers = {
            name: Subscriber(context.zmq, [context.endpoint(f"view-{name}")], [b"frame", b"view"])
            for name in SINKS_SHOWN
        }

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Return the sockets whose arrival should wake the node."""
        return [s.socket for s in self._subscribers.values()]

    def due_s(self) -> float | None:
        """Return None: nothing is timed; a silent gate is noticed at the next beat."""
        return None

    def step(self) -> None:
        """Take in every message that waits, then forget what may no longer be shown."""
        for name, subscriber in self._subscribers.items():
            for message in subscriber.receive():
                feed(self.states[name], message, self._clock.now())
            self.states[name].showing(self._clock.now())

    def counts(self) -> Mapping[str, int]:
        """Return the counters of both sinks."""
        return total_counts(list(self.states.values()))

    def done(self) -> bool:
        """Return False: a sink watches until it is told to stop."""
        return False

    def command(self, command: Command) -> str:
        """Obey ``go`` and ``status``."""
        if command.action not in ("go", "status"):
            raise NodeError(f"sink: unknown command {command.action!r}; known: go, status, stop")
        now_s = self._clock.now()
        return "; ".join(_words(s, now_s) for s in self.states.values())

    def close(self) -> None:
        """Close the sockets."""
        for subscriber in self._subscribers.values():
            subscriber.close()


def _words(state: SinkState, now_s: float) -> str:
    showing = state.showing(now_s)
    what = "picture" if showing.picture is not None else f"blank ({showing.reason})"
    return f"{state.name}: {what}, {state.shown} shown, {state.blank} blank, {state.gaps} missing"
