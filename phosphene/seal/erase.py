"""Makes sealed recordings unreadable in place, and waits until the disk has it."""

from __future__ import annotations

import os
from pathlib import Path

from phosphene.errors import SealError
from phosphene.seal.header import MOST_HEADER
from phosphene.seal.opening import sealed_header

__all__ = ["erase_keys", "sync_folder"]


def erase_keys(path: Path) -> None:
    """Overwrite the sealed keys of a recording with zeros.

    Where the header is damaged and tells no longer where they are, all that could be a header is
    overwritten.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    try:
        header = sealed_header(path)
        begin, length = header.wrapped_at, len(header.wrapped)
    except SealError:
        begin, length = 0, min(MOST_HEADER, path.stat().st_size)
    with path.open("r+b", buffering=0) as file:
        file.seek(begin)
        file.write(bytes(length))
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until names that were made, changed or deleted in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
