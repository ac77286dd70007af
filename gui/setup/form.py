"""A form for any settings model: tables at the left, their settings with help and problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QStackedWidget,
    QWidget,
)

from gui.setup.draft import Draft
from gui.setup.editors import Editor, editor_of
from gui.setup.looks import BAD, dim_label, problem_label
from gui.setup.problems import Problem, beside
from gui.setup.rows import RowsEditor
from gui.setup.schema import Setting, Table, tables_of
from gui.texts import told, tr

__all__ = ["Form"]

LIST_PX = 150
NAME_PX = 130
Path_ = tuple[str, ...]


class _Page(QScrollArea):
    """The settings of one table."""

    def __init__(self, table: Table, form: Form) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table, self._form = table, form
        self.editors: dict[Path_, Editor | RowsEditor] = {}
        self.problems: dict[Path_, QLabel] = {}
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(8, 4, 12, 8)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(2)
        grid.setColumnMinimumWidth(0, NAME_PX)
        grid.setColumnStretch(1, 1)
        grid.addWidget(dim_label(told(table.help)), 0, 0, 1, 2)
        self.problems[table.path] = problem_label()
        grid.addWidget(self.problems[table.path], 1, 0, 1, 2)
        for setting in table.settings:
            self._add(grid, setting)
        grid.setRowStretch(grid.rowCount(), 1)
        self.setWidget(inside)

    def _add(self, grid: QGridLayout, setting: Setting) -> None:
        row = grid.rowCount()
        name = QLabel(setting.name)
        name.setTextFormat(Qt.TextFormat.PlainText)
        name.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        name.setContentsMargins(0, 5, 0, 0)
        editor = self._editor(setting)
        editor.setAccessibleDescription(told(setting.help))
        name.setBuddy(editor)
        self.editors[setting.path] = editor
        self.problems[setting.path] = problem_label()
        grid.addWidget(name, row, 0)
        grid.addWidget(editor, row, 1)
        grid.addWidget(self.problems[setting.path], row + 1, 1)
        if setting.help:
            grid.addWidget(dim_label(told(setting.help)), row + 2, 1)
        grid.setRowMinimumHeight(row + 3, 7)

    def _editor(self, setting: Setting) -> Editor | RowsEditor:
        if setting.shape == "rows":
            rows = RowsEditor(setting)
            path = setting.path
            rows.changed.connect(lambda n, name, v: self._form.change((*path, n, name), v))
            rows.added.connect(lambda: self._form.add_row(setting))
            rows.removed.connect(lambda n: self._form.remove_row(path, n))
            return rows
        editor = editor_of(setting, self._form.start)
        editor.edited.connect(lambda value: self._form.change(setting.path, value))
        return editor

    def tell(self, draft: Draft[Any], problems: Mapping[Path_, Sequence[str]]) -> None:
        """Show values and problems."""
        for path, editor in self.editors.items():
            editor.show_value(draft.get(path))
        for path, label in self.problems.items():
            lines = problems.get(path, ())
            label.setText("\n".join(f"■ {line}" for line in lines))
            label.setVisible(bool(lines))


class Form(QWidget):
    """Edits a draft.

    Parameters
    ----------
    draft : Draft
        What is edited.
    start : Callable
        Returns the folder in which files are looked for first.
    """

    edited = Signal()
    """Something was changed, and the problems are those of now."""

    def __init__(self, draft: Draft[Any], start: Callable[[], Path]) -> None:
        super().__init__()
        self.start = start
        self.draft = draft
        self.tables = tables_of(draft.model)
        self.problems: tuple[Problem, ...] = ()
        self._pages: dict[int, _Page] = {}
        self.list, self._stack = QListWidget(), QStackedWidget()
        self.list.setAccessibleName(tr("Tables of settings"))
        self.list.setFixedWidth(LIST_PX)
        self.list.setSpacing(1)
        for table in self.tables:
            self.list.addItem(QListWidgetItem(_title(table)))
            self._stack.addWidget(QWidget())
        self.list.currentRowChanged.connect(self._turn_to)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.list)
        row.addWidget(self._stack, 1)
        self.list.setVisible(len(self.tables) > 1)
        self.list.setCurrentRow(0)
        self.take(draft)

    def take(self, draft: Draft[Any]) -> None:
        """Edit another draft of the same model."""
        self.draft = draft
        self._look_again()

    def change(self, path: tuple[str | int, ...], value: Any) -> None:
        """Set a value, or take it out with None."""
        self.draft.set(path, value)
        self._look_again()

    def add_row(self, setting: Setting) -> None:
        """Add a row with the first allowed value where one is needed and listed."""
        needed = {c.name: c.choices[0] for c in setting.columns if c.needed and c.choices}
        self.draft.add_row(setting.path, needed)
        self._look_again()

    def remove_row(self, path: tuple[str, ...], row: int) -> None:
        """Take a row out."""
        self.draft.remove_row(path, row)
        self._look_again()

    def show_setting(self, path: tuple[str, ...]) -> None:
        """Turn to a setting and give it the focus."""
        for place, table in enumerate(self.tables):
            if path in {setting.path for setting in table.settings}:
                self.list.setCurrentRow(place)
                editor = self._pages[place].editors[path]
                self._pages[place].ensureWidgetVisible(editor)
                editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def editor(self, dotted: str) -> Editor | RowsEditor:
        """Return the editor of a setting; its table is turned to."""
        path = tuple(dotted.split("."))
        self.show_setting(path)
        return self._pages[self.list.currentRow()].editors[path]

    def page(self) -> _Page:
        """Return the table on show."""
        return self._pages[self.list.currentRow()]

    def _turn_to(self, place: int) -> None:
        if place not in self._pages:
            # Made when it is first looked at: all of them are some two hundred editors.
            page = _Page(self.tables[place], self)
            self._pages[place] = page
            if (empty := self._stack.widget(place)) is not None:
                self._stack.removeWidget(empty)
                empty.deleteLater()
            self._stack.insertWidget(place, page)
            page.tell(self.draft, beside(self.problems, self.tables))
        self._stack.setCurrentIndex(place)

    def _look_again(self) -> None:
        self.problems = self.draft.check().problems
        sorted_out = beside(self.problems, self.tables)
        for page in self._pages.values():
            page.tell(self.draft, sorted_out)
        for place, table in enumerate(self.tables):
            own = {table.path, *(setting.path for setting in table.settings)}
            self._mark(place, sum(len(v) for path, v in sorted_out.items() if path in own))
        self.edited.emit()

    def _mark(self, place: int, wrong: int) -> None:
        item = self.list.item(place)
        title = _title(self.tables[place])
        item.setText(f"{title}  ■ {wrong}" if wrong else title)
        spoken = tr("{table}: {n} to correct", table=title, n=wrong) if wrong else title
        item.setData(Qt.ItemDataRole.AccessibleTextRole, spoken)
        item.setData(Qt.ItemDataRole.ForegroundRole, _colour(BAD) if wrong else None)


def _title(table: Table) -> str:
    return table.dotted or tr("who and what")


def _colour(name: str) -> QBrush:
    return QBrush(QColor(name))
