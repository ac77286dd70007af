"""The page between two others: the run is starting, or has ended and is being wrapped up."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QTextCursor
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QProgressBar, QVBoxLayout, QWidget

from gui.palette import DIM
from gui.texts import tr

__all__ = ["WaitPage"]


class WaitPage(QWidget):
    """Says what is going on, with the words of the process that does it."""

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
        self.words = QPlainTextEdit()
        self.words.setReadOnly(True)
        self.words.setAccessibleName(tr("What the run says"))
        # Read by keyboard, too: the arrows scroll.
        self.words.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 20, 24, 20)
        page.setSpacing(10)
        for widget in (self.heading, self.hint, self.bar):
            page.addWidget(widget)
        page.addWidget(self.words, 1)

    def tell(self, heading: str, hint: str, *, busy: bool) -> None:
        """Say what is going on, and what the operator can do."""
        self.heading.setText(heading)
        self.hint.setText(hint)
        self.bar.setVisible(busy)

    def tell_words(self, text: str) -> None:
        """Show what the process says; the newest line stays in view."""
        if self.words.toPlainText() != text:
            self.words.setPlainText(text)
            self.words.moveCursor(QTextCursor.MoveOperation.End)
