"""What the gate does when it is told to: by the operator, the steward, the participant."""

from __future__ import annotations

from collections.abc import Callable

from phosphene.clock import Clock
from phosphene.errors import NodeError, problem
from phosphene.gate.diary import GateDiary
from phosphene.gate.hold import HoldQueue
from phosphene.gate.memory import GateMemory
from phosphene.gate.policy import GatePolicy
from phosphene.gate.roles import ACTIONS, Role
from phosphene.messages import Command

__all__ = ["OPENING", "STALE_S", "Orders"]

OPENING = frozenset({"unblank", "resume", "begin", "confirm", "release", "open-block"})
"""Orders that let more be seen than before."""
CLOSING = frozenset({"blank", "pause", "stop", "withdraw", "close-block"})
STALE_S = 2.0
"""Older than this, an order of the first kind was given of another situation; the window has told
by then that nobody answered."""


class Orders:
    """Carries orders out.

    Parameters
    ----------
    policy : GatePolicy
        Whose state the orders change.
    hold : HoldQueue or None
        What observers wait for; None: they wait for nothing.
    memory : GateMemory
        Keeps what has to outlive this process.
    diary : GateDiary
        Tells the audit log.
    clock : Clock
        Present time.
    person : str
        Pseudonym of the person of this session.
    stop : Callable
        Stops everything, as the participant's device does.
    mark : Callable
        Sends and records a text of the operator's as a marker.
    """

    def __init__(
        self,
        policy: GatePolicy,
        hold: HoldQueue | None,
        memory: GateMemory,
        diary: GateDiary,
        clock: Clock,
        person: str,
        stop: Callable[[str], None],
        mark: Callable[[str], None],
    ) -> None:
        self._policy, self._hold, self._memory = policy, hold, memory
        self._diary, self._clock, self._person = diary, clock, person
        self._stop, self._mark = stop, mark
        # An order that waited while the gate fell and came back was given of what was before.
        self._closed_s = clock.now()

    def obey(self, command: Command, role: Role) -> None:
        """Carry a command out.

        Raises
        ------
        NodeError
            If it is not known, or not possible now.
        """
        action, given = command.action, command.arguments
        if action in OPENING:
            self._refuse_old(command)
        elif action in CLOSING:
            self._closed_s = max(self._closed_s, min(command.t_sent, self._clock.now()))
        if action == "stop":
            self._stop(role)
        elif action == "blank":
            self._blank(given.get("reason", "") or "blanked by the operator")
        elif action == "unblank":
            self._policy.unblank()
            self._memory.blank(None)
        elif action in ("pause", "resume"):
            # Kept first: a gate that falls in between comes back paused.
            self._memory.pause(on=action == "pause")
            self._policy.paused = action == "pause"
        elif action == "marker":
            self._mark(given.get("text", ""))
        elif action == "begin":
            self._policy.latch.begin()
        elif action == "confirm":
            # Behind an operator's blank: to show something again is a second, deliberate step.
            self._confirm(role, given.get("person", ""), given.get("agreed", ""))
            self.blank("blanked until the operator unblanks: the participant has agreed to go on")
        elif action == "release":
            self._held().release(self._clock.now())
        elif action == "withdraw":
            self._held().clear()
        elif action in ("open-block", "close-block"):
            self._block(action, given.get("seconds", ""))
        elif action != "status":
            known = ", ".join(ACTIONS)
            raise NodeError(problem("command", action, known, "Send one."))
        self._memory.keep_stop(self._policy.latch.memory)
        if action not in ("status", "stop"):
            self._diary.order(action, role)

    def blank(self, reason: str) -> None:
        """Blank every view until somebody unblanks who knows of it."""
        self._closed_s = self._clock.now()
        self._blank(reason)

    def _blank(self, reason: str) -> None:
        self._memory.blank(reason)
        self._policy.blank(reason)

    def _refuse_old(self, command: Command) -> None:
        """Refuse what was asked before the last blank, pause or stop, or too long ago."""
        age_s = self._clock.now() - command.t_sent
        if not age_s <= STALE_S or command.t_sent < self._closed_s:
            allowed = f"at most {STALE_S:g} s, and not before the last blank, pause or stop"
            raise NodeError(problem(f"age of {command.action}", f"{age_s:.1f} s", allowed,
                                    "Look, and ask again."))  # fmt: skip

    def _confirm(self, role: Role, person: str, agreed: str) -> None:
        try:
            self._policy.latch.confirm(self._person, person, agreed)
        except NodeError:
            # Who tried to go on without the participant is to be found in the log.
            self._diary.refused(role, "confirm")
            raise

    def _held(self) -> HoldQueue:
        if self._hold is None:
            what = "Set level_observer above 0."
            raise NodeError(problem("gate.observer_release", "live", "manual or delay", what))
        return self._hold

    def _block(self, action: str, seconds: str) -> None:
        task = self._policy.task
        if task is None:
            raise NodeError(problem("gate.task.on", False, "true", "Set it in the session."))
        if action == "close-block":
            task.close()
            return
        try:
            lasts_s = float(seconds) if seconds else None
        except ValueError as error:
            raise NodeError(problem("seconds", seconds, "a number", "Leave it out.")) from error
        task.open(lasts_s, self._clock.now())
