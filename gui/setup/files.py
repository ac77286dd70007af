"""The line of the study file: new, open, save, and its name."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QWidget

from gui.preferences import Preferences
from gui.setup.draft import Draft
from gui.setup.looks import KeyButton
from gui.setup.study import NEW_STUDY
from gui.texts import told, tr
from phosphene.errors import PhospheneError
from phosphene.session import Session

__all__ = ["FileLine"]


class FileLine(QWidget):
    """Opens and saves the study; nothing unsaved is lost without a second word.

    Parameters
    ----------
    draft : Draft
        The study.
    preferences : Preferences
        Where files are looked for first.
    """

    taken = Signal(object)
    """Another draft, which takes the place of the one before."""
    saved = Signal()
    said = Signal(str, bool)
    """Words for the operator, and whether something went wrong."""

    def __init__(self, draft: Draft[Session], preferences: Preferences) -> None:
        super().__init__()
        self._draft, self._preferences = draft, preferences
        self._given_up = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for words, do in (
            (tr("New"), self.new), (tr("Open…"), self.open_file),
            (tr("Save"), self.save_file), (tr("Save as…"), self.save_as),
        ):  # fmt: skip
            button = KeyButton(words)
            button.clicked.connect(do)
            row.addWidget(button)
        self.name = QLabel("")
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        row.addWidget(self.name, 1)
        self.tell()

    def tell(self) -> None:
        """Show the file's name, with a star while something is not saved."""
        path = self._draft.path
        name = tr("not saved yet") if path is None else path.name
        self.name.setText(f"{name} *" if self._draft.changed and path else name)
        self.name.setToolTip("" if path is None else str(path))

    def new(self) -> None:
        """Begin a new study."""
        if self._may_leave():
            self._take(Draft(Session, NEW_STUDY))

    def open_file(self) -> None:
        """Ask for a study file and open it."""
        at = str(self._preferences.study_folder)
        title, kinds = tr("Open a study file"), tr("Study files (*.toml)")
        chosen, _filter = QFileDialog.getOpenFileName(self, title, at, kinds)
        if chosen:
            self.open_path(Path(chosen))

    def open_path(self, path: Path) -> None:
        """Open a study file."""
        if not self._may_leave():
            return
        try:
            draft = Draft.open(Session, path)
        except PhospheneError as error:
            self.said.emit(told(str(error)), True)
            return
        self._preferences.keep_study_folder(path.absolute().parent)
        self._take(draft)

    def save_file(self) -> None:
        """Save the study where it is; a new one asks for its name."""
        if self._draft.path is None:
            self.save_as()
        else:
            self._save(None)

    def save_as(self) -> None:
        """Ask for a name and save the study under it."""
        at = str(self._preferences.study_folder / "study.toml")
        title, kinds = tr("Save the study file"), tr("Study files (*.toml)")
        chosen, _filter = QFileDialog.getSaveFileName(self, title, at, kinds)
        if chosen:
            self._save(Path(chosen))

    def _save(self, path: Path | None) -> None:
        try:
            self._draft.save(path)
        except PhospheneError as error:
            self.said.emit(told(str(error)), True)
            return
        if path is not None:
            self._preferences.keep_study_folder(path.absolute().parent)
        self.said.emit(tr("Saved."), False)
        self.saved.emit()

    def _may_leave(self) -> bool:
        """Tell whether nothing is lost; a second try gives up what is not saved."""
        if not self._draft.changed or self._given_up == self._draft.text:
            return True
        self._given_up = self._draft.text
        words = tr("Changes are not saved. Once more gives them up; Save keeps them.")
        self.said.emit(words, True)
        return False

    def _take(self, draft: Draft[Session]) -> None:
        self._draft, self._given_up = draft, ""
        self.said.emit("", False)
        self.taken.emit(draft)
