"""The list of checks at the side of the page, and the participant's screen with its test card."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from gui.colours import DIM, TEXT
from gui.screens import ScreenFacts
from gui.setup.looks import BAD, FINE, NOTED, KeyButton, WaitingChoice, dim_label
from gui.setup.subject import Level, Row
from gui.texts import mark, told, tr
from gui.viewers.participant import ParticipantWindow
from gui.viewers.window import screens_now
from phosphene.errors import ConfigError

__all__ = ["Checklist", "ScreenChoice", "row_html"]

_LOOKS: dict[Level, tuple[str, str, str]] = {
    "ok": ("●", FINE, mark("ready")),
    "hint": ("●", FINE, mark("ready")),
    "warning": ("▲", NOTED, mark("look")),
    "waiting": ("○", NOTED, mark("wait")),
    "error": ("■", BAD, mark("not ready")),
}
"""Symbol, colour and word of a finding; nothing is told by colour alone."""


def row_html(row: Row) -> str:
    """Word a check: its name, how it stands, what is the case and what to do."""
    symbol, colour, word = _LOOKS[row.level]
    cure = f"<br><b>→ {escape(row.cure)}</b>" if row.cure else ""
    return (
        f"<span style='color:{colour}'>{symbol} {escape(tr(word))}</span> "
        f"<b>{escape(row.title)}</b><br>"
        f"<span style='color:{DIM}'>{escape(row.text)}</span>"
        f"<span style='color:{TEXT}'>{cure}</span>"
    )


class Checklist(QScrollArea):
    """All checks, from top to bottom; what keeps the run from beginning comes first."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(tr("Checks before the run"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.rows: tuple[Row, ...] = ()
        self._labels: list[QLabel] = []
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(4, 2, 4, 2)
        self._column.setSpacing(5)
        self._column.addStretch(1)
        self.setWidget(inside)

    def tell(self, rows: Sequence[Row]) -> None:
        """Show the rows of the last round."""
        if tuple(rows) == self.rows:
            return
        self.rows = tuple(rows)
        order = sorted(rows, key=lambda row: row.level not in ("error", "waiting"))
        while len(self._labels) < len(order):
            label = QLabel("")
            label.setTextFormat(Qt.TextFormat.RichText)
            label.setWordWrap(True)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            self._column.insertWidget(len(self._labels), label)
            self._labels.append(label)
        for label, row in zip(self._labels, order, strict=False):
            label.setText(row_html(row))
            label.setAccessibleName(f"{row.title}: {tr(_LOOKS[row.level][2])}. {row.text}")
        for place, label in enumerate(self._labels):
            label.setVisible(place < len(order))

    def text(self) -> str:
        """Return what is on show, for tests and for reading aloud."""
        return "\n".join(
            label.accessibleName() for label in self._labels if label.isVisibleTo(self)
        )


class ScreenChoice(QWidget):
    """The participant's screen by name, its test card, and the number that is seen on it."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.card_seen = ""
        self._number = 0
        self._card: ParticipantWindow | None = None
        self.box = WaitingChoice(tr("Participant's screen"))
        self.box.activated.connect(self._choose)
        self.card = KeyButton(tr("Test card"), tr("Show the test card, or take it away"))
        self.card.clicked.connect(self._toggle_card)
        self.number = QLineEdit()
        self.number.setAccessibleName(tr("Number on the test card, as the participant says it"))
        self.number.setPlaceholderText(tr("number seen"))
        self.number.setFixedWidth(92)
        self.number.textEdited.connect(self._typed)
        self.note = dim_label("")
        grid = QGridLayout(self)
        grid.setContentsMargins(4, 2, 4, 2)
        grid.setVerticalSpacing(3)
        title = QLabel(tr("Participant's screen"))
        title.setBuddy(self.box)
        grid.addWidget(title, 0, 0)
        grid.addWidget(self.box, 0, 1)
        line = QHBoxLayout()
        line.addWidget(self.card, 1)
        line.addWidget(self.number)
        grid.addLayout(line, 1, 0, 1, 2)
        grid.addWidget(self.note, 2, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        self.refresh()
        self._tell()

    @property
    def wanted(self) -> str:
        """Name of the chosen screen; empty for no window."""
        return str(self.box.currentData() or "")

    @property
    def operator(self) -> str:
        """Name of the screen on which this page is."""
        return self.screen().name()

    def screens(self) -> tuple[ScreenFacts, ...]:
        """Return all screens."""
        return tuple(screens_now())

    def refresh(self) -> bool:
        """List the screens that there are now; return whether they are others than before."""
        names = [(s.name, s.serial) for s in screens_now()]
        if names == self.property("listed"):
            return False
        self.setProperty("listed", names)
        wanted = self.wanted
        self.box.clear()
        self.box.addItem(tr("no window"), "")
        for name, serial in names:
            self.box.addItem(f"{name} ({serial})" if serial else name, name)
        place = self.box.findData(wanted)
        if wanted and place < 0:
            self.box.addItem(tr("{screen}: not there", screen=wanted), wanted)
            place = self.box.count() - 1
        self.box.setCurrentIndex(max(place, 0))
        return True

    def choose(self, name: str) -> None:
        """Choose a screen by its name; one that is not there is chosen too, and not ready."""
        place = self.box.findData(name)
        if place < 0:
            self.box.addItem(tr("{screen}: not there", screen=name), name)
            place = self.box.count() - 1
        self.box.setCurrentIndex(place)
        self._choose()

    def take_away(self) -> None:
        """Close the test card."""
        if self._card is not None:
            self._card.close()
            self._card.deleteLater()
            self._card = None
        self._tell()

    @property
    def card_shown(self) -> bool:
        """Whether the test card is on the participant's screen."""
        return self._card is not None

    def _choose(self) -> None:
        self.take_away()
        self.card_seen = ""
        self.number.clear()
        self._tell()
        self.changed.emit()

    def _toggle_card(self) -> None:
        if self._card is not None:
            self.take_away()
            return
        try:
            window = ParticipantWindow(self.wanted or None, self.screen())
        except ConfigError as error:
            self._tell(told(str(error)))
            return
        self._number = secrets.randbelow(900) + 100
        window.show_test_card(self._number)
        window.closed.connect(self.take_away)
        window.showFullScreen()
        self._card = window
        self.number.clear()
        self._tell()
        self.number.setFocus(Qt.FocusReason.OtherFocusReason)

    def _typed(self, text: str) -> None:
        if self._card is not None and text.strip() == str(self._number):
            self.card_seen = self.wanted
            self.take_away()
            self.changed.emit()

    def _tell(self, trouble: str = "") -> None:
        there = bool(self.wanted) and self.wanted in {s.name() for s in QGuiApplication.screens()}
        self.box.setEnabled(True)
        self.card.setEnabled(there)
        self.number.setEnabled(self._card is not None)
        self.card.setText(tr("Take the card away") if self._card else tr("Test card"))
        asked = tr("Ask the participant for the number in the middle.")
        words = trouble if self._card is None else asked
        self.note.setText(words)
        self.note.setVisible(bool(words))
