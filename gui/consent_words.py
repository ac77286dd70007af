"""The consent in words on the strip: three small lines, and never cut without a sign."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from gui.colours import DIM, TEXT
from gui.texts import tr

__all__ = ["ConsentWords"]

HEIGHT_PX, LEAST_PX, ROUNDING_PX = 40, 100, 4
PARTS = ", "


class ConsentWords(QLabel):
    """Says what is allowed; what has no room is counted, and stands in the tool tip."""

    def __init__(self) -> None:
        super().__init__("")
        self._words = ""
        self.setWordWrap(True)
        self.setStyleSheet("font-size: 11px;")
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT_PX)
        self.setMinimumWidth(LEAST_PX)

    def tell(self, words: str) -> None:
        """Show words, parted by commas."""
        if words == self._words:
            return
        self._words = words
        self.setToolTip(f"{tr('Consent:')} {words}")
        self.setAccessibleName(self.toolTip())
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Show as much as there is room for now."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        parts = self._words.split(PARTS)
        shown = next((k for k in range(len(parts), 0, -1) if self._fits(parts, k)), 0)
        html = (
            f"<span style='color:{DIM}'>{tr('Consent:')}</span>"
            f" <span style='color:{TEXT}'>{_first(parts, shown)}</span>"
        )
        if self.text() != html:
            self.setText(html)

    def _fits(self, parts: list[str], count: int) -> bool:
        room = QRect(0, 0, self.width() - ROUNDING_PX, 10 * HEIGHT_PX)
        words = f"{tr('Consent:')} {_first(parts, count)}"
        needed = self.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, words)
        return needed.height() <= HEIGHT_PX and needed.width() <= room.width()


def _first(parts: list[str], count: int) -> str:
    """Return the first parts, and how many more there are."""
    told = PARTS.join(parts[:count])
    left = len(parts) - count
    if not left:
        return told
    more = tr("… and {n} more", n=left)
    return f"{told} {more}" if told else more
