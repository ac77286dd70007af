"""The line below the alarms: how far the scan is, its TR, and what should not have happened."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from gui.palette import DIM, TEXT
from gui.scanner import Scan, tr_differs
from gui.texts import tr
from gui.words import ALARM_COLOURS

__all__ = ["ScanLine", "scan_html", "tally_html"]


def _fact(name: str, value: str, colour: str = TEXT) -> str:
    return f"<span style='color:{DIM}'>{name}</span> <b style='color:{colour}'>{value}</b>"


def scan_html(scan: Scan, *, paced: bool) -> str:
    """Word progress, TR and stability, as HTML.

    Parameters
    ----------
    scan : Scan
        The scan so far.
    paced : bool
        Whether the measured TR should be the announced one.
    """
    count = "–" if scan.volumes is None else str(scan.volumes)
    if scan.planned:
        count = tr("{n} of {all}", n=count, all=scan.planned)
    facts = [_fact(tr("volume"), count)]
    announced = "–" if scan.tr_announced_s is None else f"{scan.tr_announced_s:.3f} s"
    measured = "–" if scan.tr_measured_s is None else f"{scan.tr_measured_s:.3f} s"
    off = paced and tr_differs(scan)
    facts.append(_fact(tr("TR announced"), announced))
    facts.append(
        _fact(
            tr("measured"),
            ("▲ " if off else "") + measured,
            ALARM_COLOURS["medium"] if off else TEXT,
        )
    )
    if scan.tsnr is not None:
        facts.append(_fact(tr("tSNR"), f"{scan.tsnr:.0f}"))
    if scan.drift_psc_per_min is not None:
        facts.append(
            _fact(tr("drift"), tr("{share} %/min", share=f"{scan.drift_psc_per_min:+.2f}"))
        )
    return "&nbsp;&nbsp;&nbsp;".join(facts)


def tally_html(scan: Scan) -> str:
    """Word the counters of what should not happen; those above zero in amber, with a mark."""
    words = []
    for tally in scan.tallies:
        if tally.number:
            colour = ALARM_COLOURS["medium"]
            words.append(f"<b style='color:{colour}'>▲ {tr(tally.words)} {tally.number}</b>")
        else:
            words.append(f"<span style='color:{DIM}'>{tr(tally.words)} 0</span>")
    return "&nbsp;&nbsp;&nbsp;".join(words)


class ScanLine(QWidget):
    """Progress on the left, counters on the right."""

    def __init__(self) -> None:
        super().__init__()
        self.scan, self.tallies = QLabel(""), QLabel("")
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        row.setSpacing(16)
        # What does not fit is cut off; it must not push the window wider.
        for label, share in ((self.scan, 11), (self.tallies, 10)):
            label.setTextFormat(Qt.TextFormat.RichText)
            label.setFixedHeight(18)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            row.addWidget(label, share)
        self.tallies.setStyleSheet("font-size: 11px;")
        self.tallies.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def tell(self, scan: Scan, *, paced: bool) -> None:
        """Show the scan so far."""
        for label, words in (
            (self.scan, scan_html(scan, paced=paced)),
            (self.tallies, tally_html(scan)),
        ):
            if label.text() != words:
                label.setText(words)
