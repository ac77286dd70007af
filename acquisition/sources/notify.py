"""Who tells that a folder has changed: the system, or nobody, so that one has to look."""

from __future__ import annotations

import platform
import threading
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from acquisition.sources.inotify import FileEvent, Inotify
from acquisition.sources.mounts import filesystem_of, hearing_of

__all__ = ["Heard", "Told", "Watch", "open_watch"]

LOOK_S = 0.1
"""Interval between two looks at a folder that nobody tells about."""
SAFETY_LOOK_S = 2.0
"""The same where the system tells: a net for what it might not."""
STEADY_S, SAFETY_STEADY_S = 0.05, 1.0
"""A file found by looking is read when it has stood still for this long; where the system tells of
finished files, one that it has not told of is most likely still being written."""


class Heard(NamedTuple):
    """What became known while waiting.

    Attributes
    ----------
    files : list of FileEvent
        Oldest first.
    look : bool
        True when the whole folder has to be looked at.
    """

    files: list[FileEvent]
    look: bool


class Watch(Protocol):
    """Waits until a folder may have changed.

    Attributes
    ----------
    words : str
        How it knows, for people.
    interval_s : float
        Longest time between two looks at the whole folder, in seconds.
    steady_s : float
        Seconds for which a file that was found by looking has to keep its size and time stamp
        before it is taken to be complete.
    """

    words: str
    interval_s: float
    steady_s: float

    def follow(self, folders: Collection[Path]) -> bool:
        """Listen to these folders too; return whether one was new."""
        ...

    def forget(self) -> None:
        """Listen anew from the next `follow` on: the folder was away."""
        ...

    def wait(self, timeout_s: float) -> Heard:
        """Return after a change or after `timeout_s` seconds, whichever is first."""
        ...

    def wake(self) -> None:
        """End the present wait, from another thread."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class Told:
    """Waits, and collects what `hear` is told meanwhile; by itself it hears nothing.

    Parameters
    ----------
    words : str
        How changes become known, for people.
    interval_s : float
        Longest time between two looks at the whole folder, in seconds.
    steady_s : float
        How long a file found by looking must not have changed, in seconds.
    """

    def __init__(self, words: str, interval_s: float, steady_s: float = STEADY_S) -> None:
        self.words, self.interval_s, self.steady_s = words, interval_s, steady_s
        self._rung = threading.Event()
        self._files: deque[FileEvent] = deque()
        self._look = False

    def hear(self, event: FileEvent) -> None:
        """Take an event, from any thread."""
        if event.path is None:
            self._look = True
        else:
            self._files.append(event)
        self._rung.set()

    def follow(self, folders: Collection[Path]) -> bool:
        """Return False: nothing is listened to."""
        return False

    def forget(self) -> None:
        """Do nothing."""

    def wait(self, timeout_s: float) -> Heard:
        """Return what was heard, after at most `timeout_s` seconds."""
        self._rung.wait(timeout_s)
        self._rung.clear()
        look, self._look = self._look, False
        files = []
        with suppress(IndexError):
            while True:
                files.append(self._files.popleft())
        return Heard(files, look)

    def wake(self) -> None:
        """End the present wait."""
        self._rung.set()

    def close(self) -> None:
        """Do nothing."""


class _Events(Told):
    """Hears from Linux."""

    def __init__(self, words: str, interval_s: float, now: Callable[[], float]) -> None:
        super().__init__(words, interval_s, _steady_s(interval_s))
        self._source = Inotify(self.hear, now)

    def follow(self, folders: Collection[Path]) -> bool:
        """Listen to these folders too; look often where the system has no more watches to give."""
        try:
            return self._source.follow(folders)
        except OSError:
            self.interval_s = LOOK_S
            return False

    def forget(self) -> None:
        """Listen anew from the next `follow` on."""
        self._source.forget()

    def close(self) -> None:
        """Stop listening."""
        self._source.close()


class _ForeignEvents(Told, FileSystemEventHandler):
    """Hears from another system, of a whole tree."""

    def __init__(
        self, folder: Path, words: str, interval_s: float, now: Callable[[], float]
    ) -> None:
        super().__init__(words, interval_s, _steady_s(interval_s))
        self._now = now
        self._observer = Observer()
        self._observer.schedule(self, str(folder), recursive=True)
        self._observer.start()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take an event; only a rename is sure to leave a whole file behind."""
        moved = event.event_type == "moved"
        if event.is_directory:
            self.hear(FileEvent(None, self._now(), complete=False))
        elif moved or event.event_type in ("created", "modified", "closed"):
            path = Path(str(event.dest_path if moved else event.src_path))
            complete = moved or event.event_type == "closed"
            self.hear(FileEvent(path, self._now(), complete))

    def close(self) -> None:
        """Stop listening."""
        self._observer.stop()
        self._observer.join()


def _steady_s(interval_s: float) -> float:
    return SAFETY_STEADY_S if interval_s == SAFETY_LOOK_S else STEADY_S


def open_watch(folder: Path, poll_s: float | None, now: Callable[[], float]) -> Watch:
    """Choose how to learn of changes in a folder, by the file system that it lies on.

    Parameters
    ----------
    folder : Path
        The folder.
    poll_s : float or None
        Look at this interval, in seconds, whatever the file system; None chooses.
    now : Callable
        Present time in seconds.

    Returns
    -------
    Watch
        Listening; to be closed.
    """
    if poll_s is not None:
        return Told(f"looked at every {poll_s:g} s, as source.poll_s says", poll_s)
    kind = filesystem_of(folder.resolve())
    hearing = hearing_of(kind)
    name = kind or "an unknown file system"
    if hearing == "looking":
        return Told(f"on {name}, a network share: looked at every {LOOK_S:g} s", LOOK_S)
    interval_s = SAFETY_LOOK_S if hearing == "events" else LOOK_S
    words = f"on {name}, a local disk: read as soon as the system tells of a file"
    if hearing == "both":
        words = f"on {name}: file events are heard, and it is looked at every {LOOK_S:g} s"
    try:
        if platform.system() == "Linux":
            return _Events(words, interval_s, now)
        return _ForeignEvents(folder.resolve(), words, interval_s, now)
    except OSError as error:
        return Told(f"no file events ({error.strerror}): looked at every {LOOK_S:g} s", LOOK_S)
