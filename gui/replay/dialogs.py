"""Questions of the replay panel; none is modal, so that blanking works while one stands."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from gui.palette import DIM
from gui.replay.buttons import PageButton
from gui.texts import tr

__all__ = ["KeyDialog", "PathField", "Question", "choose"]


def choose(
    parent: QWidget, title: str, take: Callable[[Path], object], *, folder: bool, start: Path
) -> QFileDialog:
    """Ask for a file or a folder, without holding up any other window.

    Qt's own dialog: those of desktops are modal, and keys of other windows stand still.
    """
    dialog = QFileDialog(parent, title, str(start))
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    mode = QFileDialog.FileMode.Directory if folder else QFileDialog.FileMode.ExistingFile
    dialog.setFileMode(mode)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setModal(False)
    dialog.fileSelected.connect(lambda name: take(Path(name)))
    dialog.show()
    return dialog


class PathField(QWidget):
    """A line for a path, and a button for each kind that it may be of.

    Parameters
    ----------
    name : str
        For screen readers, and the title of the question.
    folder : bool or None
        Whether folders are asked for; None where it may be a file as well.
    hint : str
        What the empty line says.
    """

    def __init__(self, name: str, *, folder: bool | None, hint: str = "") -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setAccessibleName(name)
        self.line.setPlaceholderText(hint)
        self._name = name
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        for button in self._buttons(folder):
            row.addWidget(button)

    def _buttons(self, folder: bool | None) -> list[PageButton]:
        if folder is not None:
            browse = tr("Choose: {what}", what=self._name)
            return [PageButton(tr("Choose…"), browse, partial(self._ask, folder=folder))]
        return [
            PageButton(tr("File…"), tr("{name}: choose a file", name=self._name),
                       partial(self._ask, folder=False)),
            PageButton(tr("Folder…"), tr("{name}: choose a folder", name=self._name),
                       partial(self._ask, folder=True)),
        ]  # fmt: skip

    @property
    def path(self) -> Path | None:
        """The path, None where the line is empty."""
        text = self.line.text().strip()
        return Path(text).expanduser() if text else None

    def _ask(self, *, folder: bool) -> None:
        start = self.path or Path.cwd()
        choose(self, self._name, lambda path: self.line.setText(str(path)),
               folder=folder, start=start)  # fmt: skip


class Question(QDialog):
    """A question with fields, a line for what is wrong, and two buttons.

    Parameters
    ----------
    parent : QWidget
        The page.
    title : str
        Of the window.
    words : str
        What is asked for.
    agree : str
        On the button that goes on.
    """

    def __init__(self, parent: QWidget, title: str, words: str, agree: str) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(False)
        self.setMinimumWidth(520)
        explained = QLabel(words)
        explained.setWordWrap(True)
        self.form = QFormLayout()
        self.trouble = QLabel("")
        self.trouble.setWordWrap(True)
        self.trouble.setStyleSheet("color: #ff8a8a;")
        self.go = PageButton(agree, agree, self.try_it)
        self.leave = PageButton(tr("Cancel"), tr("Cancel"), self.reject)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.leave)
        row.addWidget(self.go)
        column = QVBoxLayout(self)
        column.addWidget(explained)
        column.addLayout(self.form)
        column.addWidget(self.trouble)
        column.addLayout(row)

    def add(self, label: str, field: QWidget) -> None:
        """Add a field."""
        words = QLabel(label)
        words.setStyleSheet(f"color: {DIM};")
        self.form.addRow(words, field)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Put the cursor where the answer begins, not on the button that gives up."""
        super().showEvent(event)
        first = next(iter(self.findChildren(QLineEdit)), None)
        if first is not None:
            first.setFocus(Qt.FocusReason.OtherFocusReason)

    def try_it(self) -> None:
        """Take the answer if nothing is wrong with it."""
        why = self.wrong()
        self.trouble.setText(why)
        if not why:
            self.accept()

    def wrong(self) -> str:
        """Say what is wrong with the answer; empty where nothing is."""
        return ""


class KeyDialog(Question):
    """Asks for the steward's key and its passphrase; neither is kept anywhere.

    Parameters
    ----------
    parent : QWidget
        The page.
    recording : Path
        What is to be opened.
    """

    answered = Signal(Path, str)

    def __init__(self, parent: QWidget, recording: Path) -> None:
        words = tr(
            "{file} is sealed. The data steward's private key opens it, for as long as it is "
            "shown here. Key and passphrase are not stored.",
            file=recording.name,
        )
        super().__init__(parent, tr("Open a sealed recording"), words, tr("Open"))
        self.key = PathField(tr("Private key"), folder=False)
        self.passphrase = QLineEdit()
        self.passphrase.setEchoMode(QLineEdit.EchoMode.Password)
        self.passphrase.setAccessibleName(tr("Passphrase"))
        self.passphrase.returnPressed.connect(self.try_it)
        self.add(tr("Private key"), self.key)
        self.add(tr("Passphrase"), self.passphrase)

    def wrong(self) -> str:
        """Say what is missing."""
        if self.key.path is None or not self.key.path.is_file():
            return tr("There is no such key file.")
        return "" if self.passphrase.text() else tr("The passphrase is missing.")

    def reject(self) -> None:
        """Forget what was typed."""
        self.passphrase.clear()
        super().reject()

    def accept(self) -> None:
        """Hand the answer over and forget it."""
        path, text = self.key.path, self.passphrase.text()
        self.passphrase.clear()
        super().accept()
        if path is not None:
            self.answered.emit(path, text)
