"""The rolling traces: one picture made by NumPy, with names, events and scale painted on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRect, Qt, Signal
from PySide6.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.colours import AMBER
from gui.eeg.board import TraceData
from gui.eeg.colours import CHOSEN, MOST_COLOURED, OTHERS
from gui.eeg.quality import ChannelState
from gui.eeg.raster import EMPTY, draw_traces, envelope, hatch, nice
from gui.palette import CURVES, DIM, PANEL, TEXT

__all__ = ["TraceView"]

NAMES_PX, TOP_PX, BOTTOM_PX = 110, 16, 16
LEAST_ROW_PX = 15
WINDOW_S = 10.0
_COLOURS = (PANEL, "#80692a", *OTHERS, CHOSEN, "#f2a65a", *CURVES)
"""By index: empty, hatched, two that take turns, chosen, bad, those of few channels."""
_FIRST_CURVE = 6
_EVENT = "#d69ae0"
_ROWS_OF_SCALE = 0.8
"""Share of a row that the usual swing fills."""


class TraceView(QWidget):
    """Traces of one page of channels."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(120)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.repaints = 0
        self.uv_per_row = 0.0
        self.hint = ""
        self._image: QImage | None = None
        self._canvas = np.zeros((1, 1), np.uint8)
        self._data: TraceData | None = None
        self._states: list[ChannelState] = []
        self._page: list[int] = []
        self._chosen = 0
        self._px_per_s = 1.0
        self._font = QFont(self.font())
        self._font.setPixelSize(11)

    # ---- what fits -----------------------------------------------------------------------------

    def area(self) -> QRect:
        """Return where the traces are, in pixels of the widget."""
        height = max(1, self.height() - TOP_PX - BOTTOM_PX)
        return QRect(NAMES_PX, TOP_PX, max(1, self.width() - NAMES_PX), height)

    def fits(self) -> int:
        """Return how many channels are readable at once."""
        return max(1, self.area().height() // LEAST_ROW_PX)

    def per_bin(self, fs_hz: float) -> int:
        """Return how many samples make a column of pixels."""
        return max(1, round(fs_hz * WINDOW_S / self.area().width()))

    def seconds(self, fs_hz: float) -> float:
        """Return how much of the past the columns hold."""
        return min(30.0, self.area().width() * self.per_bin(fs_hz) / fs_hz)

    # ---- showing -------------------------------------------------------------------------------

    def show_traces(
        self, data: TraceData, page: list[int], states: list[ChannelState], chosen: int
    ) -> None:
        """Draw the newest samples of the channels of `page`."""
        area = self.area()
        per_bin = self.per_bin(data.fs_hz)
        low, high = envelope(data.rows, per_bin)
        self._px_per_s = data.fs_hz / per_bin
        self._data, self._page, self._states, self._chosen = data, page, states, chosen
        self._canvas = canvas = np.full((area.height(), area.width()), EMPTY, np.uint8)
        self._shade(canvas, data)
        uv_per_px = max(self.uv_per_row, 1e-6) / (area.height() / max(1, len(page)))
        draw_traces(canvas, low, high, uv_per_px, self._colours())
        self.update()

    def forget(self) -> None:
        """Show the hint again: the operator may not know any more what was drawn."""
        if self._data is not None:
            self._data, self._states = None, []
            self._canvas = np.zeros((1, 1), np.uint8)
            self.update()

    def usual_swing_uv(self, data: TraceData) -> float:
        """Return the height of a row in microvolts that shows these samples well."""
        with np.errstate(invalid="ignore"):
            rows = data.rows[np.isfinite(data.rows).all(axis=1)]
        if len(rows) < 16:
            return 0.0
        swing = np.percentile(rows, 98, axis=0) - np.percentile(rows, 2, axis=0)
        alive = swing[swing > 0.1]
        typical = float(np.median(alive)) if len(alive) else 10.0
        return typical / _ROWS_OF_SCALE

    def _colours(self) -> npt.NDArray[np.uint8]:
        few = len(self._states) <= MOST_COLOURED
        found = []
        for k in self._page:
            own = _FIRST_CURVE + k if few else 5 if self._bad(k) else 2 + k % 2
            found.append(4 if k == self._chosen else own)
        return np.array(found, np.uint8)

    def _bad(self, k: int) -> bool:
        """Tell whether something is known to be wrong with a channel."""
        return k < len(self._states) and self._states[k].flags not in (None, 0)

    def _shade(self, canvas: npt.NDArray[np.uint8], data: TraceData) -> None:
        names = {self._states[k].name: p for p, k in enumerate(self._page)}
        row_px = canvas.shape[0] / max(1, len(self._page))
        for stretch in data.stretches:
            left, right = (self._column(t, data) for t in (stretch.start_s, stretch.stop_s))
            if stretch.channel is None:
                hatch(canvas, left, right, 0, 5)
            elif (place := names.get(stretch.channel)) is not None:
                hatch(canvas, left, right, round(place * row_px), round((place + 1) * row_px))

    def _column(self, t_s: float, data: TraceData) -> int:
        return round(self._canvas.shape[1] - (data.stop_s - t_s) * self._px_per_s)

    # ---- Qt ------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Paint picture, names, events, axis and scale."""
        self.repaints += 1
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(PANEL))
        painter.setFont(self._font)
        data = self._data
        if data is None:
            painter.setPen(QColor(DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.hint)
            painter.end()
            return
        area = self.area()
        height, width = self._canvas.shape
        image = QImage(self._canvas.data, width, height, width, QImage.Format.Format_Indexed8)
        image.setColorTable([QColor(c).rgb() for c in _COLOURS])
        painter.drawImage(area.topLeft(), image)
        self._paint_names(painter, area)
        self._paint_events(painter, area, data)
        self._paint_axis(painter, area, data)
        self._paint_scale(painter, area)
        painter.end()

    def _paint_names(self, painter: QPainter, area: QRect) -> None:
        row_px = area.height() / max(1, len(self._page))
        every = max(1, round(12 / row_px + 0.49))
        for place, k in enumerate(self._page):
            if place % every or k >= len(self._states):
                continue
            state = self._states[k]
            top = round(area.top() + (place + 0.5) * row_px - 8)
            good = not self._bad(k)
            painter.setPen(QColor(TEXT if good else AMBER))
            word = "" if good else f" {state.word}"
            kohm = "" if state.impedance_kohm is None else f" {state.impedance_kohm:.0f}kΩ"
            mark = "›" if k == self._chosen else " "
            text = f"{mark}{state.symbol} {state.name}{kohm}{word}"
            text = painter.fontMetrics().elidedText(
                text, Qt.TextElideMode.ElideRight, NAMES_PX - 12
            )
            painter.drawText(QRect(2, top, NAMES_PX - 10, 16), Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_events(self, painter: QPainter, area: QRect, data: TraceData) -> None:
        pen = QPen(QColor(_EVENT), 1, Qt.PenStyle.DashLine)
        free_from = area.left()
        for mark in data.marks:
            x = area.left() + self._column(mark.t_s, data)
            if not area.left() <= x <= area.right():
                continue
            painter.setPen(pen)
            painter.drawLine(x, area.top(), x, area.bottom())
            wide = painter.fontMetrics().horizontalAdvance(mark.label)
            left = min(x + 2, area.right() - wide)
            if left >= free_from:
                painter.drawText(left, area.top() - 4, mark.label)
                free_from = left + wide + 6

    def _paint_axis(self, painter: QPainter, area: QRect, data: TraceData) -> None:
        painter.setPen(QColor(DIM))
        painter.drawLine(area.left(), area.bottom() + 1, area.right(), area.bottom() + 1)
        first_s = data.stop_s - area.width() / self._px_per_s
        for t_s in np.arange(np.ceil(max(first_s, 0.0)), data.stop_s + 1e-9):
            x = area.left() + self._column(float(t_s), data)
            painter.drawLine(x, area.bottom() + 1, x, area.bottom() + 4)
            text = f"{t_s:g} s"
            wide = painter.fontMetrics().horizontalAdvance(text)
            if int(t_s) % 2 == 0 and x + wide // 2 < self.width() and x - wide // 2 > area.left():
                painter.drawText(x - wide // 2, self.height() - 2, text)

    def _paint_scale(self, painter: QPainter, area: QRect) -> None:
        """Paint a bar of a round number of microvolts, with its number, left of the traces."""
        rows = max(1, len(self._page))
        uv_per_px = max(self.uv_per_row, 1e-6) * rows / area.height()
        uv = nice(min(self.uv_per_row * max(1.0, rows / 8), uv_per_px * area.height() / 3))
        x, bottom = area.left() - 4, area.bottom()
        top = bottom - round(uv / uv_per_px)
        painter.setPen(QPen(QColor(TEXT), 2))
        painter.drawLine(QPointF(x, top), QPointF(x, bottom))
        text = f"{uv:g} µV"
        wide = painter.fontMetrics().horizontalAdvance(text)
        painter.drawText(area.left() - wide - 2, self.height() - 2, text)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        """Choose the channel that is clicked on."""
        area = self.area()
        y = event.position().y() - area.top()
        if self._page and 0 <= y < area.height():
            place = int(y * len(self._page) / area.height())
            self.chosen.emit(self._page[min(place, len(self._page) - 1)])
