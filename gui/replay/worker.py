"""Work beside the window: one task with progress, and pictures of which only the newest counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from PySide6.QtCore import QObject, QThread, Signal

from gui.replay.load import StoppedError
from phosphene.errors import PhospheneError
from phosphene.gate.levels import abstract
from phosphene.recorder.access import Place, picture_at

__all__ = ["PictureReader", "Task"]

Work = Callable[[Callable[[float], None], Callable[[], bool]], Any]


class Task(QThread):
    """Runs a function in a thread of its own.

    Parameters
    ----------
    work : Callable
        Called with a function that takes progress from 0 to 1, and one that says whether to stop.
    parent : QObject
        Who waits for it.
    """

    progressed = Signal(float)
    succeeded = Signal(object)
    failed = Signal(str)

    def __init__(self, work: Work, parent: QObject) -> None:
        super().__init__(parent)
        self._work = work

    def run(self) -> None:
        """Do the work, in the thread."""
        try:
            made = self._work(self.progressed.emit, self.isInterruptionRequested)
        except StoppedError:
            return
        except OSError as error:
            self.failed.emit(f"{error.filename or ''}: {error.strerror or error}")
        except PhospheneError as error:
            self.failed.emit(str(error))
        else:
            self.succeeded.emit(made)

    def drop(self) -> None:
        """Leave off, wait for the end, and tell nobody."""
        for signal in (self.progressed, self.succeeded, self.failed):
            signal.disconnect()
        self.requestInterruption()
        self.wait()
        self.deleteLater()


class PictureReader(QObject):
    """Reads recorded pictures; of several that are asked for meanwhile only the newest.

    Parameters
    ----------
    open_file : Callable
        Opens a file of the recording.
    parts : list of Path
        Its files.
    level : int
        Abstraction level that no picture exceeds.
    parent : QObject or None
        Owner.
    """

    ready = Signal(object, object)

    def __init__(
        self,
        open_file: Callable[[Path], BinaryIO],
        parts: list[Path],
        level: int,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._open, self._parts, self._level = open_file, parts, level
        self._change = threading.Condition()
        self._wanted: tuple[int, Place, int] | None = None
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="pictures")
        self._thread.start()

    def ask(self, part: int, place: Place, level: int) -> None:
        """Ask for a picture, recorded at `level`; `ready` tells its place and pixels, or words."""
        with self._change:
            self._wanted = (part, place, level)
            self._change.notify()

    def close(self) -> None:
        """End the thread."""
        with self._change:
            self._ending = True
            self._change.notify()
        self._thread.join()

    def _run(self) -> None:
        files: dict[int, BinaryIO] = {}
        try:
            while (wanted := self._next()) is not None:
                part, place, level = wanted
                try:
                    if part not in files:
                        files[part] = self._open(self._parts[part])
                    picture = picture_at(files[part], place)
                    found: object = abstract(picture, min(level, self._level))
                except OSError as error:
                    found = str(error.strerror or error)
                except PhospheneError as error:
                    found = str(error)
                self.ready.emit(place, found)
        finally:
            for file in files.values():
                file.close()

    def _next(self) -> tuple[int, Place, int] | None:
        with self._change:
            self._change.wait_for(lambda: self._ending or self._wanted is not None)
            wanted, self._wanted = self._wanted, None
            return None if self._ending else wanted
