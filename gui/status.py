"""The lines below the pictures: who and what this run is, how the nodes are, and the log."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from gui.model import MOST_LOG_LINES
from gui.palette import DIM, EDGE, PANEL, TEXT
from gui.peers import Health, Peer
from gui.words import ALARM_COLOURS, AlarmLevel
from phosphene.messages import Frame
from phosphene.plan import Plan

__all__ = ["StatusPanel", "peer_html", "run_words"]

_FINE = "#4cc38a"
_LOOKS: dict[Health, tuple[str, str, str]] = {
    "unknown": ("?", DIM, "not heard yet"),
    "starting": ("○", DIM, "starting"),
    "fine": ("●", _FINE, "running"),
    "noted": ("▲", ALARM_COLOURS["medium"], ""),
    "silent": ("■", ALARM_COLOURS["high"], "no sign of life"),
    "ended": ("□", DIM, "ended"),
}
"""Symbol, colour and words of a node's health; the symbols differ for those who see no colours."""
_ORDER = ("bridge", "acquisition", "decoder", "renderer", "gate", "recorder", "supervisor")


def run_words(plan: Plan, frame: Frame | None) -> str:
    """Word person, run, model and seed, as HTML; steps are counted in a line of their own."""
    facts = [
        ("person", plan.session.person),
        ("run", plan.run),
        ("model", "–" if frame is None else frame.model),
        ("seed", str(plan.session.renderer.seed) if frame is None else str(frame.seed)),
    ]
    return "&nbsp;&nbsp;&nbsp;".join(
        f"<span style='color:{DIM}'>{name}</span> <b>{escape(value)}</b>" for name, value in facts
    )


def peer_html(peers: tuple[Peer, ...]) -> str:
    """Word how each node is, along the chain, as HTML."""
    place = {name: k for k, name in enumerate(_ORDER)}
    words = []
    for peer in sorted(peers, key=lambda p: place.get(p.name, len(place))):
        symbol, colour, _meaning = _LOOKS[peer.health]
        again = f" {peer.restarts}×↻" if peer.restarts else ""
        words.append(
            f"<span style='color:{colour}'>{symbol}</span>"
            f"<span style='color:{TEXT if colour != DIM else DIM}'> {peer.name}{again}</span>"
        )
    return "&nbsp;&nbsp;".join(words)


def peer_tip(peers: tuple[Peer, ...]) -> str:
    """Word the same in lines, for the tool tip."""
    lines = []
    for peer in peers:
        words = peer.note or _LOOKS[peer.health][2]
        again = f" (restarted {peer.restarts} times)" if peer.restarts else ""
        lines.append(f"{peer.name}: {words}{again}")
    return "\n".join(lines)


class StatusPanel(QWidget):
    """Run facts, how the nodes are, and the log."""

    def __init__(self) -> None:
        super().__init__()
        self.run, self.nodes = QLabel(""), QLabel("")
        self.nodes.setStyleSheet("font-size: 11px;")
        for label in (self.run, self.nodes):
            label.setTextFormat(Qt.TextFormat.RichText)
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

    def tell(self, run: str, peers: tuple[Peer, ...]) -> None:
        """Show the two lines."""
        if self.run.text() != run:
            self.run.setText(run)
        if self.nodes.text() != (nodes := peer_html(peers)):
            self.nodes.setText(nodes)
            self.nodes.setToolTip(peer_tip(peers))

    def add_line(self, line: str, at: str, level: AlarmLevel = "none") -> None:
        """Add a line to the log with the time of day `at`; alarms have their colour."""
        if level == "none":
            self.log.appendPlainText(f"{at}  {line}")
        else:
            colour = ALARM_COLOURS[level]
            self.log.appendHtml(f"<span style='color:{colour}'>{at}&nbsp; {escape(line)}</span>")
