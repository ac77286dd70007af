"""Qt's side of the action table: keys, buttons, and the boxes that actions open."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from gui.actions import (
    ACTIONS,
    CONSOLE_HANDLERS,
    RUN_HANDLERS,
    ConsoleHandlers,
    Debounce,
    RunHandlers,
    help_html,
    may,
)
from gui.colours import BACKGROUND
from gui.texts import tr
from gui.words import STATE_COLOURS, State

__all__ = [
    "enable",
    "help_box",
    "loud",
    "make_actions",
    "make_button",
    "make_console_actions",
    "question",
    "stop_question",
]

_T = TypeVar("_T")
SMALL = ("acknowledge",)
"""Buttons of one line, for a place in a line of words."""


def make_actions(
    window: QWidget, handlers: RunHandlers, now: Callable[[], float] = time.monotonic
) -> dict[str, QAction]:
    """Make the actions of a run, each with its key, and return them by name."""
    return _make(window, {k: _bound(do, handlers) for k, do in RUN_HANDLERS.items()}, now)


def make_console_actions(
    window: QWidget, handlers: ConsoleHandlers, now: Callable[[], float] = time.monotonic
) -> dict[str, QAction]:
    """Make the actions of the console, each with its key, and return them by name."""
    return _make(window, {k: _bound(do, handlers) for k, do in CONSOLE_HANDLERS.items()}, now)


def _bound(do: Callable[[_T], None], handlers: _T) -> Callable[[], None]:
    return lambda: do(handlers)


def _make(
    window: QWidget, handlers: Mapping[str, Callable[[], None]], now: Callable[[], float]
) -> dict[str, QAction]:
    made, debounce = {}, Debounce()
    for action in ACTIONS:
        if action.id not in handlers:
            continue
        item = QAction(tr(action.text), window)
        item.setObjectName(action.id)
        item.setToolTip(tr(action.explanation))
        item.setShortcut(QKeySequence(action.key))
        # From every window of this program, the participant's included.
        item.setShortcutContext(Qt.ShortcutContext.ApplicationShortcut)
        item.setAutoRepeat(False)
        item.triggered.connect(_pressed(action.id, handlers[action.id], debounce, now))
        window.addAction(item)
        made[action.id] = item
    return made


def _pressed(
    name: str, do: Callable[[], None], debounce: Debounce, now: Callable[[], float]
) -> Callable[[], None]:
    def pressed(_checked: bool = False) -> None:
        if debounce.takes(name, now()):
            do()

    return pressed


def enable(items: Mapping[str, QAction], state: State, *, locked: bool = False) -> None:
    """Enable what the table allows in a state, and disable the rest."""
    for action in ACTIONS:
        if action.id in items:
            items[action.id].setEnabled(may(action, state, locked=locked))


def make_button(item: QAction) -> QPushButton:
    """Make the button of an action; it takes no focus, so the space bar never presses it."""
    key = item.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    small = item.objectName() in SMALL
    button = QPushButton(f"{item.text()}{'  ' if small else chr(10)}{key}")
    button.setObjectName(item.objectName())
    button.setAccessibleName(f"{item.text()}, {key}")
    button.setToolTip(item.toolTip())
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setMinimumHeight(24 if small else 40)
    button.clicked.connect(item.trigger)
    item.changed.connect(lambda: button.setEnabled(item.isEnabled()))
    if item.objectName() == "blank":
        button.setStyleSheet(loud(STATE_COLOURS["BLANKED"]))
    return button


def loud(ground: str) -> str:
    """Return the style of a button that nobody overlooks, on a bright ground."""
    return (
        f"background: {ground}; color: {BACKGROUND}; font-weight: 700; border-radius: 4px; "
        "padding: 0 10px;"
    )


def question(window: QWidget, title: str, text: str) -> QMessageBox:
    """Make a question whose default is No; it never stands in F8's way.

    Parameters
    ----------
    window : QWidget
        Which asks.
    title, text : str
        Words, already in the language in use.
    """
    box = QMessageBox(
        QMessageBox.Icon.Question,
        title,
        text,
        QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
        window,
    )
    for which, words in (("Yes", tr("Yes")), ("No", tr("No"))):
        box.button(QMessageBox.StandardButton[which]).setText(words)
        box.button(QMessageBox.StandardButton[which]).setAccessibleName(words)
    box.setDefaultButton(QMessageBox.StandardButton.No)
    box.setEscapeButton(QMessageBox.StandardButton.No)
    # Not modal: F8 must go on working while the question stands.
    box.setModal(False)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return box


def stop_question(window: QWidget) -> QMessageBox:
    """Make the question before a recording is ended; its default is No."""
    words = tr("A recording is being written. End the run now?")
    return question(window, tr("End the run?"), words)


def help_box(window: QWidget) -> QMessageBox:
    """Make the help from the table of actions."""
    box = QMessageBox(window)
    box.setWindowTitle(tr("Keys"))
    box.setTextFormat(Qt.TextFormat.RichText)
    box.setText(help_html())
    box.setModal(False)
    return box
