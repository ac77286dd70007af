"""The console's menus, made from the table of actions, and the state at their right end."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QMenuBar, QWidget

from gui.texts import mark, tr
from gui.words import MODE_COLOURS, MODE_WORDS, STATE_COLOURS, STATE_WORDS, State

__all__ = ["MENUS", "fill", "frame", "state_label", "tell_state"]

STATE_PX = 220
MENUS = {
    mark("Session"): ("start", "open", "save", "replay", "quit"),
    mark("Window"): ("blank", "unblank", "fullscreen", "lock", "help"),
}
"""Titles, in English, and the actions below them."""


def fill(bar: QMenuBar, actions: Mapping[str, QAction], label: QLabel) -> None:
    """Lay the actions and the state into the bar."""
    for title, names in MENUS.items():
        menu = bar.addMenu(tr(title))
        for name in names:
            menu.addAction(actions[name])
    # A corner is only as high as its words and sticks to the top; as high as a title it is level.
    bar.ensurePolished()
    label.setMinimumHeight(bar.actionGeometry(bar.actions()[0]).height())
    bar.setCornerWidget(label, Qt.Corner.TopRightCorner)


def state_label() -> QLabel:
    """Make the label of the state."""
    label = QLabel("")
    label.setAccessibleName(tr("State"))
    label.setFixedWidth(STATE_PX)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return label


def tell_state(label: QLabel, state: State, mode: str) -> None:
    """Show the state, behind the mode where there is one."""
    words = tr(STATE_WORDS[state])
    text = f"{tr(MODE_WORDS[mode])}  {words}" if mode else words
    if label.text() != text:
        label.setText(text)
        label.setStyleSheet(f"color: {STATE_COLOURS[state]}; font-weight: 700; padding: 0 12px;")


def frame(pages: QWidget, mode: str) -> None:
    """Draw the frame of a mode around the pages; none where there is no mode."""
    edge = f"border: 4px solid {MODE_COLOURS[mode]};" if mode else ""
    sheet = f"#console-pages {{ {edge} }}" if edge else ""
    if pages.styleSheet() != sheet:
        pages.setObjectName("console-pages")
        pages.setStyleSheet(sheet)
