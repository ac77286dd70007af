"""What ends the views until somebody goes on: a press, a withdrawal, the fall of a process."""

from __future__ import annotations

from collections.abc import Callable

from phosphene.consent.withdrawal import withdrawn_in
from phosphene.gate.diary import GateDiary
from phosphene.gate.memory import GateMemory
from phosphene.gate.policy import GatePolicy
from phosphene.gate.rules import confirms_after_crash
from phosphene.gate.window import end_frozen, suspended
from phosphene.messages import Beat
from phosphene.node import NodeContext

__all__ = ["Stopping"]

WINDOW, STOP = "gui", "stop"
HUNG_S = 2.0
"""A window that is only slow, on a busy machine, beats again before."""


class Stopping:
    """Hears of all that stops a run and carries it out, blank first.

    Parameters
    ----------
    context : NodeContext
        The gate's shell.
    policy, memory, diary : GatePolicy, GateMemory, GateDiary
        State, what outlives the gate, the audit log.
    tell : Callable
        Tells every sink and node what holds now.
    drop : Callable
        Forgets what has not reached anybody yet; returns how many frames that were.
    blank : Callable
        Blanks every view, for the reason given, until somebody unblanks.
    """

    def __init__(
        self,
        context: NodeContext,
        policy: GatePolicy,
        memory: GateMemory,
        diary: GateDiary,
        tell: Callable[[], None],
        drop: Callable[[], int],
        blank: Callable[[str], None],
    ) -> None:
        self._context, self._policy = context, policy
        self._memory, self._diary = memory, diary
        self._tell, self._drop, self._blank = tell, drop, blank
        self._pids: dict[str, int] = {}
        self._window_s = 0.0
        self._showed = 0

    def hear(self, beat: Beat) -> None:
        """Look whether a sign of life is of a new process, or tells a press of the device."""
        if beat.pid != self._pids.get(beat.producer, beat.pid):
            self.came_back(beat.producer)
        self._pids[beat.producer] = beat.pid
        if beat.producer == WINDOW:
            self._window_s = max(self._window_s, beat.t_sent)
        if beat.producer != STOP:
            return
        change = self._policy.latch.hear(beat.pid, beat.counts.get("presses", 0))
        if change == "stopped":
            self._stopped("device")
        elif change == "tested":
            self._diary.stop("tested", "device")
        self._memory.keep_stop(self._policy.latch.memory)

    def look(self) -> None:
        """Look for a withdrawal and, after a stop, at the window."""
        plan = self._context.plan
        if not self._policy.withdrawn and (why := withdrawn_in(plan.folder)):
            self._policy.withdraw(why)
            self._stopped("withdrawal")
        if self._policy.latch.phase == "stopped":
            self._end_frozen_window()

    def stop(self, source: str) -> None:
        """Stop because somebody asks for it."""
        if self._policy.latch.stop():
            self._stopped(source)

    def came_back(self, node: str) -> None:
        """Take note that a process fell and is back: in live runs only a person goes on."""
        if confirms_after_crash(self._context.plan) and self._policy.blanked is None:
            self._diary.fell(node)
            self._blank(f"{node} fell and was started again: unblank to go on")

    def _stopped(self, source: str) -> None:
        """Blank first; then forget what has not reached anybody yet."""
        self._tell()
        self._diary.stop("stopped", source, self._drop())
        self._showed = self._pids.get(WINDOW, 0)
        self._end_frozen_window()

    def _end_frozen_window(self) -> None:
        """End a window that stands still: it cannot blank the screen itself.

        One that came after the stop has never had a picture, and may take its time to start.
        """
        pid = self._showed
        if not pid or pid != self._pids.get(WINDOW) or WINDOW not in self._context.plan.nodes:
            return
        silent_s = self._context.clock.now() - self._window_s
        if (suspended(pid) or silent_s > HUNG_S) and end_frozen(pid):
            self._pids[WINDOW] = self._showed = 0
            self._diary.fell(WINDOW)
