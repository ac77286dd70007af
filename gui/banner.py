"""The banner over the whole width after the participant's stop, and what it takes to go on.

It stands in the page, never before it: F8 and everything else works as before.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton

from gui.colours import INK
from gui.texts import tr
from gui.words import ALARM_COLOURS

__all__ = ["Banner"]


class Banner(QFrame):
    """Says that everything has stopped, and asks who agrees to go on.

    Parameters
    ----------
    confirm : Callable
        Takes the pseudonym that was typed; called only when the box was ticked.
    """

    def __init__(self, confirm: Callable[[str], None]) -> None:
        super().__init__()
        self._confirm = confirm
        self._shown: tuple[str, bool] | None = None
        self.setObjectName("banner")
        self.words = QLabel("")
        self.words.setWordWrap(True)
        self.person = QLineEdit()
        self.person.setPlaceholderText(tr("Pseudonym"))
        self.person.setAccessibleName(tr("Participant's pseudonym"))
        self.person.setFixedWidth(130)
        self.agreed = QCheckBox(tr("agrees to go on"))
        self.agreed.setAccessibleName(tr("The participant agrees to go on"))
        self.button = QPushButton(tr("Confirm"))
        self.button.setAccessibleName(tr("Confirm"))
        for widget in (self.agreed, self.button):
            # A click takes no focus, so the space bar never presses it again by mistake.
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.person.setMaxLength(64)
        self.person.textChanged.connect(self._enable)
        self.agreed.toggled.connect(self._enable)
        self.person.returnPressed.connect(self._send)
        self.button.clicked.connect(self._send)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(10)
        row.addWidget(self.words, 1)
        for part in (self.person, self.agreed, self.button):
            row.addWidget(part)
        colour = ALARM_COLOURS["high"]
        self.setStyleSheet(
            f"#banner {{ background: {colour}; border-radius: 4px; }}"
            f"#banner QLabel {{ color: {INK}; font-weight: 700; }}"
            f"#banner QCheckBox {{ color: {INK}; font-weight: 600; }}"
        )
        self.setFixedHeight(42)
        self.hide()
        self._enable()

    def tell(self, words: str, *, confirmable: bool) -> None:
        """Show words, with or without the question; hide on empty words."""
        if (words, confirmable) == self._shown:
            return
        if self._shown is not None and self._shown[1] != confirmable:
            self._clear()
        self._shown = words, confirmable
        self.words.setText(f"■  {words}")
        for widget in (self.person, self.agreed, self.button):
            widget.setVisible(confirmable)
        self.setVisible(bool(words))

    def ask(self) -> None:
        """Put the cursor where the pseudonym goes; with both given, confirm."""
        if self._ready():
            self._send()
        elif self.person.isVisibleTo(self):
            self.person.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _ready(self) -> bool:
        return self.agreed.isChecked() and bool(self.person.text().strip())

    def _enable(self) -> None:
        self.button.setEnabled(self._ready())

    def _send(self) -> None:
        if self._ready():
            self._confirm(self.person.text().strip())
            self._clear()

    def _clear(self) -> None:
        """Forget what was entered: each stop needs an agreement of its own."""
        self.person.clear()
        self.agreed.setChecked(False)
