"""Rows of settings in a table: the blocks of a protocol, the machines of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.setup.looks import KeyButton
from gui.setup.schema import Setting
from gui.setup.values import read, shown
from gui.texts import told, tr

__all__ = ["RowsEditor"]

HEIGHT_PX, COLUMN_PX = 190, 74


class RowsEditor(QWidget):
    """A table of rows, one column for each setting, with buttons that add and remove rows.

    Parameters
    ----------
    setting : Setting
        Of shape ``rows``.
    """

    changed = Signal(int, str, object)
    """Row, name of the setting and its new value."""
    added = Signal()
    removed = Signal(int)

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._columns = setting.columns
        self.table = QTableWidget(0, len(self._columns))
        self.table.setAccessibleName(setting.dotted)
        self.table.setFixedHeight(HEIGHT_PX)
        self.table.setTabKeyNavigation(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectItems)
        for place, column in enumerate(self._columns):
            head = QTableWidgetItem(column.name)
            head.setToolTip(told(column.help))
            self.table.setHorizontalHeaderItem(place, head)
        self.table.horizontalHeader().setDefaultSectionSize(COLUMN_PX)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.cellChanged.connect(self._typed)
        add = KeyButton(tr("Add a row"), tr("{name}: add a row", name=setting.dotted))
        remove = KeyButton(tr("Remove the row"), tr("{name}: remove the row", name=setting.dotted))
        add.clicked.connect(self.added)
        remove.clicked.connect(lambda: self._remove(self.removed.emit))
        buttons = QHBoxLayout()
        for button in (add, remove):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column_of = QVBoxLayout(self)
        column_of.setContentsMargins(0, 0, 0, 0)
        column_of.addWidget(self.table)
        column_of.addLayout(buttons)
        self.setFocusProxy(self.table)
        self._showing = False

    def show_value(self, value: Any) -> None:
        """Show the rows that are set."""
        rows: Sequence[Any] = value if isinstance(value, list) else []
        self._showing = True
        self.table.setRowCount(len(rows))
        for place, row in enumerate(rows):
            for column, setting in enumerate(self._columns):
                held = row.get(setting.name) if isinstance(row, dict) else None
                self._show_cell(place, column, shown(held, setting).replace("\n", ", "))
        self._showing = False

    def _show_cell(self, row: int, column: int, text: str) -> None:
        item = self.table.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            self.table.setItem(row, column, item)
        if item.text() != text:
            item.setText(text)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{self._columns[column].name} {text}")

    def _typed(self, row: int, column: int) -> None:
        item = self.table.item(row, column)
        if self._showing or item is None:
            return
        setting = self._columns[column]
        text = item.text().replace(",", "\n") if setting.shape == "list" else item.text()
        self.changed.emit(row, setting.name, read(text, setting))

    def _remove(self, tell: Callable[[int], None]) -> None:
        if self.table.currentRow() >= 0:
            tell(self.table.currentRow())
