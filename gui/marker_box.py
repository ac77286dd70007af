"""The box in which the operator types a marker: Enter writes it into the recording."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit

from gui.texts import tr

__all__ = ["MOST_CHARACTERS", "MarkerBox"]

MOST_CHARACTERS = 200


class MarkerBox(QLineEdit):
    """One line of text.

    Parameters
    ----------
    send : Callable
        Takes the words of a marker.
    """

    def __init__(self, send: Callable[[str], None]) -> None:
        super().__init__()
        self._send = send
        self.setObjectName("marker-box")
        self.setMaxLength(MOST_CHARACTERS)
        self.setPlaceholderText(tr("Marker: type, then Enter"))
        self.setAccessibleName(tr("Marker text"))
        self.setToolTip(tr("Written into the recording at this moment. No names of people."))
        self.setFixedHeight(24)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Send on Enter, leave on Escape."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
            if words := self.text().strip():
                self._send(words)
                self.clear()
            return
        if event.key() == Qt.Key.Key_Escape:
            event.accept()
            self.clearFocus()
            return
        super().keyPressEvent(event)
