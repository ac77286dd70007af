"""New names in a folder and its subfolders, found cheaply however many files there are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

__all__ = ["Listing", "natural"]

_NUMBERS = re.compile(r"(\d+)")
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")
_MOST_FOLDERS = 2000
# A folder whose time stamp has not moved for this many looks is only looked at now and then:
# some servers are slow to tell the new time stamp.
_QUIET_LOOKS, _EVERY = 10, 20


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts 10 after 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBERS.split(name)]


def is_data(name: str) -> bool:
    """Tell whether a file name is neither hidden nor one of the usual temporary ones."""
    return not (name.startswith(".") or name.endswith(_UNFINISHED))


class _Folder:
    """What is known of one folder since it was last listed."""

    def __init__(self) -> None:
        self.changed_ns = -1
        self.quiet = 0
        self.subfolders: list[str] = []
        self.files: set[str] = set()

    def listed_lately(self, changed_ns: int) -> bool:
        """Tell whether listing it again can be left out."""
        self.quiet = self.quiet + 1 if changed_ns == self.changed_ns else 0
        self.changed_ns = changed_ns
        return self.quiet >= _QUIET_LOOKS and self.quiet % _EVERY != 0


class Listing:
    """Remembers which names it has handed out.

    Parameters
    ----------
    root : Path
        The folder.
    wanted : Callable
        Given a file's own name, tells whether it is of interest.
    depth : int
        Levels of subfolders that are looked into; 0 for none. Links to folders are not followed.

    Attributes
    ----------
    folders : list of Path
        Every folder seen at the last look.
    unreadable : set of str
        Subfolders that could not be listed.
    """

    def __init__(self, root: Path, wanted: Callable[[str], bool], depth: int) -> None:
        self._root, self._wanted, self._depth = root, wanted, depth
        self._known: set[str] = set()
        self._seen: dict[str, _Folder] = {}
        self.folders: list[Path] = []
        self.unreadable: set[str] = set()

    def add(self, name: str) -> None:
        """Take a name, relative to the root, for known: it is not handed out."""
        self._known.add(name)

    def forget(self, name: str) -> None:
        """Hand a name out again when it is seen."""
        self._known.discard(name)
        self._seen.clear()

    def relative(self, path: Path) -> str | None:
        """Return the name of a file relative to the root, None where it is of no interest."""
        try:
            parts = path.relative_to(self._root).parts
        except ValueError:
            return None
        hidden = any(part.startswith(".") for part in parts)
        if not parts or hidden or len(parts) - 1 > self._depth or not self._wanted(parts[-1]):
            return None
        return "/".join(parts)

    def look(self) -> list[str]:
        """Return the names, relative to the root, that were not there before, in natural order.

        Raises
        ------
        OSError
            If the root cannot be listed.
        """
        found: list[str] = []
        self.folders = []
        self._enter(self._root, "", 0, found)
        self._known.update(found)
        return sorted(found, key=natural)

    def _enter(self, folder: Path, prefix: str, level: int, found: list[str]) -> None:
        if len(self.folders) >= _MOST_FOLDERS:
            return
        known = self._seen.setdefault(prefix, _Folder())
        changed_ns = folder.stat().st_mtime_ns
        if not known.listed_lately(changed_ns):
            known.subfolders = []
            self._list(folder, prefix, known, found)
        self.folders.append(folder)
        if level < self._depth:
            for name in known.subfolders:
                self._enter_subfolder(folder / name, f"{prefix}{name}/", level + 1, found)

    def _enter_subfolder(self, folder: Path, prefix: str, level: int, found: list[str]) -> None:
        try:
            self._enter(folder, prefix, level, found)
        except FileNotFoundError:
            self._seen.pop(prefix, None)
        except OSError:
            self.unreadable.add(prefix)

    def _list(self, folder: Path, prefix: str, known: _Folder, found: list[str]) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                # Nearly every name is an old one: no more than this look-up is spent on it.
                if entry.name in known.files or entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    known.subfolders.append(entry.name)
                    continue
                name = f"{prefix}{entry.name}"
                if name in self._known:
                    known.files.add(entry.name)
                elif self._wanted(entry.name) and entry.is_file():
                    found.append(name)
