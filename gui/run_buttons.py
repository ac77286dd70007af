"""The buttons of a run: large ones for what matters at once, small ones for the rest."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton

from gui.controls import loud, make_button
from gui.texts import tr
from gui.words import STATE_COLOURS

__all__ = ["LARGE", "SMALL", "make_buttons", "tell_held"]

LARGE = ("begin", "blank", "unblank", "pause", "stop")
SMALL = ("participant", "observer", "release", "withdraw", "help")
LINE = ("acknowledge", "marker")
"""They stand in a line of words."""
SMALL_PX = 24


def make_buttons(actions: Mapping[str, QAction]) -> dict[str, QPushButton]:
    """Make the buttons of the actions that have one."""
    made = {name: make_button(actions[name]) for name in (*LARGE, *SMALL, *LINE)}
    for name, button in made.items():
        if name in LARGE:
            item = actions[name]
            item.changed.connect(lambda b=button, i=item: _reword(b, i, "\n"))
        else:
            button.setMinimumHeight(SMALL_PX)
            button.setMaximumHeight(SMALL_PX)
            _reword(button, actions[name], "  ")
    made["begin"].setStyleSheet(loud(STATE_COLOURS["ARMED"]))
    made["begin"].hide()
    actions["begin"].changed.connect(lambda: made["begin"].setVisible(actions["begin"].isEnabled()))
    return made


def _reword(button: QPushButton, item: QAction, between: str) -> None:
    words = f"{item.text()}{between}{item.shortcut().toString()}"
    if button.text() != words:
        button.setText(words)
        button.setAccessibleName(f"{item.text()}, {item.shortcut().toString()}")


def tell_held(buttons: Mapping[str, QPushButton], held: int) -> None:
    """Say on the button how many frames observers wait for."""
    button = buttons["release"]
    words = tr("Release") + (f" ({held})" if held else "") + "  F10"
    if button.text() != words:
        button.setText(words)
