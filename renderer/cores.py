"""Which CPU cores the renderer keeps to, so that acquisition is never starved."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from phosphene.errors import ConfigError, problem

__all__ = ["Cores"]

TASKS = Path("/proc/self/task")


class Cores:
    """The cores of this process, all of its threads included.

    Threads take their cores from the thread that starts them, so `keep_to` comes before the engine
    makes its own; a later call moves those that are there as well.
    """

    def __init__(self) -> None:
        able = hasattr(os, "sched_getaffinity")
        self.allowed: frozenset[int] = frozenset(os.sched_getaffinity(0) if able else ())
        self.kept: frozenset[int] | None = None

    def keep_to(self, cores: Iterable[int] | None) -> None:
        """Keep every thread of this process to `cores`; None gives back all it started with.

        Raises
        ------
        ConfigError
            If a core is not there for this process, none is named, or the system cannot do it.
        """
        wanted = None if cores is None else self._checked(frozenset(cores))
        if wanted == self.kept:
            return
        for thread in self._threads():
            # A thread may end in between.
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, self.allowed if wanted is None else wanted)
        self.kept = wanted

    def _checked(self, cores: frozenset[int]) -> frozenset[int]:
        if not self.allowed:
            cure = "Leave renderer.cores out; this operating system does not pin processes."
            raise ConfigError(problem("renderer.cores", _listed(cores), "none", cure))
        if not cores or not cores <= self.allowed:
            cure = "Name cores that this process may use, or leave the setting out."
            given = _listed(cores) or "no core"
            raise ConfigError(problem("renderer.cores", given, _listed(self.allowed), cure))
        return cores

    @staticmethod
    def _threads() -> list[int]:
        return [int(entry.name) for entry in TASKS.iterdir()] if TASKS.is_dir() else [0]


def _listed(cores: Iterable[int]) -> str:
    return ",".join(map(str, sorted(cores)))
