"""The large slice view: map, mask and regions, cut where the operator wants."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.palette import DIM
from gui.plot import figures_html, legend_html
from gui.region_grid import RegionGrid
from gui.slice_panel import SlicePanel
from gui.slices import MIDDLE, PEAK
from gui.texts import tr
from phosphene.messages import Message

__all__ = ["BrainPanel"]


class BrainPanel(QWidget):
    """Three slices, what they go through, and the regions' colours."""

    def __init__(self) -> None:
        super().__init__()
        self._grid: RegionGrid | None = None
        self.slices = SlicePanel(None)
        self.where = QComboBox()
        self.where.setAccessibleName(tr("Slices go through"))
        self.where.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.where.addItem(tr("middle of the brain"), MIDDLE)
        self.where.addItem(tr("strongest t"), PEAK)
        words = QLabel(tr("Slices go through"))
        words.setStyleSheet(f"color: {DIM};")
        self.legend = QLabel("")
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.legend.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(words)
        row.addWidget(self.where)
        row.addWidget(self.legend, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        column.addLayout(row)
        column.addWidget(self.slices, 1)

    def show_brain(self, message: Message | None, regions: Message | None) -> None:
        """Show the newest map and the regions; drawn only while it can be seen."""
        if regions is None and self._grid is not None:
            self._grid = None
            self._tell_regions()
        elif regions is not None and (self._grid is None or self._grid.message is not regions):
            self._grid = RegionGrid(regions)
            self._tell_regions()
        if self.isVisible():
            self.slices.show_map(message, self._grid, str(self.where.currentData()))

    def _tell_regions(self) -> None:
        names, how = ((), "") if self._grid is None else (self._grid.names, self._grid.how)
        self.legend.setText(legend_html(list(names), "■&nbsp;") + figures_html(f" {how}"))
        while self.where.count() > 2:
            self.where.removeItem(2)
        for name in names:
            self.where.addItem(name, name)
