"""The replay panel: open a recording, go back and forth in it, lay two side by side."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QCloseEvent, QHideEvent
from PySide6.QtWidgets import QWidget

from gui.replay.comparing import Comparing
from gui.replay.dialogs import KeyDialog, choose
from gui.replay.frame import ReplayFrame
from gui.replay.keyring import Keyring, locked_among
from gui.replay.lanes import confidence_of, graphs_of
from gui.replay.load import is_ours
from gui.replay.opened import Opened, describe, narrowed, open_all, place_words, taken_back
from gui.replay.player import Player
from gui.replay.worker import Task
from gui.texts import told, tr
from phosphene.clock import utc_now

__all__ = ["ReplayPage"]

TICK_MS = 33
WATCH_MS = 1000


class ReplayPage(ReplayFrame):
    """The panel.

    Parameters
    ----------
    parent : QWidget or None
        Where it stands.
    now : Callable
        Returns the present date and time, with zone, for the expiry of consents.
    """

    def __init__(
        self, parent: QWidget | None = None, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        do = {
            "file": self._ask_file, "folder": self._ask_folder, "compare": self._ask_compare,
            "existing": self._ask_existing, "close": self.close_recording,
            "cancel": self._cancel, "through": self._ask_foreign,
        }  # fmt: skip
        super().__init__(parent, do)
        self._now = now
        self._task: Task | None = None
        self._opened: list[Opened] = []
        self._source: Opened | None = None
        self._foreign: Path | None = None
        self._names: list[str] = []
        self.key_dialog: KeyDialog | None = None
        self.folder = Path.cwd()
        self.player = Player()
        self.comparing = Comparing(self, now)
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._watch = QTimer(self)
        self._watch.setInterval(WATCH_MS)
        self._last_s = 0.0
        self._connect()
        self._show_words(tr("Open a recording to look at it."))

    def _connect(self) -> None:
        self._timer.timeout.connect(self._tick)
        self._watch.timeout.connect(self._look_at_consent)
        self.timeline.asked.connect(self._go_to)
        self.transport.asked.connect(self._go_to)
        self.transport.stepped.connect(self.step)
        self.transport.toggled.connect(self.toggle)
        self.transport.speed_chosen.connect(self._set_speed)
        self.comparing.progressed.connect(self._progress)
        self.comparing.ready.connect(self._results)
        self.comparing.failed.connect(self._failed)

    # ---- opening -------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Open a recording or a run's folder; a sealed one asks for its key first."""
        self.close_recording()
        self._source = None
        self.folder = path if path.is_dir() else path.parent
        if path.exists() and not is_ours(path):
            self._foreign = path
            self._show_words(tr(
                "{name} is not a recording of Phosphene. Replayed through the chain it becomes "
                "one: its data are cleaned and its quality is measured, nothing is decoded.",
                name=path.name,
            ), through=True)  # fmt: skip
        elif path.exists() and locked_among(path):
            self._ask_key([path])
        else:
            self._load([path], Keyring)

    def close_recording(self) -> None:
        """Forget what is open, its key included."""
        self._cancel()
        self._watch.stop()
        self.board.clear()
        self._opened, self._foreign = [], None
        self.timeline.show_recording(None)
        self.transport.set_length(0.0)
        self.player = Player(speed=self.player.speed)
        self.transport.show_place(0.0, "", playing=False)
        self._show_words(tr("Open a recording to look at it."))

    def widget(self) -> ReplayPage:
        """Return what the console lays out: itself."""
        return self

    def focus_first(self) -> None:
        """Put the keys where they are of use: on the slider, or on the button that opens."""
        first = self.transport.scrubber if self._opened else self.buttons["file"]
        first.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 (Qt's name)
        """Stand still while nobody looks."""
        self._stand_still()
        super().hideEvent(event)

    def shut(self) -> None:
        """End every thread, timer and process."""
        self.close_recording()
        self._source = None

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """Leave nothing behind."""
        self.shut()
        super().closeEvent(event)

    def open_file(self) -> None:
        """Ask for a recording and open it."""
        if self.buttons["file"].isEnabled():
            self._ask_file()

    def _ask_file(self) -> None:
        choose(self, tr("Open a recording"), self.open, folder=False, start=self.folder)

    def _ask_folder(self) -> None:
        choose(self, tr("Open a run's folder"), self.open, folder=True, start=self.folder)

    def _ask_key(self, paths: list[Path]) -> None:
        self._show_words(tr("{name} is sealed.", name=paths[0].name))
        self.key_dialog = KeyDialog(self, paths[0])
        self.key_dialog.answered.connect(
            lambda key, passphrase: self._load(paths, lambda: Keyring.of(key, passphrase))
        )
        self.key_dialog.show()

    def _ask_foreign(self) -> None:
        foreign = self._foreign
        if foreign is not None:
            choose(self, tr("Folder for the result"), lambda out: self._bring(foreign, out),
                   folder=True, start=self.folder)  # fmt: skip

    def _bring(self, foreign: Path, out: Path) -> None:
        self._progress(tr("Reading {file} through the chain", file=foreign.name), -1.0)
        self.comparing.read_foreign(foreign, out / f"{foreign.stem}-read")

    def _load(self, paths: list[Path], make_keyring: Callable[[], Keyring]) -> None:
        self._cancel()
        self._progress(tr("Reading"), 0.0)
        task = Task(
            lambda progress, stopped: open_all(paths, make_keyring, self._now, progress, stopped),
            self,
        )
        task.progressed.connect(lambda share: self._progress(tr("Reading"), share))
        task.succeeded.connect(self._loaded)
        task.failed.connect(self._failed)
        self._task = task
        task.start()

    def _loaded(self, opened: list[Opened]) -> None:
        self._idle()
        if len(opened) == 2 and self._source is not None:
            rights = self._source.rights
            opened = [replace(one, rights=narrowed(one.rights, rights)) for one in opened]
        self._opened, self._source = opened, None
        first = opened[0]
        self.board.show_opened(opened)
        self.player = Player(max(o.recording.end_s for o in opened), speed=self.player.speed)
        graphs = graphs_of(first.recording, first.rights, "A" if len(opened) == 2 else "")
        for second in opened[1:]:
            graphs += confidence_of(second.recording, second.rights, "B")
        self.timeline.show_recording(first.recording, graphs)
        self.transport.set_length(self.player.end_s)
        self.transport.set_unit(first.recording.unit)
        told_of = [describe(one) for one in opened]
        if len(opened) == 2:
            # What differs first: the rest is the same, or told on the right.
            told_of = [f"{letter}: {name} ({words})" for letter, name, words
                       in zip("AB", self._names, told_of, strict=True)]  # fmt: skip
        self.title.setText("\n".join(told_of))
        self.title.setToolTip("\n".join(told_of))
        self.rights.setText(_rights_words(first))
        self.stack.setCurrentWidget(self.board)
        self._watch.start()
        self._enable()
        self._show_place()

    def _look_at_consent(self) -> None:
        """Close what may not be shown any more."""
        for one in self._opened:
            if why := taken_back(one, self._now()):
                self.close_recording()
                self._show_words(tr("Closed: {why}", why=why))
                return

    def _results(self, paths: list[Path], names: list[str]) -> None:
        """Show what was made, or chosen, to be compared."""
        self._idle()
        source, self._source = self._source, None
        if len(paths) == 1:
            self.open(paths[0])
            return
        keyring = source.keyring if source is not None else Keyring()
        self.close_recording()
        self._source, self._names = source, names
        if keyring.public_pem is None and any(p.exists() and locked_among(p) for p in paths):
            self._ask_key(paths)
        else:
            self._load(paths, lambda: keyring)

    # ---- comparing -----------------------------------------------------------------------------

    def _ask_compare(self) -> None:
        if len(self._opened) == 1:
            self._source = self._opened[0]
            self.comparing.ask_new(self._opened[0])

    def _ask_existing(self) -> None:
        self._source = None
        self.comparing.ask_existing(self._opened[0] if self._opened else None)

    # ---- going on ------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Play, or stand still."""
        if self.player.playing:
            self.player.pause()
        else:
            self.player.play()
        if self.player.playing:
            self._last_s = time.monotonic()
            self._timer.start()
        else:
            self._timer.stop()
        self._show_place()

    def step(self, by: int) -> None:
        """Go some volumes or epochs on, or back, and stand still there."""
        if self._opened:
            self._stand_still()
            self.player.go_to(self._opened[0].recording.step_of(self.player.t_s, by))
            self._show_place()

    def _go_to(self, t_s: float) -> None:
        self.player.go_to(t_s)
        self._show_place()

    def _set_speed(self, speed: float) -> None:
        self.player.speed = speed

    def _tick(self) -> None:
        now_s = time.monotonic()
        self.player.advance(now_s - self._last_s)
        self._last_s = now_s
        if not self.player.playing:
            self._timer.stop()
        self._show_place()

    def _stand_still(self) -> None:
        self.player.pause()
        self._timer.stop()

    def _show_place(self) -> None:
        if not self._opened:
            return
        t_s = self.player.t_s
        self.board.show_at(t_s, playing=self.player.playing)
        self.timeline.show_time(t_s)
        words = place_words(self._opened[0].recording, t_s)
        self.transport.show_place(t_s, words, playing=self.player.playing)

    # ---- what goes on --------------------------------------------------------------------------

    def _progress(self, words: str, share: float) -> None:
        self.going.show()
        self.trouble.hide()
        self.doing.setText(words)
        self.bar.setRange(0, 1000 if share >= 0 else 0)
        if share >= 0:
            self.bar.setValue(round(1000 * share))
        self._enable()

    def _failed(self, words: str) -> None:
        self._idle()
        if self._opened:
            self.trouble.setText(told(words))
            self.trouble.show()
        else:
            self._show_words(told(words))

    def _idle(self) -> None:
        """Forget the task that has ended."""
        if self._task is not None:
            self._task.drop()
            self._task = None
        self.going.hide()
        self._enable()

    def _cancel(self) -> None:
        self._stand_still()
        self.comparing.stop()
        if self.key_dialog is not None:
            self.key_dialog.reject()
            self.key_dialog = None
        self._idle()

    def _show_words(self, words: str, *, through: bool = False) -> None:
        self.words.setText(words)
        self.through.setVisible(through)
        self.title.setText("")
        self.rights.setText("")
        self.trouble.hide()
        self.stack.setCurrentIndex(0)
        self._enable()

    def _enable(self) -> None:
        idle = self.going.isHidden()
        for name in ("file", "folder", "existing"):
            self.buttons[name].setEnabled(idle)
        self.buttons["compare"].setEnabled(idle and len(self._opened) == 1)
        self.buttons["close"].setEnabled(idle and bool(self._opened))


def _rights_words(opened: Opened) -> str:
    """Say by which consent this is shown, and what is not."""
    consent, rights = opened.consent, opened.rights
    if rights.results and rights.results == rights.pictures:
        return tr("Shown are quality and events only: {why}", why=rights.results)
    if rights.pictures:
        known = {"why": rights.pictures}
        return tr("Shown are quality, events, labels and confidence. No pictures: {why}", **known)
    until = "" if consent is None else f"{consent.expires:%Y-%m-%d}"
    return tr("Shown by the consent that is stored with the recording, which holds until {date}.",
              date=until)  # fmt: skip
