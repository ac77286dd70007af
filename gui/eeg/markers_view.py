"""The list of markers."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from gui.colours import AMBER
from gui.eeg.board import MarkerLog
from gui.eeg.stream import StreamFacts
from gui.palette import DIM, EDGE, PANEL, TEXT
from gui.texts import tr

__all__ = ["MarkersView", "marker_html"]

SHOWN = 100


def marker_html(log: MarkerLog, facts: StreamFacts) -> str:
    """Word how many markers came, and what went wrong with them."""
    words = [f"<span style='color:{DIM}'>{log.total}</span>"]
    twice = log.repeated + facts.markers_twice
    counts = (
        (tr("{n} lost", n=log.lost), log.lost, True),
        (tr("{n} twice", n=twice), twice, True),
        (tr("{n} early", n=facts.markers_late), facts.markers_late, False),
    )
    for told, number, always in counts:
        if number:
            words.append(f"<span style='color:{AMBER}'>▲ {told}</span>")
        elif always:
            words.append(f"<span style='color:{DIM}'>{told}</span>")
    return " · ".join(words)


class MarkersView(QWidget):
    """Time, label and source of the newest markers, the newest first.

    Parameters
    ----------
    run : str
        Identifier of the run; streams of its own go by their short names.
    """

    def __init__(self, run: str) -> None:
        super().__init__()
        self._ours = f"phosphene-{run}-"
        heading = QLabel(tr("Markers"))
        heading.setStyleSheet(f"color: {TEXT}; font-weight: 600;")
        self.figures = QLabel("")
        self.figures.setTextFormat(Qt.TextFormat.RichText)
        self.figures.setStyleSheet("font-size: 11px;")
        self.figures.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.figures.setToolTip(
            tr("Markers in all; lost on the way to this window; told twice; before any data")
        )
        self.figures.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.list = QPlainTextEdit()
        self.list.setReadOnly(True)
        self.list.setAccessibleName(tr("Markers"))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        # The list takes the height that its row has, and asks for none.
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.list.setMinimumHeight(40)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setStyleSheet(
            f"background: {PANEL}; color: {TEXT}; border: 1px solid {EDGE}; font-size: 11px;"
        )
        top = QHBoxLayout()
        top.addWidget(heading)
        top.addWidget(self.figures, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addLayout(top)
        column.addWidget(self.list, 1)
        self._shown: MarkerLog | None = None

    def tell(self, log: MarkerLog, facts: StreamFacts) -> None:
        """Show the markers; unchanged ones cost nothing."""
        if self.figures.text() != (words := marker_html(log, facts)):
            self.figures.setText(words)
        if log == self._shown:
            return
        self._shown = log
        newest = log.marks[: -SHOWN - 1 : -1]
        streams = {m.stream.removeprefix(self._ours) for m in newest}
        lines = [tr("from {stream}", stream=streams.pop())] if len(streams) == 1 else []
        for mark in newest:
            source = f"  ({mark.stream.removeprefix(self._ours)})" if streams else ""
            lines.append(f"{mark.t_s:9.3f} s  {mark.label}{source}")
        self.list.setPlainText("\n".join(lines))
