"""Who and what this run is, how the nodes are, and the log."""

from __future__ import annotations

from collections import deque
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from gui.colours import FINE
from gui.model import MOST_LOG_LINES
from gui.notes import note_words
from gui.palette import DIM, EDGE, PANEL, TEXT
from gui.peers import Health, Peer
from gui.texts import mark, tr
from gui.words import ALARM_COLOURS, AlarmLevel
from phosphene.messages import Frame
from phosphene.plan import Plan

__all__ = ["StatusPanel", "peer_html", "run_words"]

_LOOKS: dict[Health, tuple[str, str, str]] = {
    "unknown": ("?", DIM, mark("not heard yet")),
    "starting": ("○", DIM, mark("starting")),
    "fine": ("●", FINE, mark("running")),
    "noted": ("▲", ALARM_COLOURS["medium"], ""),
    "silent": ("■", ALARM_COLOURS["high"], mark("no sign of life")),
    "ended": ("□", DIM, mark("ended")),
}
"""Symbol, colour and words of a node's health; the symbols differ for those who see no colours."""
RECENT = 2
_ORDER = ("bridge", "acquisition", "decoder", "renderer", "gate", "recorder", "supervisor")


def run_words(plan: Plan, frame: Frame | None) -> str:
    """Word person, run, model and seed, as HTML; steps are counted in a line of their own."""
    visit = plan.session.consent.visit
    facts = [
        (tr("person"), plan.session.person),
        *([(tr("session"), visit)] if visit else []),
        (tr("run"), plan.run),
        (tr("model"), "–" if frame is None else frame.model),
        (tr("seed"), str(plan.session.renderer.seed) if frame is None else str(frame.seed)),
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
        known = _LOOKS[peer.health][2]
        words = note_words(peer.note) if peer.note else tr(known) if known else ""
        again = " " + tr("(restarted {n} times)", n=peer.restarts) if peer.restarts else ""
        lines.append(f"{peer.name}: {words}{again}")
    return "\n".join(lines)


class RecentLines(QLabel):
    """The newest lines of the log, each as long as there is room; the tool tip has the rest."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[tuple[str, str]] = deque(maxlen=RECENT)
        self.setFixedHeight(15 * RECENT)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setAccessibleName(tr("Newest lines of the log"))

    def add(self, line: str, colour: str) -> None:
        """Show one more line in a colour."""
        self._lines.append((line, colour))
        self.setToolTip("<br>".join(escape(line) for line, _ in self._lines))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Show as much as there is room for now."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room, shown = self.contentsRect().width(), []
        for line, colour in self._lines:
            cut = self.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, room)
            shown.append(f"<span style='color:{colour}'>{escape(cut)}</span>")
        self.setText("<br>".join(shown))


class StatusPanel(QWidget):
    """How the nodes are and the newest lines of the log; the whole log stands elsewhere.

    Attributes
    ----------
    log : QPlainTextEdit
        The whole log, to be put where there is room for it.
    run : QLabel
        Who and what this run is, for the bottom line.
    """

    def __init__(self) -> None:
        super().__init__()
        self.run, self.nodes, self.recent = QLabel(""), QLabel(""), RecentLines()
        for label in (self.nodes, self.recent):
            label.setStyleSheet("font-size: 11px;")
        for label in (self.run, self.nodes, self.recent):
            label.setTextFormat(Qt.TextFormat.RichText)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setAccessibleName(tr("Log"))
        # Within reach of the keyboard, to scroll and to copy; a click leaves the focus where it is.
        self.log.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.log.setMaximumBlockCount(MOST_LOG_LINES)
        self.log.setStyleSheet(
            f"background: {PANEL}; color: {TEXT}; border: 1px solid {EDGE}; font-size: 11px;"
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.nodes)
        column.addWidget(self.recent)

    def tell(self, run: str, peers: tuple[Peer, ...]) -> None:
        """Show who this is and how the nodes are."""
        if self.run.text() != run:
            self.run.setText(run)
        if self.nodes.text() != (nodes := peer_html(peers)):
            self.nodes.setText(nodes)
            self.nodes.setToolTip(peer_tip(peers))

    def add_line(self, line: str, at: str, level: AlarmLevel = "none") -> None:
        """Add a line to the log with the time of day `at`; alarms have their colour."""
        colour = DIM if level == "none" else ALARM_COLOURS[level]
        self.recent.add(f"{at}\N{NO-BREAK SPACE} {line}", colour)
        if level == "none":
            self.log.appendPlainText(f"{at}  {line}")
        else:
            self.log.appendHtml(f"<span style='color:{colour}'>{at}&nbsp; {escape(line)}</span>")
