"""Feedback of a protocol on its way out: the score, and which block is running, for each sink."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from phosphene.consent import Scope, why_not
from phosphene.errors import ConfigError
from phosphene.feedback.desk import SCORED_SINKS, FeedbackDesk
from phosphene.feedback.loop import Given
from phosphene.gate.blocks import BlockRule
from phosphene.gate.door import SinkDoor
from phosphene.gate.hold import HoldQueue
from phosphene.gate.policy import STREAM_SINK, GatePolicy
from phosphene.messages import Message, Percept, Signal
from phosphene.node import NodeContext

__all__ = ["Giving", "feedback_desk"]

FULL_LEVEL = 4
REPEAT_S = 1.0
REMEMBERED = 4000


def feedback_desk(context: NodeContext, wall: datetime) -> FeedbackDesk:
    """Open the feedback of a run that has a protocol.

    Raises
    ------
    ConfigError, SealError
        If protocol, donor, assignment or consent do not fit.
    """
    plan = context.plan
    person = plan.session.person

    def allowed(scope: Scope) -> bool:
        return why_not(plan.consent, scope, person, wall) is None

    desk = FeedbackDesk(plan, record=plan.out is not None and allowed(Scope.RECORD_BRAIN))
    if desk.needs is Signal and not allowed(Scope.VIEW_OPERATOR):
        raise ConfigError("protocol.score: power is computed of the signal that the operator's "
                          "window gets; the consent has to include view_operator")  # fmt: skip
    return desk


class Giving:
    """Hands percepts and signals to the feedback, and what comes of it to the sinks.

    Parameters
    ----------
    context : NodeContext
        The gate's shell.
    desk : FeedbackDesk
        Computes, and knows the blocks.
    policy : GatePolicy
        Says who may have anything, and whether anything may be decoded.
    doors : mapping of str to SinkDoor
        Of every sink that is told of feedback.
    hold : HoldQueue or None
        Where what is for observers waits.
    wall : Callable
        Returns the present date and time.
    """

    def __init__(
        self,
        context: NodeContext,
        desk: FeedbackDesk,
        policy: GatePolicy,
        doors: Mapping[str, SinkDoor],
        hold: HoldQueue | None,
        wall: Callable[[], datetime],
    ) -> None:
        self._context, self.desk, self._policy = context, desk, policy
        self._doors, self._hold, self._wall = doors, hold, wall
        self._lossless = context.plan.lossless
        self.rule = BlockRule(desk, lossless=self._lossless)
        self._times: OrderedDict[int, tuple[float, float]] = OrderedDict()
        self._index = 0
        self._told: dict[str, tuple[int, float]] = {}
        self._scored_block = -1
        self._counts: Counter[str] = Counter()

    def counts(self) -> dict[str, int]:
        """Return counters; they are the same whichever score a person sees."""
        return {**self.desk.counts(), "feedback_sent": self._counts["sent"]}

    def hear(self, message: Message) -> None:
        """Take in a percept, a quality figure or a signal."""
        header = message.header
        percept = header if isinstance(header, Percept) else None
        if percept is not None:
            self._times[percept.seq] = (percept.t_data, percept.t_seen)
            while len(self._times) > REMEMBERED:
                self._times.popitem(last=False)
        if not self._policy.may_decode(self._wall(), self._context.clock.now())[0]:
            self.desk.saw(message)
            return
        for given in self.desk.take(message):
            self._give(given, percept, header.t_acquired)

    def times(self, percept_seq: int) -> tuple[float, float] | None:
        """Return the times of a percept's data and of what was seen; None where nobody knows."""
        return self._times.get(percept_seq)

    def tell_blocks(self) -> None:
        """Tell every sink which block is running, where it is another one or was told long ago."""
        if self._lossless:
            return
        now = self._context.clock.now()
        present = self.desk.present(now)
        if present is None:
            return
        state = self.desk.state(now)
        block = -1 if state.block is None else state.block.index
        for sink in self._doors:
            told, since_s = self._told.get(sink, (-2, now))
            scores = sink in SCORED_SINKS or not self.desk.blind
            running = scores and block == self._scored_block
            if told == block and (running or now - since_s < REPEAT_S):
                continue
            self._told[sink] = (block, now)
            self._send(sink, self.desk.block_fields(state, self._index, present), now)

    def forget(self) -> None:
        """After a stop: drop what is held of the newest seconds."""
        self.desk.forget()
        self._times.clear()
        self._told.clear()
        self._scored_block = -1

    def close(self) -> None:
        """Write the rest of the scores."""
        self.desk.close()

    def _give(self, given: Given, percept: Percept | None, t_acquired: float) -> None:
        self._index = given.index
        now = self._context.clock.now()
        state = self.desk.state(now)
        block = -1 if state.block is None else state.block.index
        for sink in self._doors:
            if self.desk.blind and sink not in SCORED_SINKS:
                continue
            fields = self.desk.fields(given, sink, percept)
            if not self._lossless and fields["block"] != block:
                # The block that it belongs to is over.
                fields = self.desk.block_fields(state, given.index, given.t_data)
            elif given.shows:
                self._scored_block = block
            self._send(sink, fields, t_acquired)

    def _send(self, sink: str, fields: dict[str, Any], t_acquired: float) -> None:
        now = self._context.clock.now()
        verdict = self._policy.covered(sink, now, self._wall())
        silent = sink == STREAM_SINK and fields["display"] == "none"
        if not verdict.passing or silent:
            return
        if verdict.level < FULL_LEVEL:
            # A category says more than a picture of a few pixels.
            fields = {**fields, "label": None, "confidence": 0.0}
        message = self._doors[sink].feedback(fields, self._context.plan.run, t_acquired, now)
        if self._hold is not None and sink == "observer":
            self._hold.put(message, now)
        elif self._doors[sink].give(message):
            self._counts["sent"] += 1
