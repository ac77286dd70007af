"""Conditions as coloured bands behind a plot; made when first needed, then moved, not remade."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QGraphicsRectItem

from gui.palette import TEXT
from gui.seen import Block

__all__ = ["Bands"]

COLOURS = (
    "#2b4a6f",
    "#6b4a2a",
    "#2f5a38",
    "#5a3a6b",
    "#6b2f3e",
    "#2f5f63",
    "#5d5a2c",
    "#4a4f58",
)
LETTER_PX = 6.5
"""Width of a letter of a label; a band too narrow for its label goes without."""


class Bands:
    """Bands of conditions in one view box.

    Parameters
    ----------
    box : pyqtgraph.ViewBox
        Where they are drawn.
    most : int
        Number of bands at most; the newest are shown.
    """

    def __init__(self, box: pg.ViewBox, most: int) -> None:
        self._box = box
        self._most = most
        self._items: list[tuple[QGraphicsRectItem, pg.TextItem]] = []
        self._font = QFont()
        self._font.setPixelSize(10)
        self._colours: dict[str, str] = {}
        self._shown: tuple[object, ...] = ()

    def show(self, blocks: list[Block], low: float, high: float) -> None:
        """Show the blocks from `low` to `high` on the y axis; unchanged ones cost nothing."""
        (first, last), _ = self._box.viewRange()
        now = (tuple(blocks), low, high, first, last)
        if now == self._shown:
            return
        self._shown = now
        while len(self._items) < min(len(blocks), self._most):
            self._items.append(self._make())
        pixels_per_s = self._box.width() / max(last - first, 1e-9)
        for k, (rect, text) in enumerate(self._items):
            if k >= len(blocks) or blocks[k].end_s <= first:
                rect.hide()
                text.hide()
                continue
            block = blocks[k]
            # From the view's edge on, so that a band half out of sight keeps its label.
            start_s = max(block.start_s, first)
            width_s = block.end_s - start_s
            rect.setBrush(QColor(self._colour(block.label)))
            rect.setRect(QRectF(start_s, low, width_s, high - low))
            rect.show()
            text.setText(block.label)
            text.setPos(start_s, high)
            text.setVisible(width_s * pixels_per_s > LETTER_PX * len(block.label) + 4)

    def _make(self) -> tuple[QGraphicsRectItem, pg.TextItem]:
        rect, text = QGraphicsRectItem(), pg.TextItem(color=TEXT)
        rect.setPen(pg.mkPen(None))
        rect.setZValue(-10)
        text.setFont(self._font)
        for item in (rect, text):
            item.hide()
            self._box.addItem(item, ignoreBounds=True)
        return rect, text

    def _colour(self, label: str) -> str:
        return self._colours.setdefault(label, COLOURS[len(self._colours) % len(COLOURS)])
