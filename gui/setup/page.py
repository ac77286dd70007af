"""The set-up page: settings, consent and calibration at the left, the checks at the right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from gui.preferences import Preferences
from gui.setup.calibration_view import CalibrationView
from gui.setup.checklist import Checklist, ScreenChoice
from gui.setup.consent_view import ConsentView
from gui.setup.draft import Draft
from gui.setup.files import FileLine
from gui.setup.form import Form
from gui.setup.key_line import KeyLine
from gui.setup.last_run import HIDDEN, Difference, remember
from gui.setup.looks import BAD, KeyButton, WaitingChoice
from gui.setup.preflight import holds
from gui.setup.probes import World
from gui.setup.record_line import RecordLine
from gui.setup.study import Around, Study
from gui.setup.subject import Mode, Row, Subject
from gui.setup.watch import Looks, Watch
from gui.texts import mark, told, tr
from gui.words import STATE_COLOURS, State
from phosphene.clock import utc_now
from phosphene.consent.confirm import Confirmation
from phosphene.seal.places import state_folder
from phosphene.session import Session

__all__ = ["SetupPage"]

SIDE_PX, MODE_PX, WORD_PX = 350, 270, 76
MODES: dict[Mode, str] = {
    "live": mark("LIVE: a person is measured"),
    "replay": mark("REPLAY: a recording"),
    "pilot": mark("PILOT: a synthetic participant"),
}


class SetupPage(QWidget):
    """Everything that has to hold before a run begins.

    Parameters
    ----------
    preferences : Preferences
        Where files are looked for first; nothing else is remembered.
    parent : QWidget or None
        Qt's.
    looks : Looks or None
        What the checks look with; None looks at this machine.
    state : Path or None
        Folder of what the last runs were begun with; None takes this user's.
    """

    begin = Signal(object, object)
    """Command line of the run to start, a list of str; passphrase of its key, or None."""
    state_changed = Signal(str)
    """``IDLE`` or ``CHECKED``."""

    def __init__(
        self,
        preferences: Preferences,
        parent: QWidget | None = None,
        *,
        looks: Looks | None = None,
        state: Path | None = None,
    ) -> None:
        super().__init__(parent)
        self._preferences, self._folder = preferences, state or state_folder()
        self.study = Study()
        self._confirmation: Confirmation | None = None
        self._state: State = "IDLE"
        self._number = 0
        self._ready = False
        self.watch = Watch(looks or World())
        self.watch.looked.connect(self._looked)
        self._make()
        self._lay_out()
        self._ready = True
        self._changed()

    # ---- building ------------------------------------------------------------------------------

    def _make(self) -> None:
        self.mode = WaitingChoice(tr("Kind of run"))
        self.mode.setFixedWidth(MODE_PX)
        for mode, words in MODES.items():
            self.mode.addItem(tr(words), mode)
        self.mode.activated.connect(self._another_mode)
        self.lsl = QLineEdit("default")
        self.lsl.setAccessibleName(tr("LSL session id of the streams"))
        self.lsl.setFixedWidth(90)
        self.lsl.textEdited.connect(self._changed)
        self.files = FileLine(self.study.live, self._preferences)
        self.files.taken.connect(self._take)
        self.files.saved.connect(self._changed)
        self.files.said.connect(self._say)
        self.forms: dict[Mode, Form] = {
            "live": Form(self.study.live, self._study_folder),
            "replay": Form(self.study.replay, Path.home),
            "pilot": Form(self.study.pilot, self._study_folder),
        }
        self._forms = QStackedWidget()
        for form in self.forms.values():
            form.edited.connect(self._changed)
            self._forms.addWidget(form)
        self.consent = ConsentView(utc_now)
        self.consent.confirmed.connect(self._confirmed)
        self.calibration = CalibrationView(Path.home)
        self.calibration.wanted.connect(self._use_bundle)
        self.changes = QPlainTextEdit()
        self.changes.setReadOnly(True)
        self.changes.setTabChangesFocus(True)
        self.changes.setAccessibleName(tr("What differs from the last run of this file"))
        self.checks, self.screen_choice = Checklist(), ScreenChoice()
        self.screen_choice.changed.connect(self._changed)
        self.key_line = KeyLine()
        self.key_line.changed.connect(self._changed)
        self.record_line = RecordLine()
        self.record_line.changed.connect(self._changed)
        self.word, self.message = QLabel(""), QLabel("")
        self.word.setFixedWidth(WORD_PX)
        self.message.setWordWrap(True)
        self.button = KeyButton(tr("Start (F5)"), tr("Start the run"))
        self.button.setMinimumHeight(34)
        self.button.clicked.connect(self.start)

    def _study_folder(self) -> Path:
        return self._preferences.study_folder

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.mode)
        top.addWidget(self.files, 1)
        top.addStretch(1)
        self._lsl_label = QLabel(tr("LSL session"))
        self._lsl_label.setBuddy(self.lsl)
        top.addWidget(self._lsl_label)
        top.addWidget(self.lsl)
        self.tabs = QTabWidget()
        bar = self.tabs.tabBar()
        bar.setAccessibleName(tr("Parts of the set-up"))
        # The bar takes the focus for the whole: a policy of the whole would be the bar's.
        bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.tabs.setDocumentMode(True)
        for widget, words in (
            (self._forms, tr("Settings")), (self.consent, tr("Consent")),
            (self.calibration, tr("Calibration")), (self.changes, tr("Changes")),
        ):  # fmt: skip
            self.tabs.addTab(widget, words)
        side = QVBoxLayout()
        side.addWidget(self.checks, 1)
        side.addWidget(self.key_line)
        side.addWidget(self.record_line)
        side.addWidget(self.screen_choice)
        line = QHBoxLayout()
        line.addWidget(self.word)
        line.addWidget(self.button, 1)
        side.addLayout(line)
        around = QWidget()
        around.setLayout(side)
        around.setFixedWidth(SIDE_PX)
        middle = QHBoxLayout()
        middle.addWidget(self.tabs, 1)
        middle.addWidget(around)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(4)
        column.addLayout(top)
        column.addLayout(middle, 1)
        column.addWidget(self.message)

    # ---- what the console asks for -------------------------------------------------------------

    @property
    def state(self) -> State:
        """``CHECKED`` once all checks hold, else ``IDLE``."""
        return self._state

    def checked(self) -> bool:
        """Return whether the run may begin."""
        return self._state == "CHECKED"

    def widget(self) -> SetupPage:
        """Return what the console lays out: itself."""
        return self

    def focus_first(self) -> None:
        """Put the focus where the set-up begins."""
        self.mode.setFocus(Qt.FocusReason.OtherFocusReason)

    def choose_screen(self, name: str) -> None:
        """Choose the participant's screen; its test card is still to be seen."""
        self.screen_choice.choose(name)

    def say(self, text: str) -> None:
        """Show a sentence in the line below the pages, until there is another."""
        self._say(text, bad=True)

    def start(self) -> None:
        """Begin the run, if all checks hold."""
        if not self.checked():
            return
        if why := self.study.why_not_as_saved():
            self._say(told(why), bad=True)
            return
        arguments = self.study.arguments(self._around())
        self._remember()
        # The run needs the devices, and its participant's window the screen.
        self.watch.stop()
        self.screen_choice.take_away()
        self._number += 1
        self._set_state("IDLE")
        self.consent.forget()
        self.record_line.off()
        self.begin.emit(arguments, self.key_line.take())

    def shut(self) -> None:
        """End what runs behind the page."""
        self.watch.stop()
        self.screen_choice.take_away()
        self.calibration.shut()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Look at the world while the page is seen."""
        super().showEvent(event)
        self._changed()
        self.watch.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 (Qt's name)
        """Look no longer; what was found counts no longer either."""
        self.watch.stop()
        self._number += 1
        self._set_state("IDLE")
        self.screen_choice.take_away()
        super().hideEvent(event)

    def open_file(self) -> None:
        """Ask for a study file and open it."""
        self.files.open_file()

    def open_path(self, path: Path) -> None:
        """Open a study file."""
        self.files.open_path(path)

    def save_file(self) -> None:
        """Save the study file."""
        self.files.save_file()

    def _take(self, draft: Draft[Session]) -> None:
        self.study.live = draft
        self.record_line.off()
        self.mode.setCurrentIndex(0)
        self._another_mode()
        self.forms["live"].take(draft)

    # ---- what changes --------------------------------------------------------------------------

    def _another_mode(self) -> None:
        mode: Mode = self.mode.currentData()
        self.study.mode = mode
        self._forms.setCurrentWidget(self.forms[mode])
        live = mode == "live"
        for widget in (self.files, self.lsl, self._lsl_label):
            widget.setVisible(live)
        for place in range(1, self.tabs.count()):
            self.tabs.setTabEnabled(place, live)
        if not live:
            self.tabs.setCurrentIndex(0)
        self._changed()

    def _around(self) -> Around:
        choice = self.screen_choice
        return Around(
            self.lsl.text().strip() or "default", choice.wanted, choice.screens(),
            choice.operator, choice.card_seen, self._confirmation, self.key_line.path,
            self.key_line.typed, self.record_line.kinds,
        )  # fmt: skip

    def _changed(self) -> None:
        """Look anew: a setting, a screen or a confirmation is another one."""
        if not self._ready:
            return
        self.key_line.want(self.study.bundle_is_sealed)
        self.record_line.want(self.study.records_somewhere)
        subject = self.study.subject(self._around())
        self.consent.take(subject)
        subject = replace(subject, confirmation=self._confirmation)
        self._number += 1
        self._set_state("IDLE")
        self.watch.look_at(subject, self._number)
        self._tell(subject)

    def _confirmed(self, confirmation: Confirmation | None) -> None:
        if confirmation is not self._confirmation:
            self._confirmation = confirmation
            self._changed()

    def _use_bundle(self, folder: Path) -> None:
        self.forms["live"].change(("decoder", "bundle"), str(folder))

    def _looked(self, number: int, rows: tuple[Row, ...]) -> None:
        if number != self._number:
            return
        self.checks.tell(rows)
        if self.screen_choice.refresh():
            self._changed()
            return
        self.consent.look_again()
        if number == self._number:
            self._set_state("CHECKED" if holds(rows) else "IDLE")

    def _set_state(self, state: State) -> None:
        changed, self._state = state != self._state, state
        self.button.setEnabled(state == "CHECKED")
        self.word.setText(tr(state))
        self.word.setStyleSheet(f"color: {STATE_COLOURS[state]}; font-weight: 700;")
        if changed:
            self.state_changed.emit(state)

    def _remember(self) -> None:
        session, path = self.study.session(), self.study.live.path
        if self.study.mode != "live" or session is None or path is None:
            return
        try:
            remember(path, session, utc_now(), self._folder)
        except OSError as error:
            self._say(tr("This start is not remembered: {why}", why=error.strerror), bad=True)

    # ---- what is on show -----------------------------------------------------------------------

    def _tell(self, subject: Subject) -> None:
        self.files.tell()
        if subject.session is not None:
            self.calibration.take_person(subject.session.person, self.study.folder / "bundles")
        at, found = self.study.changes(self._folder)
        lines = [_words(one) for one in found]
        title = tr("Changes") if not lines else tr("Changes ({n})", n=len(lines))
        self.tabs.setTabText(self.tabs.indexOf(self.changes), title)
        if not at:
            lines = [tr("No earlier run of this file is known here.")]
        else:
            lines.insert(0, tr("Since the last run, {time}:", time=at))
        if self.changes.toPlainText() != "\n".join(lines):
            self.changes.setPlainText("\n".join(lines))

    def _say(self, text: str, bad: bool = False) -> None:
        self.message.setText(f"■ {text}" if bad else text)
        self.message.setStyleSheet(f"color: {BAD};" if bad else "")


def _words(one: Difference) -> str:
    sides = []
    for value in (one.before, one.now):
        if value is None:
            sides.append(tr("not set"))
        elif isinstance(value, str) and value.startswith(HIDDEN):
            sides.append(tr("another path"))
        else:
            sides.append(str(value))
    return tr("{name}: {before} → {now}", name=one.name, before=sides[0], now=sides[1])
