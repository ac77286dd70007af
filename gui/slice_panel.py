"""The small slice view: reference, outline of the mask, and the map so far."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from gui.palette import DIM, PANEL, TEXT
from gui.plot import figures_html
from gui.region_grid import RegionGrid
from gui.slices import MIDDLE, T_SHOWN, cut
from gui.texts import tr
from phosphene.contrasts import contrast_words
from phosphene.messages import Message

__all__ = ["SlicePanel"]

HEIGHT_PX = 112
HEADING_PX = 16
BETWEEN_PX = 10


class SlicePanel(QWidget):
    """A heading with figures, and three slices in one picture.

    Parameters
    ----------
    height_px : int or None
        Height of the picture; None takes what there is.
    """

    def __init__(self, height_px: int | None = HEIGHT_PX) -> None:
        super().__init__()
        self._shown: tuple[Message | None, RegionGrid | None, str] = (None, None, MIDDLE)
        self._contrast = ""
        self._height_px = height_px
        self.heading = QLabel(tr("Map, t"))
        self.heading.setStyleSheet(f"color: {TEXT}; font-weight: 600;")
        self.figures = QLabel("")
        self.figures.setTextFormat(Qt.TextFormat.RichText)
        self.figures.setStyleSheet("font-size: 11px;")
        self.figures.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.heading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.item = pg.ImageItem(axisOrder="row-major")
        self.box = pg.ViewBox(lockAspect=1.0, invertY=True, enableMouse=False, enableMenu=False)
        self.box.addItem(self.item)
        self.view = pg.GraphicsView(background=PANEL)
        self.view.setCentralItem(self.box)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.hint = QLabel(tr("no map yet"))
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setStyleSheet(f"color: {DIM}; background: {PANEL};")
        self._lay_out()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.heading, 1)
        top.addWidget(self.figures)
        area = QWidget()
        if self._height_px is not None:
            area.setFixedHeight(self._height_px)
        self._stack = QStackedLayout(area)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.hint)
        self._stack.setCurrentWidget(self.hint)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addLayout(top)
        column.addWidget(area, 1)
        if self._height_px is not None:
            self.setFixedHeight(HEADING_PX + self._height_px)

    def show_map(
        self, message: Message | None, regions: RegionGrid | None = None, at: str = MIDDLE
    ) -> None:
        """Show a map with the outlines of regions; the same again costs nothing.

        Parameters
        ----------
        message : Message or None
            The newest map; None before the first, or where the operator may not know one.
        regions : RegionGrid or None
            Where the regions lie.
        at : str
            What the slices go through, as `gui.slices.cut` takes it.
        """
        wanted = (message, regions, at)
        same = all(a is b for a, b in zip(wanted[:2], self._shown[:2], strict=True))
        if same and at == self._shown[2]:
            return
        self._shown = wanted
        if message is None and regions is None:
            self._forget()
            return
        found = cut(message, regions, at)
        height, width = found.picture.shape[:2]
        self.box.setRange(xRange=(0, width), yRange=(0, height), padding=0)
        self.item.setImage(found.picture, levels=None, autoLevels=False)
        self._stack.setCurrentWidget(self.view)
        if message is None:
            self.heading.setText(tr("Regions"))
            return
        self._contrast = contrast_words(found.contrast)
        self.setToolTip(
            tr(
                "{contrast}; coloured where |t| is {limit} or more; L is left",
                contrast=found.contrast,
                limit=f"{T_SHOWN:g}",
            )
        )
        x, y, z = found.at_mm
        self.figures.setText(
            figures_html(
                tr(
                    "most {t} at {place} mm",
                    t=f"{found.strongest:.1f}",
                    place=f"{x:.0f} {y:.0f} {z:.0f}",
                )
            )
        )
        self._name()

    def _forget(self) -> None:
        self.item.clear()
        self._contrast = ""
        self._stack.setCurrentWidget(self.hint)
        self.heading.setText(tr("Map, t"))
        self.figures.setText("")
        self.setToolTip("")

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (name given by Qt)
        """Give the name of the contrast what the figures leave."""
        super().resizeEvent(event)
        if self._contrast:
            self._name()

    def _name(self) -> None:
        left = self.width() - self.figures.sizeHint().width() - BETWEEN_PX
        words = tr("Map, t: {contrast}", contrast=self._contrast)
        metrics = self.heading.fontMetrics()
        self.heading.setText(metrics.elidedText(words, Qt.TextElideMode.ElideRight, left))
