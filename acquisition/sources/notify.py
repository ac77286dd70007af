"""A bell rung by the operating system when a local folder changes."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

__all__ = ["NotifyBell"]


class NotifyBell(FileSystemEventHandler):
    """Wakes at once when something in a local folder is created, written or renamed.

    Network mounts do not tell about changes made elsewhere; the time limit of `wait` bounds the
    delay there, or use `acquisition.sources.folder.PollingBell`.

    Parameters
    ----------
    folder : Path
        The folder; not its subfolders.
    """

    def __init__(self, folder: Path) -> None:
        self._rung = threading.Event()
        self._observer = Observer()
        self._observer.schedule(self, str(folder), recursive=False)

    def __enter__(self) -> NotifyBell:
        self._observer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._observer.stop()
        self._observer.join()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Ring for anything that may have completed a file; reading one does not."""
        if event.event_type in ("created", "modified", "moved", "closed"):
            self._rung.set()

    def wait(self, timeout_s: float) -> None:
        """Return after a change or after `timeout_s` seconds."""
        self._rung.wait(timeout_s)
        self._rung.clear()
