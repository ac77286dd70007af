"""The right half of the window for fMRI: all plots of a run in rows, with the slices below."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui.curves import Plotted
from gui.region_grid import RegionGrid
from gui.slice_panel import SlicePanel
from gui.texts import tr
from gui.traces import (
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

WINDOW_S = 240.0


class Plots(QWidget):
    """All plots of a run.

    Parameters
    ----------
    fps : float
        Frame rate that is aimed at, in frames per second.
    min_confidence : float
        Confidence below which the neutral picture is shown.
    bundle : bool
        Whether there is a decoder.
    """

    def __init__(self, fps: float, min_confidence: float, *, bundle: bool = True) -> None:
        super().__init__()
        self._version = -1
        self._grid: RegionGrid | None = None
        hint = tr("waiting for the first volume")
        self.signal = Signal(hint)
        self.confidence = Confidence(min_confidence, timed=True, bundle=bundle)
        self.latency, self.interval = Latency(hint), Interval(fps)
        self.slices = SlicePanel()
        self.displacement = Displacement(hint)
        self.interval.setFixedHeight(self.slices.height())
        # Each row: its share of the height, and what is in it side by side.
        self._rows: list[tuple[int, list[QWidget]]] = [
            (9, [Position(tr("Head position"), "mm", names.TRANSLATION, hint),
                 Position(tr("Head rotation"), "deg", names.ROTATION, hint)]),
            (9, [self.displacement, Dvars(hint)]),
            (13, [self.signal]),
            (10, [self.confidence, self.latency]),
            (0, [self.slices, self.interval]),
        ]  # fmt: skip
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
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
        """Draw what is given; what has not changed, or cannot be seen, costs nothing."""
        if not self.isVisible():
            return
        self.interval.update_from(plotted, (0.0, 0.0))
        if plotted.version == self._version:
            return
        self._version = plotted.version
        end_s = plotted.end_s()
        span = (max(0.0, end_s - WINDOW_S), max(end_s, 60.0))
        for trace in self.traces:
            if trace is not self.interval:
                trace.update_from(plotted, span)

    def show_map(self, message: Message | None, regions: Message | None = None) -> None:
        """Show the newest map of where the brain follows the conditions, with the regions."""
        if regions is not None and (self._grid is None or self._grid.message is not regions):
            self._grid = RegionGrid(regions)
        if self.isVisible():
            self.slices.show_map(message, self._grid)
