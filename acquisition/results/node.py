"""The node that sends results to other programs: what the gate passes, and the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import zmq

from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.results.outlet import Result, ResultOutlets, State
from phosphene.bus import Subscriber
from phosphene.errors import NodeError
from phosphene.messages import Command, Feedback, View
from phosphene.node import NodeContext
from phosphene.sink.state import FRESH_S

__all__ = ["Permission", "ResultNode", "Streams", "build"]

REPEAT_S = 1.0
_DELIVERY_S = 0.3  # LSL drops what is still on its way when an outlet closes


class Streams(Protocol):
    """Where results go."""

    def push(self, state: State, result: Result | None, stamp_s: float) -> None:
        """Send a result or a change of state."""
        ...

    def repeat(self, state: State, stamp_s: float) -> None:
        """Send the state once more."""
        ...

    def close(self) -> None:
        """End."""
        ...


class Permission:
    """What the gate said last, and how old the last result is. No I/O.

    The gate's word counts for `FRESH_S` seconds, a result for `stale_s` seconds from when its data
    were acquired.
    """

    def __init__(self, stale_s: float) -> None:
        self._view: View | None = None
        self._stale_s, self._acquired_s = stale_s, float("-inf")

    def hear(self, view: View) -> None:
        """Take in the gate's word."""
        self._view = view

    def result(self, acquired_s: float) -> None:
        """Note a result from data of `acquired_s` seconds (LSL clock)."""
        self._acquired_s = max(self._acquired_s, acquired_s)

    def state(self, now_s: float) -> State:
        """Return the state at `now_s` seconds (LSL clock)."""
        view = self._view
        fresh = view is not None and view.passing and now_s - view.t_sent <= FRESH_S
        if not fresh:
            return "blanked"
        if self._acquired_s == float("-inf"):
            return "idle"
        return "running" if now_s - self._acquired_s <= self._stale_s else "stale"


class ResultNode:
    """Sends results to LSL.

    Parameters
    ----------
    context : NodeContext
        Plan, clock and sockets.
    streams : Streams
        Where to; taken over.
    """

    def __init__(self, context: NodeContext, streams: Streams) -> None:
        self._clock, self._streams = context.clock, streams
        self._inlet = Subscriber(
            context.zmq, [context.endpoint("view-stream")], [b"feedback", b"view"]
        )
        # What is too old to be shown is too old to be told.
        self._permission = Permission(context.plan.session.renderer.stale_s)
        self._state: State | None = None
        self._sent_s = float("-inf")
        self._counts = {"results_sent": 0, "results_refused": 0, "states_sent": 0}

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Return the socket of the gate's words."""
        return (self._inlet.socket,)

    def due_s(self) -> float | None:
        """Return when the state is told again."""
        return self._sent_s + REPEAT_S

    def step(self) -> None:
        """Send what the gate has passed, and the state when it changes or was not told lately."""
        for message in self._inlet.receive():
            if isinstance(message.header, View):
                self._permission.hear(message.header)
                self._tell()
            elif isinstance(message.header, Feedback):
                self._send(message.header)
        self._tell()

    def _tell(self) -> None:
        now = self._clock.now()
        state = self._permission.state(now)
        if state != self._state:
            self._streams.push(state, None, now)
            self._counts["states_sent"] += 1
        elif now - self._sent_s >= REPEAT_S:
            self._streams.repeat(state, now)
        else:
            return
        self._state, self._sent_s = state, now

    def _send(self, feedback: Feedback) -> None:
        now = self._clock.now()
        self._permission.result(feedback.t_acquired)
        if self._permission.state(now) != "running":
            self._counts["results_refused"] += 1
            self._tell()
            return
        result = Result(
            feedback.score, feedback.confidence, feedback.label, feedback.index, feedback.t_data,
            feedback.t_acquired,
        )  # fmt: skip
        self._streams.push("running", result, now)
        self._counts["results_sent"] += 1
        self._state, self._sent_s = "running", now

    def counts(self) -> Mapping[str, int]:
        """Return what was sent, and what came without permission."""
        return dict(self._counts)

    def done(self) -> bool:
        """Return False: it sends until it is told to stop."""
        return False

    def command(self, command: Command) -> str:
        """Obey ``go``."""
        if command.action != "go":
            raise NodeError(f"command {command.action!r} unknown; allowed: go, stop")
        return "results are sent as far as the gate passes them"

    def close(self) -> None:
        """Tell that the run has ended, then close."""
        self._streams.push("ended", None, self._clock.now())
        self._clock.wait_until(self._clock.now() + _DELIVERY_S)
        self._streams.close()
        self._inlet.close()


def build(context: NodeContext) -> ResultNode:
    """Open the streams; they tell "blanked" until the gate says otherwise."""
    plan = context.plan
    settings = plan.session.results
    configure_lsl(LslConfig(session_id=settings.lsl_session, scope=settings.scope))
    return ResultNode(context, ResultOutlets(settings.source_id or f"phosphene-{plan.run}-results"))
