"""A folder that a scanner writes into, or that a finished series lies in.

`FolderScan` decides, `watch_folder` waits: the first has no clock and no thread of its own, so that
tests drive it file by file.
"""

from __future__ import annotations

import os
import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Protocol

from acquisition.errors import ForeignFileError, MatrixError, OtherSeriesError
from acquisition.fmri.volume import Volume
from acquisition.sources.reorder import Reorderer
from phosphene.clock import Clock
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["Bell", "FolderScan", "PollingBell", "VolumeReader", "read_folder", "watch_folder"]

_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
_NUMBERS = re.compile(r"(\d+)")
_KEPT_REFUSALS = 50


class VolumeReader(Protocol):
    """Turns the bytes of files into volumes."""

    def read(self, raw: bytes, name: str) -> list[Volume]:
        """Read one file; `InputError` and its kinds say why it cannot be.

        Returns
        -------
        list of Volume
            Those that this file completes: none while slices or a second file are still missing,
            several when one file holds many.
        """
        ...


class Bell(Protocol):
    """Something that waits until a folder may have changed."""

    def wait(self, timeout_s: float) -> None:
        """Return after a change or after `timeout_s` seconds, whichever is first."""
        ...


class PollingBell:
    """Rings at every interval; for network mounts, which tell nobody about changes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def wait(self, timeout_s: float) -> None:
        """Let `timeout_s` seconds pass."""
        self._clock.wait_until(self._clock.now() + timeout_s)


class _UnreadableError(InputError):
    """The system did not hand the file out; the same file may be readable a moment later."""


class FolderScan:
    """Finds complete volumes in a folder, in order, once each.

    A file that cannot be read is tried again whenever its size or time stamp changes, and refused
    for good when it has not changed for `settle_s`. Files of another series or matrix size, whose
    header was readable, are refused at once. A folder that cannot be listed, such as a network
    share that dropped, is told once, counted once, and looked for again at every poll.

    Parameters
    ----------
    folder : Path
        Where the files appear.
    reader : VolumeReader
        For one series.
    reorderer : Reorderer
        For the order.
    settle_s : float
        Seconds after which an unchanged file is taken to be as long as it will ever be.
    pattern : str
        Names to consider; hidden files and the usual temporary endings never are.
    skip_existing : bool
        Whether files that are there at the start belong to something else.
    skip : collection of str
        Names of files that belong to something else.
    """

    def __init__(
        self,
        folder: Path,
        reader: VolumeReader,
        reorderer: Reorderer,
        settle_s: float = 1.0,
        pattern: str = "*",
        skip_existing: bool = False,
        skip: Collection[str] = (),
    ) -> None:
        if not folder.is_dir():
            raise InputError(problem("folder", folder.name, "an existing folder", "Create it."))
        self._folder = folder
        self._reader = reader
        self._reorderer = reorderer
        self._settle_s = settle_s
        self._pattern = pattern
        self._tried: dict[str, tuple[tuple[int, int], float, InputError]] = {}
        self._done: set[str] = set(skip)
        if skip_existing:
            self._done.update(path.name for path in self._files())
        self._refused: Counter[str] = Counter()
        self._reachable, self._outages = True, 0
        self.refusals: deque[str] = deque(maxlen=_KEPT_REFUSALS)

    @property
    def counts(self) -> dict[str, int]:
        """Volumes passed, duplicates, gaps, late ones, outages, and files refused, by reason."""
        order = self._reorderer.counts
        return {
            "passed": order.passed,
            "duplicates": order.duplicates,
            "gaps": order.gaps,
            "late": order.late,
            "outages": self._outages,
            **{kind: self._refused[kind] for kind in _KINDS.values()},
        }

    def poll(self, now_s: float) -> list[Volume]:
        """Look once.

        Parameters
        ----------
        now_s : float
            Present time in seconds.

        Returns
        -------
        list of Volume
            Those that may go on now.
        """
        out = []
        for path in self._reachable_files():
            for volume in self._try(path, now_s):
                out += self._reorderer.push(volume, now_s)
        return out + self._reorderer.release(now_s)

    def close(self) -> list[Volume]:
        """End the series: refuse what is still incomplete, return what is still held."""
        for name, (_, _, error) in self._tried.items():
            if name not in self._done:
                self._refuse(name, error)
        return self._reorderer.flush()

    def _reachable_files(self) -> list[Path]:
        """Return what there is; nothing while the folder is away."""
        try:
            files = self._files()
        except OSError as error:
            # What failed while the folder went away is read anew when it is back.
            self._tried.clear()
            if self._reachable:
                self._outages += 1
                told = problem(
                    f"folder (outage {self._outages})", error.strerror, "a folder that can be read",
                    "Restore it or its network share; it is looked for all the time.",
                )  # fmt: skip
                self.refusals.append(told)
            self._reachable = False
            return []
        self._reachable = True
        return files

    def _files(self) -> list[Path]:
        with os.scandir(self._folder) as entries:
            names = [
                entry.name
                for entry in entries
                if entry.name not in self._done
                and not entry.name.startswith(".")
                and not entry.name.endswith(_UNFINISHED)
                and fnmatch(entry.name, self._pattern)
                and entry.is_file()
            ]
        return [self._folder / name for name in sorted(names, key=_natural)]

    def _try(self, path: Path, now_s: float) -> list[Volume]:
        try:
            stat = path.stat()
        except OSError:
            return []  # renamed or out of reach since it was listed; it will come up again
        stamp = (stat.st_size, stat.st_mtime_ns)
        before = self._tried.get(path.name)
        since_s = now_s
        if before is not None and before[0] == stamp:
            if now_s - before[1] >= self._settle_s:
                self._refuse(path.name, before[2])
                return []
            if not isinstance(before[2], _UnreadableError):
                return []
            since_s = before[1]
        try:
            volumes = self._reader.read(_bytes_of(path), path.name)
        except (OtherSeriesError, MatrixError) as error:
            self._refuse(path.name, error)
            return []
        except InputError as error:
            self._tried[path.name] = (stamp, since_s, error)
            return []
        self._done.add(path.name)
        return volumes

    def _refuse(self, name: str, error: InputError) -> None:
        self._done.add(name)
        self._refused[_KINDS.get(type(error), "damaged")] += 1
        self.refusals.append(f"file left out: {error}")


_KINDS: dict[type[InputError], str] = {
    TruncatedError: "truncated",
    ForeignFileError: "foreign",
    OtherSeriesError: "other_series",
    MatrixError: "other_matrix",
    InputError: "damaged",
}


def watch_folder(
    scan: FolderScan,
    clock: Clock,
    bell: Bell,
    interval_s: float,
    finished: Callable[[], bool],
) -> Iterator[Volume]:
    """Yield volumes as they appear, until `finished` says that no more will come.

    Parameters
    ----------
    scan : FolderScan
        The folder.
    clock : Clock
        The time.
    bell : Bell
        What to wait for between two looks.
    interval_s : float
        Longest time between two looks, in seconds.
    finished : callable
        Asked before each wait; after True there is one last look.

    Yields
    ------
    Volume
        In order.
    """
    while True:
        last = finished()
        yield from scan.poll(clock.now())
        if last:
            break
        bell.wait(interval_s)
    yield from scan.close()


def read_folder(folder: str | Path, reader: VolumeReader, pattern: str = "*") -> Iterator[Volume]:
    """Yield the volumes of a finished series in order, for replay.

    Parameters
    ----------
    folder : str or Path
        Where the files lie.
    reader : VolumeReader
        For one series.
    pattern : str
        Names to consider.

    Yields
    ------
    Volume
        In order; a missing one is left out.

    Raises
    ------
    InputError
        If a file cannot be read, belongs to another series, or there is none.
    """
    root = Path(folder)
    names = sorted((p for p in root.glob(pattern) if p.is_file()), key=lambda p: _natural(p.name))
    names = [p for p in names if not p.name.startswith(".")]
    if not names:
        raise InputError(problem("folder", root.name, f"files like {pattern}", "Check the path."))
    reorderer = Reorderer(wait_s=float("inf"))
    for path in names:
        for volume in reader.read(_bytes_of(path), path.name):
            yield from reorderer.push(volume, now_s=0.0)
    yield from reorderer.flush()


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:  # a writer on another machine may still lock it
        raise _UnreadableError(
            problem("file", error.strerror, "a readable file", "Check the folder's permissions.")
        ) from error


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts 10 after 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBERS.split(name)]
