"""A node of the run that somebody else has started: the console's window, adopted by its beat."""

from __future__ import annotations

import contextlib
import os
import select
import signal

from phosphene.messages import Beat
from phosphene.supervisor.child import NodeSpec

__all__ = ["GUEST_PATIENCE_S", "Guest"]

# It is there already and has only to sit down.
GUEST_PATIENCE_S = 30.0
LEFT, GONE = 0, 1


class Guest:
    """A process that came by itself; it takes the place of a `Child` as long as it stays.

    It is known by its beats and held by a descriptor of the process, so that a process id that
    somebody else has got meanwhile is never mistaken for it. Ending the run does not end it.

    Parameters
    ----------
    spec : NodeSpec
        Whose place it takes.
    """

    def __init__(self, spec: NodeSpec) -> None:
        self.spec = spec
        self.pid = 0
        self._held: int | None = None
        self._code: int | None = None

    @property
    def here(self) -> bool:
        """Whether it has come, and has not gone."""
        return self.pid != 0 and self.exit_code() is None

    def hear(self, beat: Beat | None) -> None:
        """Take in its newest beat: the first adopts it, a last one says that it leaves."""
        if beat is None:
            return
        if self.pid == 0:
            self._adopt(beat.pid)
        if beat.pid == self.pid and beat.state == "stopped":
            self._gone(LEFT)

    def _adopt(self, pid: int) -> None:
        self.pid = pid
        try:
            self._held = os.pidfd_open(pid)
        except OSError:
            self._gone(GONE)

    def exit_code(self) -> int | None:
        """Return None while it is awaited or here, 0 once it has left in order, 1 if it is gone."""
        if self._code is None and self._held is not None:
            poll = select.poll()
            poll.register(self._held, select.POLLIN)
            if poll.poll(0):
                self._gone(GONE)
        return self._code

    def _gone(self, code: int) -> None:
        if self._code is None:
            self._code = code
        self.close()

    def signal(self, number: signal.Signals) -> None:
        """Do nothing: a process that others have started is not this run's to end."""

    def kill(self) -> None:
        """Kill it: it stands still, and its last picture with it."""
        if self._held is not None:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._held, signal.SIGKILL)

    def wait(self, timeout_s: float) -> bool:
        """Let go of it and return True: it stays when the run ends."""
        self.close()
        return True

    def how_it_fell(self) -> str:
        """Say in words how it has ended."""
        return "the console is gone" if self.exit_code() else "the console has left"

    def last_words(self) -> str:
        """Return nothing: it keeps its words to itself."""
        return ""

    def close(self) -> None:
        """Let go of it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
