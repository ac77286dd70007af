"""The end of the processes of a run, one after the other."""

from __future__ import annotations

import signal
from collections.abc import Callable

from phosphene.clock import Clock
from phosphene.messages import Beat
from phosphene.supervisor.child import Child, NodeSpec
from phosphene.supervisor.guest import Guest

__all__ = ["Leaving"]

STOP_TIMEOUT_S = 8.0


class Leaving:
    """Ends what was told to stop, with force where that is needed.

    A node that says it has stopped is closed; only its interpreter is still at it, for as long as
    the next one may be told.

    Parameters
    ----------
    clock : Clock
        Present time.
    tick : Callable
        Takes in what nodes say, waiting a moment.
    beat_of : Callable
        Gives the newest beat of a node's present process.
    say : Callable
        Gets one line for each thing worth telling.
    """

    def __init__(
        self,
        clock: Clock,
        tick: Callable[[], None],
        beat_of: Callable[[str], Beat | None],
        say: Callable[[str], None],
    ) -> None:
        self._clock, self._tick, self._beat_of, self._say = clock, tick, beat_of, say
        self._closed: list[tuple[NodeSpec, Child | Guest]] = []

    def take(self, spec: NodeSpec, child: Child | Guest) -> None:
        """Wait until a node has closed, or end it; tools and guests have nothing to say."""
        if spec.kind == "node" and self._closes(spec, child):
            self._closed.append((spec, child))
        else:
            self._end(spec, child, 0.0)

    def await_all(self) -> None:
        """Wait until the processes of all that have closed are gone."""
        while self._closed:
            self._end(*self._closed.pop(0), STOP_TIMEOUT_S)

    def _closes(self, spec: NodeSpec, child: Child | Guest) -> bool:
        deadline = self._clock.now() + STOP_TIMEOUT_S
        while isinstance(child, Child) and self._clock.now() < deadline:
            beat = self._beat_of(spec.name)
            if child.exit_code() is not None or (beat is not None and beat.state == "stopped"):
                return True
            self._tick()
        return False

    def _end(self, spec: NodeSpec, child: Child | Guest, within_s: float) -> None:
        if spec.kind == "node" and child.wait(within_s):
            return
        for number, patience_s in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
            child.signal(number)
            if child.wait(patience_s):
                if number == signal.SIGKILL:
                    self._say(f"{spec.name} had to be killed")
                return
