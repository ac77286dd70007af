"""The consent in plain words, and its confirmation: who has heard the person say yes, now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from gui.language import why_not_shown
from gui.setup.looks import BAD, FINE, KeyButton, WaitingChoice, check_box, dim_label
from gui.setup.subject import Subject
from gui.texts import LANGUAGES, told, tr
from phosphene.consent import Consent, load_consent
from phosphene.consent.confirm import LASTS, Confirmation, confirm, why_unconfirmed
from phosphene.consent.signing import require_consent
from phosphene.consent.words import Circumstances, signed_words, summary
from phosphene.errors import PhospheneError
from phosphene.session import Session

__all__ = ["ConsentView"]

MOST_LETTERS, LANGUAGE_PX = 40, 110


class ConsentView(QWidget):
    """Shows the words of this very session and takes the confirmation.

    Parameters
    ----------
    now : Callable
        Returns the present date and time, with zone.
    """

    confirmed = Signal(object)
    """The confirmation; None once it counts no longer."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self._session: Session | None = None
        self.consent: Consent | None = None
        self.confirmation: Confirmation | None = None
        self.words = QTextBrowser()
        self.words.setAccessibleName(tr("The consent in plain words"))
        self.words.setOpenLinks(False)
        self.words.setStyleSheet("QTextBrowser { background: #ffffff; color: #111111; }")
        self.language = WaitingChoice(tr("Language of the words"))
        for code, name in LANGUAGES.items():
            if not why_not_shown(code):  # nobody can agree to boxes in place of letters
                self.language.addItem(name, code)
        self.language.activated.connect(self._another_language)
        self.language.setMinimumWidth(LANGUAGE_PX)
        self.agrees = check_box(tr("The person has read or heard this, and agrees now"))
        self.by = QLineEdit()
        self.by.setAccessibleName(tr("Who confirms it: initials or pseudonym"))
        self.by.setPlaceholderText(tr("initials or pseudonym"))
        self.by.setMaxLength(MOST_LETTERS)
        self.by.setFixedWidth(170)
        self.button = KeyButton(tr("Confirm"), tr("Confirm the consent"))
        self.status, self.signed = QLabel(""), dim_label("")
        self.status.setWordWrap(True)
        self.agrees.toggled.connect(self._may_confirm)
        self.by.textChanged.connect(self._may_confirm)
        self.button.clicked.connect(self.confirm)
        self._lay_out()
        self._may_confirm()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.signed, 1)
        top.addWidget(QLabel(tr("Language")))
        top.addWidget(self.language)
        below = QHBoxLayout()
        below.addWidget(self.agrees)
        below.addStretch(1)
        below.addWidget(QLabel(tr("Confirmed by")))
        below.addWidget(self.by)
        below.addWidget(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addLayout(top)
        column.addWidget(self.words, 1)
        column.addLayout(below)
        column.addWidget(self.status)

    @property
    def chosen_language(self) -> str:
        """Code of the language of the words."""
        return str(self.language.currentData())

    def take(self, subject: Subject) -> None:
        """Show the words of another subject; a confirmation of other words is dropped."""
        before = None if self.consent is None else self.consent.id
        self._session, self.consent, trouble = subject.session, None, ""
        if subject.mode != "live":
            trouble = tr("Only live sessions ask for a confirmation.")
        elif subject.session is None:
            trouble = tr("The settings have to be corrected first.")
        elif subject.consent is None:
            trouble = tr("No consent file is named (gate.consent): nothing is decoded or shown.")
        else:
            try:
                found = load_consent(subject.consent)
                require_consent(found, subject.session, "live")
                self.consent = found
            except PhospheneError as error:
                trouble = told(str(error))
        if self.consent is not None and self.consent.id != before:
            self.language.setCurrentIndex(max(0, self.language.findData(self.consent.language)))
            self.agrees.setChecked(False)
        self._show_words(trouble)
        self.look_again()

    def confirm(self) -> None:
        """Confirm the words that are on show."""
        if self.consent is None or self._session is None or not self.button.isEnabled():
            return
        at = Circumstances.of(self._session)
        self.confirmation = confirm(
            self.consent, at, self.by.text(), self._now(), self.chosen_language
        )
        self.agrees.setChecked(False)
        self._tell()
        self.confirmed.emit(self.confirmation)

    def look_again(self) -> None:
        """See whether what was confirmed still counts: same words, and not too long ago."""
        if self.confirmation is not None and self._why_not() is not None:
            self.confirmation = None
            self.confirmed.emit(None)
        self._tell()
        self._may_confirm()

    def forget(self) -> None:
        """Drop the confirmation: a run has begun, and the next one asks anew."""
        self.confirmation = None
        self.by.clear()
        self.agrees.setChecked(False)
        self._tell()
        self.confirmed.emit(None)

    def _why_not(self) -> str | None:
        if self.consent is None or self._session is None:
            return tr("There is no consent that could be confirmed.")
        at = Circumstances.of(self._session)
        return why_unconfirmed(self.consent, at, self.confirmation, self._now())

    def _another_language(self) -> None:
        # Who agreed has read other words than those that are now on show.
        self.agrees.setChecked(False)
        self._show_words("")

    def _show_words(self, trouble: str) -> None:
        if self.consent is None or self._session is None:
            self.words.setPlainText(trouble)
            self.signed.setText("")
            return
        page = summary(self.consent, Circumstances.of(self._session), self.chosen_language)
        if self.words.property("shown") != page.sha256:
            self.words.setProperty("shown", page.sha256)
            self.words.setHtml(page.html)
        missing = why_not_shown(self.consent.language)
        signed = signed_words(self.consent, self.chosen_language)
        self.signed.setText(f"{missing}. {signed}" if missing else signed)

    def _tell(self) -> None:
        why = self._why_not()
        if self.confirmation is not None and why is None:
            until = (self.confirmation.at + LASTS - timedelta(seconds=30)).astimezone()
            words = tr(
                "● Confirmed by {who}; counts until {time}.",
                who=self.confirmation.by, time=f"{until:%H:%M}",
            )  # fmt: skip
            self.status.setStyleSheet(f"color: {FINE};")
        else:
            words = tr("■ Not confirmed.")
            self.status.setStyleSheet(f"color: {BAD};")
        self.status.setText(words)

    def _may_confirm(self) -> None:
        ready = self.consent is not None and self.agrees.isChecked()
        self.button.setEnabled(ready and bool(self.by.text().strip()))
        for widget in (self.agrees, self.by, self.language):
            widget.setEnabled(self.consent is not None)
