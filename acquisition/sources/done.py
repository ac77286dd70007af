"""Files that are done with, and which of them have been written again since."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Done", "Stamp", "stamp_of"]

Stamp = tuple[int, int]
_PER_LOOK = 32


@dataclass
class _File:
    stamp: Stamp | None
    content: int | None = None


def stamp_of(path: Path) -> Stamp:
    """Return length in bytes and time of change in nanoseconds."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


class Done:
    """Remembers how files were when they were read or refused.

    Looking at all of them every time would be slow on a network share, so each look takes the next
    few: all of a series of some hundred files within a second or two.

    Parameters
    ----------
    folder : Path
        Where they are.
    names : iterable of str
        Files that belong to something else; as they are found at first, they stay out.
    """

    def __init__(self, folder: Path, names: Iterable[str] = ()) -> None:
        self._folder = folder
        self._files = {name: _File(None) for name in names}
        self._round: deque[str] = deque()
        self._again: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def add(self, name: str, stamp: Stamp | None, raw: bytes | None = None) -> bool:
        """Note a file, with its content where that was taken.

        Returns
        -------
        bool
            Whether another content of that name was taken before.
        """
        before = self._files.get(name)
        self._files[name] = _File(stamp, None if raw is None else zlib.crc32(raw))
        self._again.discard(name)
        return before is not None and before.content is not None

    def is_again(self, name: str, stamp: Stamp, *, told: bool) -> bool:
        """Tell whether a file that was done with has been written again.

        Parameters
        ----------
        name : str
            The file.
        stamp : Stamp
            How it is now.
        told : bool
            Whether the system said so; else it counts if `changed` found it.
        """
        if self._files[name].stamp == stamp:
            self._again.discard(name)
            return False
        return told or name in self._again

    def same(self, name: str, stamp: Stamp, raw: bytes) -> bool:
        """Tell whether only the time stamp of a file is new, as after a copy that keeps times."""
        file = self._files.get(name)
        if file is None or file.content is None or file.content != zlib.crc32(raw):
            return False
        file.stamp = stamp
        self._again.discard(name)
        return True

    def changed(self) -> list[str]:
        """Look at the next few files; return those that have been written again."""
        if not self._round:
            self._round.extend(self._files)
        found = []
        for _ in range(min(_PER_LOOK, len(self._round))):
            name = self._round.popleft()
            file = self._files[name]
            try:
                stamp = stamp_of(self._folder / name)
            except OSError:  # gone, which takes nothing back
                continue
            if file.stamp is None:
                file.stamp = stamp
            elif stamp != file.stamp:
                found.append(name)
        self._again.update(found)
        return found
