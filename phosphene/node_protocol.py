"""What the shell of `phosphene.node` drives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import zmq

from phosphene.messages import Command

__all__ = ["Node"]


class Node(Protocol):
    """A node: the shell calls it from its loop, one thing at a time."""

    def sockets(self) -> Sequence[zmq.Socket[bytes] | int]:
        """Return the sockets, or numbers of open files, whose arrival should wake the node."""
        ...

    def due_s(self) -> float | None:
        """Return when timed work is due (LSL clock, seconds), or None."""
        ...

    def step(self) -> None:
        """Do all work that is waiting, without blocking for long."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Return the node's counters."""
        ...

    def done(self) -> bool:
        """Return True when the node has nothing left to do (end of a recording)."""
        ...

    def command(self, command: Command) -> str:
        """Obey a command and return a line of text; raise PhospheneError to refuse."""
        ...

    def close(self) -> None:
        """Give back everything the node holds."""
        ...
