"""Starts what is to be compared: the questions, two replays, and both results as one answer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from gui.replay.compare import Variant, command_of, consent_for
from gui.replay.compare_dialog import CompareDialog, ExistingDialog
from gui.replay.keyring import Keyring, files_of, locked_among
from gui.replay.opened import Opened
from gui.replay.rights import why_no_replay
from gui.replay.runs import Child, Children
from gui.texts import tr
from phosphene.errors import PhospheneError

__all__ = ["Comparing"]


class Comparing(QObject):
    """Two runs on their way to be compared.

    Parameters
    ----------
    page : QWidget
        The panel, above which the questions stand.
    now : Callable
        Returns the present date and time, with zone.
    """

    progressed = Signal(str, float)
    ready = Signal(object, object)
    failed = Signal(str)

    def __init__(self, page: QWidget, now: Callable[[], datetime]) -> None:
        super().__init__(page)
        self._page, self._now = page, now
        self._children: Children | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def ask_new(self, opened: Opened) -> CompareDialog:
        """Ask for two ways to replay what is open."""
        where = opened.recording.where
        home = where if where.is_dir() else where.parent
        dialog = CompareDialog(self._page, home.with_name(f"{home.name}-compared"))
        dialog.answered.connect(lambda a, b, out: self.replay(opened, (a, b), out))
        dialog.show()
        return dialog

    def ask_existing(self, opened: Opened | None) -> ExistingDialog:
        """Ask for two runs that exist."""
        dialog = ExistingDialog(self._page, None if opened is None else opened.recording.where)
        dialog.answered.connect(lambda a, b: self.ready.emit([a, b], [_name(a), _name(b)]))
        dialog.show()
        return dialog

    def replay(self, opened: Opened, variants: tuple[Variant, Variant], out: Path) -> None:
        """Replay what is open twice, into the folders ``a`` and ``b`` of `out`."""
        recording, where = opened.recording, opened.recording.where
        self.stop()
        if why := why_no_replay(recording.start):
            self.failed.emit(why)
            return
        self._folder = tempfile.TemporaryDirectory(prefix="phosphene-compare-")
        private = Path(self._folder.name)
        targets = [out / "a", out / "b"]
        try:
            consent = consent_for(recording.start, opened.consent, where, private, self._now())
            seal = self._seal(opened.keyring, where, private)
            environment = opened.keyring.lend(files_of(where))
        except (PhospheneError, OSError) as error:
            self.stop()
            self.failed.emit(str(error))
            return
        children = [
            Child(tr("Replay {side}: {words}", side=side, words=variant.words),
                  command_of(variant, where, target, consent, seal), len(recording.steps))
            for side, variant, target in zip("AB", variants, targets, strict=True)
        ]  # fmt: skip
        self._run(children, environment, targets, [variant.words for variant in variants])

    def read_foreign(self, where: Path, out: Path) -> None:
        """Bring a recording of another program through the chain, without decoding anything."""
        self.stop()
        words = tr("Reading {file} through the chain", file=where.name)
        child = Child(words, command_of(Variant(), where, out, None))
        self._run([child], Keyring().lend([]), [out], [where.name])

    def stop(self) -> None:
        """End what runs."""
        if self._children is not None:
            self._children.stop()
        if self._folder is not None:
            self._folder.cleanup()
        self._children, self._folder = None, None

    def _run(
        self,
        children: list[Child],
        environment: dict[str, str],
        out: list[Path],
        names: list[str],
    ) -> None:
        self._children = Children(children, environment, self)
        self._children.progressed.connect(self.progressed)
        self._children.succeeded.connect(lambda _said: self._done(out, names))
        self._children.failed.connect(self._wrong)
        self._children.start()

    def _done(self, out: list[Path], names: list[str]) -> None:
        self.stop()
        self.ready.emit(out, names)

    def _wrong(self, words: str) -> None:
        self.stop()
        self.failed.emit(words)

    def _seal(self, keyring: Keyring, where: Path, private: Path) -> Path | None:
        """Return the key that results of a sealed recording are sealed to: the one that opened it.

        Nothing that was sealed comes to lie open on the disk by being compared.
        """
        pem = keyring.public_pem
        if pem is None or not locked_among(where):
            return None
        path = private / "steward.pub"
        path.write_bytes(pem)
        return path


def _name(path: Path) -> str:
    return (path if path.is_dir() else path.parent).name
