"""Linux' own file events: one descriptor, many folders, stamped the moment they are read.

A general library would do, but three things matter here: files renamed out of the folder must not
hold back the events of others (libraries wait half a second for the second half of a rename), only
folders down to a given depth are watched, and lost events have to be known.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

__all__ = ["FileEvent", "Inotify"]

_CLOSE_WRITE, _MOVED_TO, _CREATE = 0x8, 0x80, 0x100
_OVERFLOW, _IGNORED, _IS_FOLDER = 0x4000, 0x8000, 0x40000000
_ONLY_FOLDERS, _NO_LINKS = 0x01000000, 0x02000000
_WATCHED = _CLOSE_WRITE | _MOVED_TO | _CREATE | _ONLY_FOLDERS | _NO_LINKS
_HEAD = struct.Struct("iIII")
_READ_BYTES = 1 << 16


class FileEvent(NamedTuple):
    """What the system told.

    Attributes
    ----------
    path : Path or None
        Which file; None where anything may have happened: a new subfolder, or lost events.
    at_s : float
        When it was told, in seconds.
    complete : bool
        Closed after writing or renamed into place; False for a file that was only made.
    """

    path: Path | None
    at_s: float
    complete: bool


class Inotify:
    """Tells of files that are closed after writing, or renamed or linked into folders.

    Parameters
    ----------
    told : Callable
        Called with each event, in a thread of its own.
    now : Callable
        Present time in seconds.

    Raises
    ------
    OSError
        If the system has no such events, or no more to give.
    """

    def __init__(self, told: Callable[[FileEvent], None], now: Callable[[], float]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(self._libc, "inotify_init1"):
            raise OSError("this system has no inotify")
        self._told, self._now = told, now
        self._descriptor = self._checked(self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        self._folders: dict[int, Path] = {}
        self._lock = threading.Lock()
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._listen, name="file-events")
        self._thread.start()

    def follow(self, folders: Iterable[Path]) -> bool:
        """Watch these folders too; return whether one was not watched before.

        Raises
        ------
        OSError
            If the system's limit of watches is reached.
        """
        new = False
        for folder in folders:
            with self._lock:
                if folder in self._folders.values():
                    continue
                watch = self._libc.inotify_add_watch(
                    self._descriptor, os.fsencode(folder), ctypes.c_uint32(_WATCHED)
                )
                error = ctypes.get_errno()
                if watch >= 0:
                    self._folders[watch], new = folder, True
                elif error in (28, 12):  # ENOSPC: the limit of watches; ENOMEM
                    raise OSError(error, os.strerror(error))
                # Otherwise the folder has gone again, or may not be read.
        return new

    def forget(self) -> None:
        """Watch nothing any more, for instance after the folder was away."""
        with self._lock:
            for watch in self._folders:
                self._libc.inotify_rm_watch(self._descriptor, watch)
            self._folders.clear()

    def close(self) -> None:
        """Stop listening."""
        os.write(self._wake_write, b"x")
        self._thread.join()
        for descriptor in (self._descriptor, self._wake_read, self._wake_write):
            os.close(descriptor)

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            if any(descriptor == self._wake_read for descriptor, _ in poll.poll()):
                return
            raw = os.read(self._descriptor, _READ_BYTES)
            at_s = self._now()
            for watch, mask, name in _events_of(raw):
                event = self._event(watch, mask, name, at_s)
                if event is not None:
                    self._told(event)

    def _event(self, watch: int, mask: int, name: str, at_s: float) -> FileEvent | None:
        if mask & _OVERFLOW:
            return FileEvent(None, at_s, complete=False)
        with self._lock:
            if mask & _IGNORED:
                return None if self._folders.pop(watch, None) is None else _anything(at_s)
            folder = self._folders.get(watch)
        if folder is None:
            return None
        if mask & _IS_FOLDER:
            return _anything(at_s)
        return FileEvent(folder / name, at_s, complete=bool(mask & (_CLOSE_WRITE | _MOVED_TO)))

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return result


def _anything(at_s: float) -> FileEvent:
    return FileEvent(None, at_s, complete=False)


def _events_of(raw: bytes) -> list[tuple[int, int, str]]:
    """Return watch, mask and file name of each event in what was read."""
    found, at = [], 0
    while at < len(raw):
        watch, mask, _cookie, length = _HEAD.unpack_from(raw, at)
        begin = at + _HEAD.size
        name = raw[begin : begin + length].rstrip(b"\0")
        found.append((watch, mask, os.fsdecode(name)))
        at = begin + length
    return found
