"""What the gate says of itself: to each sink what passes, to the nodes what it allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from phosphene.bus import Publisher
from phosphene.gate.beats import RECORD_STATE_S
from phosphene.gate.diary import GateDiary
from phosphene.gate.door import SinkDoor, Told
from phosphene.gate.keeping import Keeper
from phosphene.gate.policy import GatePolicy
from phosphene.gate.showing import HELD_SINK
from phosphene.messages import Grant, Phase
from phosphene.node import NodeContext

__all__ = ["Telling"]

VIEW_S = 0.1
GRANT_S = 0.25


class Telling:
    """Sends views ten times a second and grants four times, and both at once where they change.

    Parameters
    ----------
    context : NodeContext
        The gate's shell.
    policy : GatePolicy
        Says what holds.
    doors : sequence of SinkDoor
        Every sink that is told.
    keeper : Keeper
        The way to the recorder.
    diary : GateDiary
        Tells the audit log.
    wall : Callable
        Returns the present date and time.
    feedback : bool
        Whether the run has a protocol.
    held : bool
        Whether what is for observers waits.

    Attributes
    ----------
    grants : Publisher
        Socket that every node listens to.
    """

    def __init__(
        self,
        context: NodeContext,
        policy: GatePolicy,
        doors: Sequence[SinkDoor],
        keeper: Keeper,
        diary: GateDiary,
        wall: Callable[[], datetime],
        *,
        feedback: bool,
        held: bool,
    ) -> None:
        self._context, self._policy, self._doors = context, policy, doors
        self._keeper, self._diary, self._wall = keeper, diary, wall
        self._feedback, self._held = feedback, held
        self._view_due_s = self._grant_due_s = context.clock.now()
        self._granted: tuple[bool, Phase] | None = None
        self.grants = Publisher(context.zmq, context.endpoint("grants"))

    @property
    def due_s(self) -> float:
        """When the next view or grant is due."""
        return min(self._view_due_s, self._grant_due_s)

    def look(self) -> None:
        """Tell what has changed, and what is due."""
        now, wall = self._context.clock.now(), self._wall()
        changed = any(door.told != self._word(door.sink, now, wall) for door in self._doors)
        if changed or now >= self._view_due_s:
            self.views()
        if now >= self._grant_due_s or self._granted != self._permission(now, wall):
            self.grant()

    def all(self) -> None:
        """Tell everybody, now."""
        self.views()
        self.grant()

    def views(self) -> None:
        """Tell each sink what passes to it."""
        now, wall = self._context.clock.now(), self._wall()
        for door in self._doors:
            word = self._word(door.sink, now, wall)
            self._diary.view(door.sink, word[0])
            message, changed = door.tell(word, self._context.plan.run, now)
            if changed or now - door.recorded_s >= RECORD_STATE_S:
                door.recorded_s = now
                self._keeper.keep(message)
        self._view_due_s = now + VIEW_S

    def grant(self) -> None:
        """Tell the nodes what is allowed."""
        now, wall = self._context.clock.now(), self._wall()
        decode_allowed, reason = self._policy.may_decode(wall, now)
        scopes = self._policy.scopes(wall)
        self._diary.grant(scopes, decode=decode_allowed)
        if self._diary.failure:
            self._context.note = self._diary.failure
        grant = self._context.message(
            Grant,
            t_acquired=now,
            person=self._context.plan.session.person,
            scopes=scopes,
            decode=decode_allowed,
            reason=reason,
            phase=self._policy.phase,
        )
        self.grants.send(grant)
        allowed = (decode_allowed, self._policy.phase)
        if allowed != self._granted or grant.header.seq % round(RECORD_STATE_S / GRANT_S) == 0:
            self._keeper.keep(grant)
        self._granted, self._grant_due_s = allowed, now + GRANT_S

    def close(self) -> None:
        """Close the socket."""
        self.grants.close()

    def _word(self, sink: str, now: float, wall: datetime) -> Told:
        """Return what a sink is to be told now."""
        covered = self._policy.covered(sink, now, wall)
        # What is held for observers was judged when it came.
        judged = self._held and sink == HELD_SINK
        verdict = covered if judged else self._policy.verdict(sink, now, wall)
        return verdict, self._policy.phase, self._feedback and covered.passing

    def _permission(self, now: float, wall: datetime) -> tuple[bool, Phase]:
        return self._policy.may_decode(wall, now)[0], self._policy.phase
