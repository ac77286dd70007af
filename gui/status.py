"""The lines below the pictures: who and what this run is, what the nodes do, and the log."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from gui.model import MOST_LOG_LINES, Flow
from gui.palette import DIM, EDGE, PANEL, TEXT
from phosphene.messages import Features, Frame
from phosphene.plan import Plan

__all__ = ["StatusPanel", "node_words", "run_words"]

_NODES = {
    "features": "acquisition",
    "percept": "decoder",
    "frame": "renderer",
    "grant": "gate",
}
_SILENT_S = 2.0


def run_words(plan: Plan, unit: str, features: Features | None, frame: Frame | None) -> str:
    """Word person, run, step, model and seed, as HTML."""
    facts = [
        ("person", plan.session.person),
        ("run", plan.run),
        (unit, "–" if features is None else str(features.index)),
        ("model", "–" if frame is None else frame.model),
        ("seed", str(plan.session.renderer.seed) if frame is None else str(frame.seed)),
    ]
    return "&nbsp;&nbsp;&nbsp;".join(
        f"<span style='color:{DIM}'>{name}</span> <b>{value}</b>" for name, value in facts
    )


def node_words(flows: dict[str, Flow], now_s: float) -> str:
    """Word how many messages each node has sent and how long ago, as plain text."""
    words = []
    for kind, node in _NODES.items():
        flow = flows.get(kind, Flow())
        if flow.newest_s is None:
            words.append(f"{node}: nothing yet")
            continue
        age_s = max(0.0, now_s - flow.newest_s)
        age = "" if age_s < _SILENT_S else f", silent for {age_s:.0f} s"
        words.append(f"{node}: {flow.messages} {kind}s{age}".replace("ss", "s"))
    return " · ".join(words)


class StatusPanel(QWidget):
    """Run facts, node states and the log."""

    def __init__(self) -> None:
        super().__init__()
        self.run = QLabel("")
        self.run.setTextFormat(Qt.TextFormat.RichText)
        self.nodes = QLabel("")
        self.nodes.setStyleSheet(f"color: {DIM};")
        for label in (self.run, self.nodes):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.log.setMaximumBlockCount(MOST_LOG_LINES)
        self.log.setMinimumHeight(48)
        self.log.setStyleSheet(
            f"background: {PANEL}; color: {TEXT}; border: 1px solid {EDGE}; font-size: 11px;"
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.run)
        column.addWidget(self.nodes)
        column.addWidget(self.log, 1)

    def tell(self, run: str, nodes: str) -> None:
        """Show the two lines."""
        if self.run.text() != run:
            self.run.setText(run)
        if self.nodes.text() != nodes:
            self.nodes.setText(nodes)

    def add_lines(self, lines: list[str], at: datetime) -> None:
        """Add lines to the log with the time of day."""
        for line in lines:
            self.log.appendPlainText(f"{at:%H:%M:%S}  {line}")
