"""What the participant's window shows, drawn small by the same hand, as far as the operator may."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from gui.facts import Thumbnail
from gui.images import image_of
from gui.palette import EDGE, PANEL, TEXT
from gui.texts import tr
from gui.viewers.draw import draw_lamp, draw_view

__all__ = ["ThumbnailPanel"]


class _Face(QWidget):
    """Draws the view, or words in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Thumbnail()
        self._image: QImage | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def show_told(self, told: Thumbnail) -> None:
        if told.words == self.told.words and told.view.same(self.told.view):
            return
        self.told = told
        picture = told.view.picture
        self._image = None if picture is None else image_of(picture)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw it."""
        painter = QPainter(self)
        area = self.rect()
        if self.told.words:
            painter.fillRect(area, QColor(PANEL))
            painter.setPen(QColor(EDGE))
            painter.drawRect(area.adjusted(0, 0, -1, -1))
            painter.setPen(QColor(TEXT))
            font = painter.font()
            font.setPixelSize(11)
            painter.setFont(font)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(area.adjusted(4, 4, -4, -4), flags, self.told.words)
        else:
            if self.told.view.instruction:  # its words do not fit beside the lamp at this size
                painter.scale(0.5, 0.5)
                area = QRect(0, 0, 2 * area.width(), 2 * area.height())
            draw_view(painter, area, self.told.view, self._image)
        if self.told.view.recording:
            draw_lamp(painter, QRect(area))
        painter.end()


class ThumbnailPanel(QWidget):
    """A heading and the participant's window in small.

    Parameters
    ----------
    side_px : int
        Side of the square in pixels.
    """

    def __init__(self, side_px: int) -> None:
        super().__init__()
        self.heading = QLabel(tr("Participant's view"))
        self.heading.setStyleSheet(f"color: {TEXT}; font-weight: 600;")
        self.area = _Face()
        self.area.setAccessibleName(tr("Participant's view"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.heading)
        column.addWidget(self.area)
        self.set_side(side_px)

    def set_side(self, side_px: int) -> None:
        """Set the side of the square in pixels."""
        self.area.setFixedSize(side_px, side_px)

    @property
    def shown(self) -> npt.NDArray[np.uint8] | None:
        """The picture on show, or None."""
        return None if self.area.told.words else self.area.told.view.picture

    def tell(self, told: Thumbnail) -> None:
        """Show what the participant sees; the same again costs nothing."""
        self.area.show_told(told)
