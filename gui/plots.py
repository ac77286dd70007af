"""The right half of the window for fMRI: all plots of a run in rows, with the slices below."""

from __future__ import annotations

from collections import deque

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
        self._plotted: Plotted | None = None
        self._map: Message | None = None
        self._grid: RegionGrid | None = None
        self._behind: deque[QWidget] = deque()
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
        """Take the newest curves; `draw_next` draws what has changed and can be seen."""
        if not self.isVisible():
            return
        if plotted.version != self._version:
            self._version = plotted.version
            self._wait_for(*self.traces)
        self._plotted = plotted
        self._wait_for(self.interval)

    def show_map(self, message: Message | None, regions: Message | None = None) -> None:
        """Take the newest map of where the brain follows the conditions, with the regions."""
        if regions is None:
            self._grid = None
        elif self._grid is None or self._grid.message is not regions:
            self._grid = RegionGrid(regions)
        self._map = message
        if self.isVisible():
            self._wait_for(self.slices)

    def _wait_for(self, *widgets: QWidget) -> None:
        self._behind.extend(widget for widget in widgets if widget not in self._behind)

    def draw_next(self) -> bool:
        """Draw one of those that are behind; return False once none is.

        All of them in one go hold the window for as long as a frame lasts.
        """
        if not self._behind:
            return False
        widget = self._behind.popleft()
        if widget is self.slices:
            self.slices.show_map(self._map, self._grid)
        elif isinstance(widget, Trace) and self._plotted is not None:
            end_s = self._plotted.end_s()
            span = (max(0.0, end_s - WINDOW_S), max(end_s, 60.0))
            widget.update_from(self._plotted, (0.0, 0.0) if widget is self.interval else span)
        return True
