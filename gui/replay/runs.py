"""Replays as child processes, one after the other, with progress."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

from gui.replay.compare import steps_told
from gui.texts import tr

__all__ = ["Child", "Children"]

PATIENCE_MS = 5000
LAST_LINES = 6
MOST_LETTERS = 20_000
_NOISE = re.compile(r"\d(?:it|volume|epoch|step|frame)?s? \[|%\|")
"""A line of a progress bar."""


@dataclass(frozen=True)
class Child:
    """One process to be run.

    Attributes
    ----------
    words : str
        What it does, for the progress.
    command : sequence of str
        Program and arguments.
    steps : int
        Volumes or epochs that are to be expected; 0: nobody knows.
    """

    words: str
    command: Sequence[str]
    steps: int = 0


class Children(QObject):
    """Runs processes in order; a failure ends the row.

    Parameters
    ----------
    children : sequence of Child
        What to run.
    environment : mapping of str to str
        Of all of them.
    parent : QObject
        Who waits.
    """

    progressed = Signal(str, float)
    succeeded = Signal(str)
    failed = Signal(str)

    def __init__(
        self, children: Sequence[Child], environment: Mapping[str, str], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._children = list(children)
        self._at = -1
        self._said = ""
        self._process = QProcess(self)
        held = QProcessEnvironment()
        for name, value in environment.items():
            held.insert(name, value)
        self._process.setProcessEnvironment(held)
        self._process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        self._process.setStandardInputFile(QProcess.nullDevice())
        self._process.readyRead.connect(self._read)
        self._process.finished.connect(self._ended)
        self._process.errorOccurred.connect(self._not_started)

    def start(self) -> None:
        """Start the next process."""
        self._at += 1
        child = self._children[self._at]
        self.progressed.emit(child.words, -1.0)
        self._said = ""
        self._process.start(child.command[0], list(child.command[1:]))

    def stop(self) -> None:
        """End what runs, in order where it can, and tell nobody."""
        self.blockSignals(True)
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.blockSignals(True)
            self._process.terminate()
            if not self._process.waitForFinished(PATIENCE_MS):
                self._process.kill()
                self._process.waitForFinished(PATIENCE_MS)
        self.deleteLater()

    def last_words(self) -> str:
        """Return the last lines that the process said, without its progress."""
        lines = self._said.replace("\r", "\n").splitlines()
        told = [line.strip() for line in lines if not _NOISE.search(line)]
        return "\n".join([line for line in told if line][-LAST_LINES:])

    def _read(self) -> None:
        self._said = (
            self._said + bytes(self._process.readAll().data()).decode("utf-8", "replace")
        )[-MOST_LETTERS:]
        child = self._children[self._at]
        done = steps_told(self._said)
        if done is not None and child.steps:
            self.progressed.emit(child.words, min(1.0, done / child.steps))

    def _not_started(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.failed.emit(tr("{what}: cannot be started", what=self._children[self._at].words))

    def _ended(self, code: int, _status: QProcess.ExitStatus) -> None:
        self._read()
        if code != 0:
            what = self._children[self._at].words
            self.failed.emit(tr("{what}: failed\n{said}", what=what, said=self.last_words()))
        elif self._at + 1 < len(self._children):
            self.start()
        else:
            self.succeeded.emit(self.last_words())
