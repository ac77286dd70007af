"""One editor for each kind of setting; an empty one means that nothing is set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from gui.setup.looks import KeyButton, WaitingChoice
from gui.setup.schema import Setting
from gui.setup.values import in_one_line, read, shown
from gui.texts import tr

__all__ = ["BoxEditor", "ChoiceEditor", "Editor", "LineEditor", "editor_of"]

BOX_LINES = 3


class Editor(QWidget):
    """What a setting is edited with."""

    edited = Signal(object)
    """The new value; None where nothing is set."""

    def show_value(self, value: Any) -> None:
        """Show what is set, without telling of an edit."""
        raise NotImplementedError

    def _fill(self, *widgets: QWidget) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for place, widget in enumerate(widgets):
            row.addWidget(widget, 0 if place else 1)
        self.setFocusProxy(widgets[0])


class ChoiceEditor(Editor):
    """A choice among what is allowed, and of not setting it."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.box = WaitingChoice(setting.dotted)
        choices = setting.choices or (True, False)
        self.box.addItem(_unset(setting), None)
        for choice in choices:
            self.box.addItem(_choice_word(choice), choice)
        self._choices = choices
        self.box.activated.connect(lambda place: self.edited.emit(self.box.itemData(place)))
        self._fill(self.box)

    def show_value(self, value: Any) -> None:
        """Show what is set; what is not allowed gets a line of its own."""
        while self.box.count() > len(self._choices) + 1:
            self.box.removeItem(self.box.count() - 1)
        same = [k for k, c in enumerate(self._choices) if type(c) is type(value) and c == value]
        if value is not None and not same:
            self.box.addItem(str(value), value)
            self.box.setCurrentIndex(self.box.count() - 1)
            return
        self.box.setCurrentIndex(same[0] + 1 if same else 0)


class LineEditor(Editor):
    """One line; for paths with a button that looks for them."""

    def __init__(self, setting: Setting, start: Callable[[], Path]) -> None:
        super().__init__()
        self._setting, self._start = setting, start
        self.line = QLineEdit()
        self.line.setAccessibleName(setting.dotted)
        self.line.setPlaceholderText(_unset(setting))
        self.line.textEdited.connect(lambda text: self.edited.emit(read(text, setting)))
        if setting.kind != "path":
            self._fill(self.line)
            return
        file = KeyButton(tr("File…"), tr("{name}: choose a file", name=setting.dotted))
        folder = KeyButton(tr("Folder…"), tr("{name}: choose a folder", name=setting.dotted))
        file.clicked.connect(lambda: self._choose(folder=False))
        folder.clicked.connect(lambda: self._choose(folder=True))
        self._fill(self.line, file, folder)

    def show_value(self, value: Any) -> None:
        """Show what is set; the line that is being typed in is left alone where it says so."""
        text = shown(value, self._setting)
        if read(self.line.text(), self._setting) != value:
            self.line.setText(text)

    def _choose(self, *, folder: bool) -> None:
        name, at = self._setting.dotted, str(self._start())
        if folder:
            chosen = QFileDialog.getExistingDirectory(self, name, at)
        else:
            chosen, _filter = QFileDialog.getOpenFileName(self, name, at)
        if chosen:
            self.line.setText(chosen)
            self.edited.emit(chosen)


class BoxEditor(Editor):
    """A few lines: one value, or NAME = VALUE, on each."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._setting = setting
        self.box = QPlainTextEdit()
        self.box.setAccessibleName(setting.dotted)
        self.box.setTabChangesFocus(True)
        each = tr("NAME = VALUE, one on each line")
        hint = each if setting.shape == "map" else tr("one on each line")
        self.box.setPlaceholderText(f"{_unset(setting)}\n{hint}")
        lines = self.box.fontMetrics().lineSpacing() * BOX_LINES
        self.box.setFixedHeight(lines + 2 * round(self.box.document().documentMargin()) + 4)
        self._showing = False
        self.box.textChanged.connect(self._typed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.box)
        self.setFocusProxy(self.box)

    def show_value(self, value: Any) -> None:
        """Show what is set."""
        if read(self.box.toPlainText(), self._setting) == value:
            return
        self._showing = True
        self.box.setPlainText(shown(value, self._setting))
        self._showing = False

    def _typed(self) -> None:
        if not self._showing:
            self.edited.emit(read(self.box.toPlainText(), self._setting))


def editor_of(setting: Setting, start: Callable[[], Path]) -> Editor:
    """Make the editor of a setting.

    Parameters
    ----------
    setting : Setting
        Not one of rows, which have a table.
    start : Callable
        Returns the folder in which a file is looked for first.
    """
    if setting.shape == "one" and setting.kind in ("choice", "switch"):
        return ChoiceEditor(setting)
    if in_one_line(setting):
        return LineEditor(setting, start)
    return BoxEditor(setting)


def _unset(setting: Setting) -> str:
    """Word what holds while nothing is set."""
    if setting.needed:
        return tr("has to be set")
    default = setting.default
    if default is None or default == () or default == {} or default == "":
        return tr("not set")
    words = _choice_word(default) if setting.shape == "one" else shown(default, setting)
    return tr("default: {default}", default=words.replace("\n", ", "))


def _choice_word(choice: Any) -> str:
    if isinstance(choice, bool):
        return tr("yes") if choice else tr("no")
    return shown_plain(choice)


def shown_plain(value: Any) -> str:
    """Word one value."""
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
