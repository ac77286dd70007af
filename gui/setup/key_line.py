"""The key of a sealed decoder: a file and its passphrase, asked for at each start and not kept."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QLineEdit, QWidget

from gui.replay.dialogs import PathField
from gui.texts import tr

__all__ = ["KeyLine"]

MOST_LETTERS = 1000
"""In UTF-8 they fit into what is read of a passphrase, and into a pipe."""


class KeyLine(QWidget):
    """Asks for the key that opens the decoder; neither file nor passphrase is remembered."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.key = PathField(tr("Private key"), folder=False, hint=tr("of the sealed decoder"))
        self.passphrase = QLineEdit()
        self.passphrase.setEchoMode(QLineEdit.EchoMode.Password)
        self.passphrase.setAccessibleName(tr("Passphrase"))
        self.passphrase.setMaxLength(MOST_LETTERS)
        self.key.line.textChanged.connect(self.changed)
        self.passphrase.textChanged.connect(self.changed)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(tr("Private key"), self.key)
        form.addRow(tr("Passphrase"), self.passphrase)
        self.hide()

    @property
    def wanted(self) -> bool:
        """Whether the decoder is a sealed one."""
        return not self.isHidden()

    @property
    def path(self) -> Path | None:
        """The key's file, where one is wanted."""
        return self.key.path if self.wanted else None

    @property
    def typed(self) -> bool:
        """Whether there is a passphrase, where one is wanted."""
        return self.wanted and bool(self.passphrase.text())

    def want(self, sealed: bool) -> None:
        """Ask for the key, or no longer; what was typed is forgotten then."""
        if sealed != self.wanted:
            self.setVisible(sealed)
            self.passphrase.clear()

    def take(self) -> str | None:
        """Hand the passphrase over and forget it; None where none is wanted."""
        found = self.passphrase.text() if self.wanted else None
        self.passphrase.clear()
        return found
