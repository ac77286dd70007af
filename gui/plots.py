"""The right half of the window: all plots of a run in rows, for fMRI with the slices below."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui.curves import Plotted
from gui.slice_panel import SlicePanel
from gui.traces import (
    Channels,
    Confidence,
    Displacement,
    Dvars,
    Interval,
    Latency,
    Position,
    Signal,
    Trace,
)
from phosphene import quality as names
from phosphene.messages import Message

__all__ = ["Plots"]

WINDOW_S = {"fmri": 240.0, "eeg": 60.0}


class Plots(QWidget):
    """All plots of a run.

    Parameters
    ----------
    modality : str
        ``fmri`` or ``eeg``.
    fps : float
        Frame rate that is aimed at, in frames per second.
    min_confidence : float
        Confidence below which the neutral picture is shown.
    """

    def __init__(self, modality: str, fps: float, min_confidence: float) -> None:
        super().__init__()
        self._window_s = WINDOW_S[modality]
        self._version = -1
        fmri = modality == "fmri"
        hint = f"waiting for the first {'volume' if fmri else 'epoch'}"
        self.signal = Signal(modality, hint)
        self.confidence = Confidence(min_confidence, timed=fmri)
        self.latency, self.interval = Latency(hint), Interval(fps)
        self.slices = SlicePanel() if fmri else None
        # Each row: its share of the height, and what is in it side by side.
        self._rows: list[tuple[int, list[QWidget]]]
        if self.slices is not None:
            self.displacement = Displacement(hint)
            self.interval.setFixedHeight(self.slices.height())
            self._rows = [
                (9, [Position("Head position", "mm", names.TRANSLATION, hint),
                     Position("Head rotation", "deg", names.ROTATION, hint)]),
                (9, [self.displacement, Dvars(hint)]),
                (13, [self.signal]),
                (10, [self.confidence, self.latency]),
                (0, [self.slices, self.interval]),
            ]  # fmt: skip
        else:
            stacked: list[QWidget] = [
                Channels(hint), self.signal, self.confidence, self.latency, self.interval
            ]  # fmt: skip
            self._rows = [
                (share, [w]) for share, w in zip((9, 11, 9, 12, 12), stacked, strict=True)
            ]
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for share, widgets in self._rows:
            row = QHBoxLayout()
            row.setSpacing(10)
            for widget in widgets:
                row.addWidget(widget, 1)
            column.addLayout(row, share)
        self.traces = [w for _, widgets in self._rows for w in widgets if isinstance(w, Trace)]
        for trace in self.traces:
            trace.set_range((0.0, 60.0), (0.0, 1.0))

    def update_from(self, plotted: Plotted) -> None:
        """Draw what is given; what has not changed costs nothing."""
        self.interval.update_from(plotted, (0.0, 0.0))
        if plotted.version == self._version:
            return
        self._version = plotted.version
        end_s = plotted.end_s()
        span = (max(0.0, end_s - self._window_s), max(end_s, min(60.0, self._window_s)))
        for trace in self.traces:
            if trace is not self.interval:
                trace.update_from(plotted, span)

    def show_map(self, message: Message | None) -> None:
        """Show the newest map of where the brain follows the conditions."""
        if self.slices is not None:
            self.slices.show_map(message)
