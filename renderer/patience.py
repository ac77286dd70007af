"""Long work at the start of a node, with signs of life meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["patiently"]

Made = TypeVar("Made")
PAUSE_S = 0.1


def patiently(work: Callable[[], Made], alive: Callable[[], object]) -> Made:
    """Do `work` in a thread of its own; return what it makes, or raise what it raises.

    Engines compile a graph in one call, which takes seconds on a busy machine: a node that says
    nothing for so long is taken for one that hangs.

    Parameters
    ----------
    work : Callable
        What takes long.
    alive : Callable
        Called about ten times a second meanwhile, in the calling thread.
    """
    made: list[Made] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            made.append(work())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="loading", daemon=True)
    thread.start()
    while thread.is_alive():
        alive()
        thread.join(PAUSE_S)
    if raised:
        raise raised[0]
    return made[0]
