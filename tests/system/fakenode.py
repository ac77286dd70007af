"""A node that does nothing but live; the supervisor's tests run it as a real process."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import zmq

from phosphene.errors import ConfigError
from phosphene.messages import Command
from phosphene.node import NodeContext, serve


class FakeNode:
    """Beats; ``hang`` stops its loop, ``note`` is reported, ``tell`` tells a line each,
    ``misfit`` ends it by a wrong configuration, ``finish`` makes it done.
    """

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._went = 0
        self._hang = False
        self._misfit = ""
        self._done = False

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        return []

    def due_s(self) -> float | None:
        return None

    def step(self) -> None:
        if self._hang:
            time.sleep(3600)
        if self._misfit:
            raise ConfigError(self._misfit)

    def counts(self) -> Mapping[str, int]:
        return {"went": self._went}

    def done(self) -> bool:
        return self._done

    def command(self, command: Command) -> str:
        if command.action == "go":
            self._went += 1
        elif command.action == "hang":
            self._hang = True
        elif command.action == "note":
            self._context.note = command.arguments["text"]
        elif command.action == "tell":
            for line in command.arguments["text"].splitlines():
                self._context.tell(line)
        elif command.action == "misfit":
            self._misfit = command.arguments["text"]
        elif command.action == "finish":
            self._done = True
        else:
            raise ConfigError(f"unknown command {command.action!r}")
        return "yes"

    def close(self) -> None:
        pass


def build(context: NodeContext) -> FakeNode:
    if context.name == "broken":
        raise ConfigError("the broken node cannot be built")
    stumbles = context.plan.folder / f"stumble-{context.name}"
    if stumbles.exists():
        stumble(stumbles)
    return FakeNode(context)


def stumble(file: Path) -> None:
    """Die while starting, and say so by removing the file that asked for it."""
    file.unlink()
    os._exit(7)


if __name__ == "__main__":
    name = sys.argv.pop()
    sys.exit(serve(name, build))
