"""How far a node has come, kept where a restarted process finds it again."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from phosphene.closing import Closing

__all__ = ["Progress"]

_LAYOUT = struct.Struct("<qd")


class Progress(Closing):
    """One count and one time in a file of the run folder; each `store` is one write.

    Parameters
    ----------
    path : Path
        The file; made, for the owner alone, when it is not there.

    Attributes
    ----------
    count : int
        What the last `store` of this or an earlier process said; 0 at first.
    t0_s : float or None
        The same for the time (LSL clock, seconds); None at first.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        held = os.pread(self._file, _LAYOUT.size, 0)
        self.count = 0
        self.t0_s: float | None = None
        if len(held) == _LAYOUT.size:
            self.count, self.t0_s = _LAYOUT.unpack(held)

    def store(self, count: int, t0_s: float) -> None:
        """Keep a count and a time (LSL clock, seconds)."""
        os.pwrite(self._file, _LAYOUT.pack(count, t0_s), 0)
        self.count, self.t0_s = count, t0_s

    def close(self) -> None:
        """Close the file; it stays."""
        os.close(self._file)
