"""Keeps what a process holds in its memory from the disk when it crashes."""

from __future__ import annotations

import resource

__all__ = ["no_core_dumps"]


def no_core_dumps() -> None:
    """Switch core dumps off, for this process and all that it starts, for good.

    Pictures, brain data and keys lie openly in the memory of whatever works with them. Dumps that
    the kernel hands to a program instead (``core_pattern`` with ``|``) are that program's
    business: systemd-coredump and apport heed the limit.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
