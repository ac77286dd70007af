"""Panels that show one picture each, or say why they show none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from gui.palette import DIM, EDGE, PANEL, TEXT

__all__ = ["PicturePanel"]

Picture = npt.NDArray[np.uint8]


class PictureItem(pg.ImageItem):  # type: ignore[misc]
    """Draws a picture row by row; as 32-bit pixels, which Qt scales three times faster."""

    def __init__(self) -> None:
        super().__init__(axisOrder="row-major")

    def render(self) -> None:
        """Make the image that is painted."""
        super().render()
        made: QImage | None = self.qimage  # type: ignore[has-type]
        if made is not None:
            self.qimage = made.convertToFormat(QImage.Format.Format_RGB32)


class PicturePanel(QWidget):
    """A heading, a picture or a card with words in its place, and a caption.

    Parameters
    ----------
    heading : str
        What the picture is.
    side_px : int
        Side of the square picture in pixels; a multiple of the picture's own side draws sharpest
        and cheapest.
    caption_lines : int
        Lines kept free for the caption; 0 for no caption.
    """

    def __init__(self, heading: str, side_px: int, caption_lines: int = 1) -> None:
        super().__init__()
        self._picture: Picture | None = None
        self.heading = QLabel(heading)
        self.heading.setStyleSheet(f"color: {TEXT}; font-weight: 600;")
        self.mark = QLabel("")
        self.mark.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.item = PictureItem()
        self.box = pg.ViewBox(lockAspect=1.0, invertY=True, enableMouse=False, enableMenu=False)
        self.box.addItem(self.item)
        self.view = pg.GraphicsView(background=PANEL)
        self.view.setCentralItem(self.box)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        # The picture covers the view: nothing behind it needs painting.
        self.view.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.card = QLabel("")
        self.card.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.card.setWordWrap(True)
        self.card.setMargin(12)
        self._style_card(TEXT)
        self.caption = QLabel("")
        self.caption.setStyleSheet(f"color: {DIM};")
        self.caption.setTextFormat(Qt.TextFormat.RichText)
        self.caption.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.caption.setFixedHeight(17 * caption_lines)
        if not caption_lines:  # to show it here would make it a window of its own for a moment
            self.caption.hide()
        self._lay_out()
        self.set_side(side_px)

    def _lay_out(self) -> None:
        self.area = QWidget()
        self.stack = QStackedLayout(self.area)
        self.stack.setContentsMargins(0, 0, 0, 0)
        self.stack.addWidget(self.view)
        self.stack.addWidget(self.card)
        self.stack.setCurrentWidget(self.card)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        top = QHBoxLayout()
        top.addWidget(self.heading)
        top.addWidget(self.mark, 1)
        column.addLayout(top)
        column.addWidget(self.area, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.caption)

    def _style_card(self, colour: str) -> None:
        self.card.setStyleSheet(
            f"background: {PANEL}; border: 1px solid {EDGE}; color: {colour}; font-size: 14px;"
        )

    def set_side(self, side_px: int) -> None:
        """Set the side of the square picture in pixels."""
        self._side_px = side_px
        self.area.setFixedSize(side_px, side_px)
        self.setMinimumWidth(side_px)
        self._smooth()

    @property
    def shown(self) -> Picture | None:
        """The picture on show, or None."""
        return self._picture

    def show_picture(self, picture: Picture) -> None:
        """Show a picture, uint8 (height, width, 3); the same array again costs nothing."""
        if picture is self._picture:
            return
        if self._picture is None or picture.shape != self._picture.shape:
            height, width = picture.shape[:2]
            self.box.setRange(xRange=(0, width), yRange=(0, height), padding=0)
        self._picture = picture
        self._smooth()
        # No levels for uint8: the buffer is drawn as it is, without a pass through a lookup table.
        self.item.setImage(picture, levels=None, autoLevels=False)
        self.stack.setCurrentWidget(self.view)

    def _smooth(self) -> None:
        """Draw whole multiples pixel by pixel; at other sizes pixels would differ in size."""
        if self._picture is not None:
            uneven = self._side_px % self._picture.shape[1] != 0
            self.view.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, uneven)

    def show_card(self, words: str) -> None:
        """Show words in place of the picture, which is forgotten."""
        if self._picture is not None:
            self._picture = None
            self.item.clear()
        self.stack.setCurrentWidget(self.card)
        if self.card.text() != words:
            self.card.setText(words)

    def set_mark(self, words: str, colour: str) -> None:
        """Say beside the heading what is the matter with the picture; empty for nothing."""
        if self.mark.text() != words:
            self.mark.setText(words)
            self.mark.setStyleSheet(f"color: {colour}; font-weight: 700;")

    def set_caption(self, words: str) -> None:
        """Set the line below the picture."""
        if self.caption.text() != words:
            self.caption.setText(words)
