"""Small widgets of the set-up page: buttons that the space bar never presses, words of problems."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPalette
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QSizePolicy, QWidget

from gui.colours import DIM, FINE
from gui.words import ALARM_COLOURS

__all__ = [
    "BAD",
    "FINE",
    "NOTED",
    "KeyButton",
    "WaitingChoice",
    "check_box",
    "dim_label",
    "problem_label",
]

BAD, NOTED = ALARM_COLOURS["high"], ALARM_COLOURS["medium"]


class KeyButton(QPushButton):
    """A button in the tab order that Return presses, and the space bar does not.

    After a click the focus stays on a button, and a space meant for something else would press it
    once more.

    Parameters
    ----------
    text : str
        Words on it.
    name : str
        What a screen reader calls it, where that is more than `text`.
    """

    def __init__(self, text: str, name: str = "") -> None:
        super().__init__(text)
        self.setAccessibleName(name or text)
        self.setAutoDefault(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Let Return and Enter press it."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat():
            self.click()
            event.accept()
        elif event.key() == Qt.Key.Key_Space:
            event.accept()
        else:
            super().keyPressEvent(event)


class WaitingChoice(QComboBox):
    """A choice that the mouse wheel changes only where it has the focus: the page scrolls."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Leave the wheel to the page."""
        if event.type() == QEvent.Type.Wheel and not self.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def check_box(text: str) -> QCheckBox:
    """Make a check box whose box stands out from the ground."""
    box = QCheckBox(text)
    colours = box.palette()
    colours.setColor(QPalette.ColorRole.Base, QColor(DIM).darker(150))
    box.setPalette(colours)
    return box


def dim_label(text: str, parent: QWidget | None = None) -> QLabel:
    """Make a line of help."""
    label = QLabel(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setStyleSheet(f"color: {DIM}; font-size: 11px;")
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def problem_label() -> QLabel:
    """Make the line that says what is wrong with a setting; hidden while nothing is."""
    label = QLabel("")
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setStyleSheet(f"color: {BAD}; font-weight: 600;")
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    label.hide()
    return label
