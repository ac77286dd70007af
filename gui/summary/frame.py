"""The widgets of the page after a run and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from gui.palette import DIM, EDGE, PANEL, TEXT
from gui.replay.buttons import PageButton
from gui.texts import tr

__all__ = ["RIGHT_PX", "SummaryFrame"]

RIGHT_PX = 440
TWO_LINES_PX = 36


class SummaryFrame(QWidget):
    """Title, figures, policy events, the choice and the export.

    Parameters
    ----------
    parent : QWidget or None
        Where it stands.
    do : mapping of str to Callable
        What the buttons do, by their names.
    """

    def __init__(self, parent: QWidget | None, do: Mapping[str, Callable[[], object]]) -> None:
        super().__init__(parent)
        self._make(do)
        self._lay_out()

    def _make(self, do: Mapping[str, Callable[[], object]]) -> None:
        self.title = QLabel(tr("No run has ended yet."))
        self.title.setStyleSheet(f"color: {TEXT}; font-size: 15px; font-weight: 600;")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.figures, self.events = (
            _browser(tr("Figures of the run")),
            _browser(tr("Policy events")),
        )
        self.choice_words, self.export_words, self.told = _words(), _words(), _words()
        for label in (self.choice_words, self.export_words):
            label.setMinimumHeight(TWO_LINES_PX)
        self.told.hide()
        self.bar = QProgressBar()
        self.bar.setAccessibleName(tr("Progress"))
        self.bar.setRange(0, 1000)
        self.bar.hide()
        self.buttons = {
            "replay": PageButton(tr("Look at it…"), tr("Open in the replay panel"), do["replay"]),
            "report": PageButton(tr("Open report"), tr("Open the report"), do["report"]),
            "make": PageButton(tr("Make report"), tr("Make the report"), do["make"]),
            "keep": PageButton(tr("Keep it"), tr("The participant lets it be kept"), do["keep"]),
            "delete": PageButton(
                tr("Delete it…"), tr("The participant wants it deleted"), do["delete"]
            ),
            "release": PageButton(
                tr("Release…"), tr("Release the run, so that it may leave"), do["release"]
            ),
            "export": PageButton(
                tr("Export report…"), tr("Copy report, tables and film"), do["export"]
            ),
            "xdf": PageButton(tr("EEG as XDF…"), tr("Write the EEG as an XDF file"),
                              do["xdf"]),
            "bids": PageButton(tr("EEG as BIDS…"), tr("Write the EEG as a BIDS data set"),
                               do["bids"]),
        }  # fmt: skip

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        for name in ("replay", "report", "make"):
            top.addWidget(self.buttons[name])
        right = QVBoxLayout()
        right.setSpacing(6)
        right.addWidget(_heading(tr("The participant's choice")))
        right.addWidget(self.choice_words)
        right.addLayout(_row([self.buttons["keep"], self.buttons["delete"]]))
        right.addWidget(_heading(tr("Export")))
        right.addWidget(self.export_words)
        right.addLayout(_row([self.buttons[name] for name in ("release", "export")]))
        right.addLayout(_row([self.buttons[name] for name in ("xdf", "bids")]))
        right.addWidget(_heading(tr("Policy events")))
        right.addWidget(self.events, 1)
        holder = QWidget()
        holder.setLayout(right)
        right.setContentsMargins(0, 0, 0, 0)
        holder.setFixedWidth(RIGHT_PX)
        body = QGridLayout()
        body.setHorizontalSpacing(14)
        body.addWidget(self.figures, 0, 0)
        body.addWidget(holder, 0, 1)
        page = QVBoxLayout(self)
        page.setContentsMargins(10, 8, 10, 8)
        page.setSpacing(6)
        page.addLayout(top)
        page.addWidget(self.bar)
        page.addWidget(self.told)
        page.addLayout(body, 1)


def _browser(name: str) -> QTextBrowser:
    browser = QTextBrowser()
    browser.setAccessibleName(name)
    browser.setOpenLinks(False)
    browser.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    browser.setTabChangesFocus(True)
    browser.setStyleSheet(f"background: {PANEL}; border: 1px solid {EDGE};")
    return browser


def _words() -> QLabel:
    label = QLabel("")
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setStyleSheet(f"color: {DIM};")
    label.setAlignment(Qt.AlignmentFlag.AlignTop)
    return label


def _heading(words: str) -> QLabel:
    label = QLabel(words)
    label.setStyleSheet(f"color: {TEXT}; font-weight: 600;")
    return label


def _row(buttons: list[PageButton]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for button in buttons:
        row.addWidget(button)
    row.addStretch(1)
    return row
