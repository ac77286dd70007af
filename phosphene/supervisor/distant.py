"""A node of the run on another machine, known by its beats alone."""

from __future__ import annotations

import signal

from phosphene.messages import Beat
from phosphene.supervisor.child import NodeSpec
from phosphene.supervisor.guest import GONE, LEFT, Guest

__all__ = ["Distant"]


class Distant(Guest):
    """Takes the place of a `Child` for a node that only its own machine can start and end.

    It is gone when it says so, when another process speaks by its name, or when the supervisor
    has heard nothing for too long and gives it up.

    Parameters
    ----------
    spec : NodeSpec
        Whose place it takes.
    """

    def __init__(self, spec: NodeSpec) -> None:
        super().__init__(spec)
        self._words = ""

    def hear(self, beat: Beat | None) -> None:
        """Take in its newest beat: the first says which process it is."""
        if beat is None:
            return
        if self.pid == 0:
            self.pid = beat.pid
        if beat.pid != self.pid:
            self._gone(GONE)
            return
        self._words = beat.note
        if beat.state == "stopped":
            self._gone(LEFT)

    def signal(self, number: signal.Signals) -> None:
        """Do nothing: signals end at this machine; the gate blanks where beats are missing."""

    def kill(self) -> None:
        """Give it up."""
        self._gone(GONE)

    def how_it_fell(self) -> str:
        """Say in words how it has ended."""
        how = "is gone" if self.exit_code() else "has left"
        return f"its process on {self.spec.machine} {how}"

    def last_words(self) -> str:
        """Return what it last said; its log is on its own machine."""
        return self._words
