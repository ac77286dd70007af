"""A window that stands still keeps its last picture on the screen: after a stop it is ended."""

from __future__ import annotations

import os
import signal
from pathlib import Path

__all__ = ["end_frozen", "suspended"]


def _stat(pid: int) -> list[str]:
    """Return what the system says of a process, from its state on; nothing of one that is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()


def _parent(pid: int) -> int:
    found = _stat(pid)
    return int(found[1]) if found else 0


def suspended(pid: int) -> bool:
    """Return whether a process is stopped by a signal, so that nothing in it can go on."""
    return _stat(pid)[:1] in (["T"], ["t"])


def end_frozen(pid: int) -> bool:
    """End a process of this run that gives no sign of life; the supervisor starts it again.

    Parameters
    ----------
    pid : int
        Process whose parent is this process's own, or the console that has started the run;
        others are left alone.

    Returns
    -------
    bool
        Whether it was ended.
    """
    ours = _parent(pid) == os.getppid() or pid == _parent(os.getppid())
    if pid <= 1 or pid == os.getpid() or not ours:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True
