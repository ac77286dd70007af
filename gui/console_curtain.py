"""What covers every page of the console after F8, until the operator takes it away again."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from gui.palette import TEXT
from gui.texts import tr

__all__ = ["Curtain"]


class Curtain(QWidget):
    """A page without pictures that stands before the others.

    Parameters
    ----------
    stack : QStackedWidget
        The pages that it covers.

    Attributes
    ----------
    down : bool
        Whether it covers them.
    """

    def __init__(self, stack: QStackedWidget) -> None:
        super().__init__()
        self._stack, self.down = stack, False
        self._behind: QWidget | None = None
        words = QLabel(tr("Blanked. Shift+F8 shows the pages again."))
        words.setStyleSheet(f"color: {TEXT}; font-size: 18px;")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        QVBoxLayout(self).addWidget(words)
        stack.addWidget(self)

    def fall(self) -> None:
        """Cover whatever is shown."""
        if not self.down:
            self.down, self._behind = True, self._stack.currentWidget()
            self._stack.setCurrentWidget(self)

    def lift(self) -> None:
        """Show what is behind."""
        if self.down:
            self.down = False
            if self._behind is not None and self._stack.indexOf(self._behind) >= 0:
                self._stack.setCurrentWidget(self._behind)

    def turn(self, page: QWidget) -> None:
        """Turn to a page, in front of the curtain or behind it."""
        if self.down:
            self._behind = page
        else:
            self._stack.setCurrentWidget(page)
