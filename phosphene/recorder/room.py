"""How much room the recording's disk has: for the lamp of the operator's window.

Asked by the thread that writes, for a disk that hangs answers nothing at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

__all__ = ["Room"]

LOOK_S = 1.0


class Room:
    """Free bytes of a disk, asked for at most once a second.

    Parameters
    ----------
    folder : Path
        Any folder on it.
    now : Callable
        Returns the time in seconds.
    """

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._folder, self._now = folder, now
        self._free: int | None = None
        self._looked_s = float("-inf")

    def free(self) -> int | None:
        """Return the free bytes; None where the system does not say."""
        now = self._now()
        if now - self._looked_s >= LOOK_S:
            self._looked_s = now
            try:
                self._free = shutil.disk_usage(self._folder).free
            except OSError:
                self._free = None
        return self._free
