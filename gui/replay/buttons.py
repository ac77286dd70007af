"""Buttons of pages: in the tab order, pressed by Enter or a click, never by the space bar."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPushButton

__all__ = ["PageButton"]

_PRESS = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class PageButton(QPushButton):
    """A button that the space bar never presses a second time, and that a click does not focus.

    Parameters
    ----------
    words : str
        On the button.
    name : str
        For screen readers.
    do : Callable
        What it does.
    """

    def __init__(self, words: str, name: str, do: Callable[[], object]) -> None:
        super().__init__()
        self.set_words(words, name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAutoDefault(False)
        self.clicked.connect(lambda _checked=False: do())

    def set_words(self, words: str, name: str) -> None:
        """Say something else on it, and to screen readers."""
        self.setText(words)
        self.setAccessibleName(name)
        self.setToolTip(name if name != words else "")

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Press by Enter; leave the space bar to nobody."""
        if event.key() in _PRESS and not event.isAutoRepeat():
            self.click()
        elif event.key() == Qt.Key.Key_Space:
            event.accept()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Leave the space bar to nobody."""
        if event.key() == Qt.Key.Key_Space:
            event.accept()
        else:
            super().keyReleaseEvent(event)
