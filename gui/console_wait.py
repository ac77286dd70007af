"""The page between two others: the run is starting, or has ended and is being wrapped up."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont, QTextCursor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.palette import DIM
from gui.texts import tr

__all__ = ["WaitPage"]


class WaitPage(QWidget):
    """Says what is going on, with the words of the process that does it.

    Attributes
    ----------
    given_up : Signal
        The run that is starting is to be given up.
    """

    given_up = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.heading = QLabel("")
        font = QFont(self.heading.font())
        font.setPixelSize(20)
        self.heading.setFont(font)
        self.heading.setWordWrap(True)
        self.hint = QLabel("")
        self.hint.setStyleSheet(f"color: {DIM};")
        self.hint.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.give_up = QPushButton(tr("Give up"))
        self.give_up.setMinimumHeight(32)
        self.give_up.clicked.connect(self.given_up)
        self.words = QPlainTextEdit()
        self.words.setReadOnly(True)
        self.words.setTabChangesFocus(True)
        self.setFocusProxy(self.words)
        self.words.setAccessibleName(tr("What the run says"))
        # Read by keyboard, too: the arrows scroll.
        self.words.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 20, 24, 20)
        page.setSpacing(10)
        said = QHBoxLayout()
        said.addWidget(self.hint, 1)
        said.addWidget(self.give_up)
        page.addWidget(self.heading)
        page.addLayout(said)
        page.addWidget(self.bar)
        page.addWidget(self.words, 1)

    def tell_start(self) -> None:
        """Say that a run is starting."""
        self.tell(
            tr("The run is starting"),
            tr("The programs of the run are started."),
            busy=True,
        )
        self.give_up.show()
        self.tell_words("")

    def tell_finish(self) -> None:
        """Say that a run is being wrapped up."""
        self.tell(
            tr("The run has ended"), tr("Recording and report are being finished."), busy=True
        )

    def tell_end(self, words: str, code: int | None, *, began: bool) -> None:
        """Say how a run ended, and that nothing goes on any more."""
        self.tell(
            tr("The run has ended") if began else tr("The run did not begin"),
            tr("Exit status {code}. F5 goes back to the set-up.", code=code),
            busy=False,
        )
        self.tell_words(words)

    def tell(self, heading: str, hint: str, *, busy: bool) -> None:
        """Say what is going on, and what the operator can do."""
        self.heading.setText(heading)
        self.hint.setText(hint)
        self.bar.setVisible(busy)
        self.give_up.hide()

    def tell_words(self, text: str) -> None:
        """Show what the process says; the newest line stays in view."""
        if self.words.toPlainText() != text:
            self.words.setPlainText(text)
            self.words.moveCursor(QTextCursor.MoveOperation.End)
