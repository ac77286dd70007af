"""Qt's side of the action table: keys, buttons, and the two boxes that actions open."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from gui.actions import ACTIONS, Handlers, help_html

__all__ = ["help_box", "make_actions", "make_button", "stop_question"]

BLANK_STYLE = (
    "background: #f2c94c; color: #14171c; font-weight: 700; border-radius: 4px; padding: 0 10px;"
)
SMALL = ("acknowledge",)
"""Buttons of one line, for a place in a line of words."""


def make_actions(window: QWidget, handlers: Handlers) -> dict[str, QAction]:
    """Make every action of the table, with its key, and return them by name."""
    made = {}
    for action in ACTIONS:
        item = QAction(action.text, window)
        item.setObjectName(action.id)
        item.setShortcut(QKeySequence(action.key))
        # From every window of this program, the participant's included.
        item.setShortcutContext(Qt.ShortcutContext.ApplicationShortcut)
        item.setAutoRepeat(False)
        item.triggered.connect(lambda _checked=False, do=action.handler: do(handlers))
        window.addAction(item)
        made[action.id] = item
    return made


def make_button(item: QAction) -> QPushButton:
    """Make the button of an action; it takes no focus, so the space bar never presses it."""
    key = item.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    small = item.objectName() in SMALL
    button = QPushButton(f"{item.text()}{'  ' if small else chr(10)}{key}")
    button.setObjectName(item.objectName())
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setMinimumHeight(24 if small else 40)
    button.clicked.connect(item.trigger)
    item.changed.connect(lambda: button.setEnabled(item.isEnabled()))
    if item.objectName() == "blank":
        button.setStyleSheet(BLANK_STYLE)
    return button


def stop_question(window: QWidget) -> QMessageBox:
    """Make the question before a recording is ended; its default is No."""
    box = QMessageBox(
        QMessageBox.Icon.Question,
        "End the run?",
        "A recording is being written. End the run now?",
        QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
        window,
    )
    box.setDefaultButton(QMessageBox.StandardButton.No)
    box.setEscapeButton(QMessageBox.StandardButton.No)
    # Not modal: F8 must go on working while the question stands.
    box.setModal(False)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return box


def help_box(window: QWidget) -> QMessageBox:
    """Make the help from the table of actions."""
    box = QMessageBox(window)
    box.setWindowTitle("Keys")
    box.setTextFormat(Qt.TextFormat.RichText)
    box.setText(help_html())
    box.setModal(False)
    return box
