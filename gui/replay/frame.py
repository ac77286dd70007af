"""The widgets of the replay panel and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from gui.palette import DIM, TEXT
from gui.replay.board import Board
from gui.replay.buttons import PageButton
from gui.replay.timeline import TimelineView
from gui.replay.transport import Transport
from gui.texts import tr

__all__ = ["ReplayFrame"]

TROUBLE_PX = 90


class ReplayFrame(QWidget):
    """Buttons, words, progress, board, timeline and transport.

    Parameters
    ----------
    parent : QWidget or None
        Where it stands.
    do : mapping of str to Callable
        What the buttons do: ``file``, ``folder``, ``compare``, ``existing``, ``close``, ``cancel``
        and ``through``.
    """

    def __init__(self, parent: QWidget | None, do: Mapping[str, Callable[[], object]]) -> None:
        super().__init__(parent)
        self._make(do)
        self._lay_out()

    def _make(self, do: Mapping[str, Callable[[], object]]) -> None:
        self.buttons = {
            "file": PageButton(tr("Open file…"), tr("Open a recording"), do["file"]),
            "folder": PageButton(tr("Open folder…"), tr("Open a run's folder"), do["folder"]),
            "compare": PageButton(
                tr("Compare replays…"), tr("Compare two bundles or renderers"), do["compare"]
            ),
            "existing": PageButton(
                tr("Compare runs…"), tr("Compare two runs that exist"), do["existing"]
            ),
            "close": PageButton(tr("Close recording"), tr("Close recording"), do["close"]),
        }
        self.title = QLabel("")
        self.title.setStyleSheet(f"color: {TEXT};")
        self.rights = QLabel("")
        self.rights.setStyleSheet(f"color: {DIM};")
        for label in (self.title, self.rights):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.trouble = QLabel("")
        self.trouble.setWordWrap(True)
        self.trouble.setTextFormat(Qt.TextFormat.PlainText)
        self.trouble.setStyleSheet("color: #ff8a8a;")
        self.trouble.setMaximumHeight(TROUBLE_PX)
        self.trouble.hide()
        self.bar = QProgressBar()
        self.bar.setAccessibleName(tr("Progress"))
        self.bar.setRange(0, 1000)
        self.doing = QLabel("")
        self.cancel = PageButton(tr("Cancel"), tr("Cancel what is going on"), do["cancel"])
        self.words = QLabel("")
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.through = PageButton(
            tr("Read it through the chain…"), tr("Read it through the chain"), do["through"]
        )
        self.board = Board()
        self.timeline = TimelineView()
        self.transport = Transport()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(6)
        for button in self.buttons.values():
            top.addWidget(button)
        top.addStretch(1)
        self.going = QWidget()
        busy = QHBoxLayout(self.going)
        busy.setContentsMargins(0, 0, 0, 0)
        busy.addWidget(self.doing)
        busy.addWidget(self.bar, 1)
        busy.addWidget(self.cancel)
        self.going.hide()
        card = QWidget()
        inside = QVBoxLayout(card)
        inside.addStretch(1)
        inside.addWidget(self.words)
        inside.addWidget(self.through, 0, Qt.AlignmentFlag.AlignHCenter)
        inside.addStretch(1)
        self.stack = QStackedWidget()
        self.stack.addWidget(card)
        self.stack.addWidget(self.board)
        page = QVBoxLayout(self)
        page.setContentsMargins(10, 8, 10, 8)
        page.setSpacing(4)
        page.addLayout(top)
        page.addWidget(self.title)
        page.addWidget(self.rights)
        page.addWidget(self.trouble)
        page.addWidget(self.going)
        page.addWidget(self.stack, 1)
        page.addWidget(self.timeline)
        page.addWidget(self.transport)
