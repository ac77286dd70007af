"""The line below the alarms: how the stream is, its rate, and what should not have happened."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from gui.eeg.stream import LAMPS, StreamFacts
from gui.palette import DIM, TEXT
from gui.texts import tr
from gui.words import ALARM_COLOURS

__all__ = ["StreamLine", "stream_html", "stream_tallies_html"]


def stream_html(facts: StreamFacts, fs_hz: float | None, n_channels: int) -> str:
    """Word the state machine's lamp, rate, channels, samples and delay, as HTML."""
    symbol, word, colour = LAMPS[facts.state]
    found = [f"<span style='color:{DIM}'>{tr('stream')}</span> <b style='color:{colour}'>"
             f"{symbol} {tr(word)}</b>"]  # fmt: skip
    told = []
    if fs_hz is not None:
        told.append((tr("shown at"), f"{fs_hz:g} Hz"))
    if n_channels:
        told.append((tr("channels"), str(n_channels)))
    told.append((tr("samples"), f"{facts.samples:,}".replace(",", " ")))
    told.append((tr("epochs"), tr("{n} ({bad} rejected)", n=facts.epochs, bad=facts.rejected)))
    if facts.filter_delay_ms is not None:
        told.append((tr("filter delay"), f"{facts.filter_delay_ms} ms"))
    found += [
        f"<span style='color:{DIM}'>{name}</span> <b style='color:{TEXT}'>{value}</b>"
        for name, value in told
    ]
    return "&nbsp;&nbsp;&nbsp;".join(found)


def stream_tallies_html(facts: StreamFacts) -> str:
    """Word the counters of what should not happen; those above zero in amber, with a mark."""
    amber = ALARM_COLOURS["medium"]
    return "&nbsp;&nbsp;&nbsp;".join(
        f"<b style='color:{amber}'>▲ {tr(words)} {number}</b>"
        if number
        else f"<span style='color:{DIM}'>{tr(words)} 0</span>"
        for words, number in facts.tallies
    )


class StreamLine(QWidget):
    """State on the left, counters on the right."""

    def __init__(self) -> None:
        super().__init__()
        self.facts, self.tallies = QLabel(""), QLabel("")
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        row.setSpacing(16)
        for label, share in ((self.facts, 13), (self.tallies, 8)):
            label.setTextFormat(Qt.TextFormat.RichText)
            label.setFixedHeight(18)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            row.addWidget(label, share)
        self.facts.setToolTip(
            tr(
                "Epochs (or windows) that were made for the decoder. Rejected: a good channel was"
                " too\nlarge, or fewer than half of the channels were good. Markers without data"
                " make none."
            )
        )
        self.tallies.setStyleSheet("font-size: 11px;")
        self.tallies.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def tell(self, facts: StreamFacts, fs_hz: float | None, n_channels: int) -> None:
        """Show the stream so far."""
        for label, words in (
            (self.facts, stream_html(facts, fs_hz, n_channels)),
            (self.tallies, stream_tallies_html(facts)),
        ):
            if label.text() != words:
                label.setText(words)
