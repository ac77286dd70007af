"""Where everything stands on the run's page: it fits 1280x720."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout

from gui.run_buttons import LARGE, SMALL

if TYPE_CHECKING:
    from gui.window import OperatorWindow

__all__ = ["lay_out"]

MARKER_PX = 250


def lay_out(page: OperatorWindow) -> None:
    """Put the panels of a page together."""
    column = QVBoxLayout(page)
    column.setContentsMargins(10, 7, 10, 7)
    column.setSpacing(5)
    for widget in (page.strip, page.alarm_line, page.banner):
        column.addWidget(widget)
    body = QHBoxLayout()
    body.setSpacing(12)
    body.addLayout(_left(page))
    body.addWidget(page.side, 1)
    column.addLayout(body, 1)
    eeg_line = None if page.side.eeg is None else page.side.eeg.line
    for line in (page.scan_line, eeg_line):
        if line is not None:
            column.addWidget(line)
    column.addLayout(_bottom(page))
    page.side.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)


def _left(page: OperatorWindow) -> QVBoxLayout:
    left = QVBoxLayout()
    left.setSpacing(5)
    left.addWidget(page.faces)
    for names, spacing in ((LARGE, 8), (SMALL, 4)):
        row = QHBoxLayout()
        row.setSpacing(spacing)
        for name in names:
            row.addWidget(page.buttons[name], 1)
        left.addLayout(row)
    left.addWidget(page.status)
    left.addStretch(1)
    return left


def _bottom(page: OperatorWindow) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(2, 0, 2, 0)
    row.setSpacing(8)
    row.addWidget(page.status.run, 1)
    page.marker_box.setFixedWidth(MARKER_PX)
    row.addWidget(page.marker_box)
    row.addWidget(page.buttons["marker"])
    return row
