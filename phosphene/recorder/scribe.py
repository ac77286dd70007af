"""The thread that writes: stalls of the disk stay here and never reach the bus."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from phosphene.messages import Message, encode
from phosphene.recorder.backlog import Backlog
from phosphene.recorder.room import Room
from phosphene.recorder.writer import RecordingFile

__all__ = ["Scribe"]

FLUSH_S = 0.25
SYNC_S = 1.0


class Scribe:
    """Writes what is in the backlog, flushing four times a second, syncing once.

    Parameters
    ----------
    file : RecordingFile
        The open recording.
    backlog : Backlog
        Where messages wait.
    now : Callable
        Returns the time in seconds.

    Attributes
    ----------
    written : int
        Messages in the file.
    lost : int
        Messages that could not be written because the disk failed.
    failure : str
        What the disk said, in words; empty while all is well.
    size : int
        Bytes of the file as it was last flushed.
    free : int or None
        Free bytes of its disk at that time; None where nobody knows.
    begun_s : float
        When writing began.
    result : Path or None
        The file as it was left; set when the scribe has ended or the disk has failed.
    """

    def __init__(self, file: RecordingFile, backlog: Backlog, now: Callable[[], float]) -> None:
        self._file, self._backlog, self._now = file, backlog, now
        self.written = 0
        self.lost = 0
        self.size = file.size()
        self.free: int | None = None
        self._room = Room(file.path.parent, now)
        self.begun_s = now()
        self.failure = ""
        self.result: Path | None = None
        self._unflushed = 0
        self._synced_s = now()
        self._thread = threading.Thread(target=self._run, name="scribe")
        self._thread.start()

    def alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    def finish(self, stop: Message, facts: dict[str, str]) -> None:
        """Write what is left and the stop document, finish the file and end the thread."""
        self._backlog.close()
        self._thread.join()
        if self.result is not None:
            return
        try:
            self._file.note("phosphene.stop", facts)
            self._file.add(stop, encode(stop))
            self._flush()
            self.written += 1
            self.result = self._file.finish()
            self.failure = self._file.unsure
        except OSError as error:
            self._fail(error, 0)

    def _run(self) -> None:
        due_s = self._now() + FLUSH_S
        while not self._backlog.ended():
            items = self._backlog.take(due_s - self._now())
            if self.result is not None:
                self.lost += len(items)
                continue
            done = 0
            try:
                for message, frames in items:
                    self._file.add(message, frames)
                    done += 1
                self._unflushed += done
                if self._now() >= due_s:
                    self._flush()
                    due_s = self._now() + FLUSH_S
            except OSError as error:
                self._fail(error, len(items) if done < len(items) else 0)

    def _flush(self) -> None:
        self._file.flush()
        self.size, self.free = self._file.size(), self._room.free()
        self.written += self._unflushed
        self._unflushed = 0
        if self._now() - self._synced_s >= SYNC_S:
            self._file.sync()
            self._synced_s = self._now()

    def _fail(self, error: OSError, unwritten: int) -> None:
        self.failure = f"recording {self._file.path} ended: {error.strerror or error}"
        self.lost += self._unflushed + unwritten
        self._unflushed = 0
        self.result = self._file.cut_short()
