"""The timeline: conditions, events, blank views and curves over the whole recording."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFontMetrics,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from gui.blocks import COLOURS
from gui.colours import AMBER
from gui.palette import BACKGROUND, CURVES, DIM, EDGE, PANEL, TEXT
from gui.replay.lanes import VIEWS, Graph, hint_at, views_of
from gui.replay.recording import Recording
from gui.texts import tr

__all__ = ["TimelineView", "level_places"]

LABELS_PX, BLOCKS_PX, EVENTS_PX, BLANK_PX, GRAPH_PX, AXIS_PX = 118, 18, 16, 12, 36, 18
LETTER_PX = 7
_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
BLANK_COLOUR, MARKER_COLOUR, LEVEL_COLOUR = AMBER, "#f2a65a", AMBER


def _height(graph: Graph, value: float, y: float) -> float:
    """Return where a value lies in a lane that begins at `y`."""
    return y + GRAPH_PX - 3 - (GRAPH_PX - 6) * max(0.0, min(1.0, value / graph.top))


def level_places(graph: Graph, y: float, metrics: QFontMetrics) -> list[QRectF]:
    """Return where the figures of a lane's limits stand: each before its line, beside the other.

    Lines of a low lane are closer to each other than figures are high.
    """
    places, left = [], float(LABELS_PX + 3)
    high = float(metrics.tightBoundingRect("0").height())
    for level in graph.levels:
        wide = float(metrics.horizontalAdvance(f"{level:g}"))
        top = min(_height(graph, level, y) - high / 2, y + GRAPH_PX - high)
        places.append(QRectF(left, top, wide, high))
        left += wide + LETTER_PX
    return places


class TimelineView(QWidget):
    """Draws a recording from its begin to its end; a click or a drag asks for a time.

    Everything but the cursor is drawn once. It takes no focus: the slider below has the keys.
    """

    asked = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._recording: Recording | None = None
        self._graphs: list[Graph] = []
        self._views: list[str] = []
        self._t_s = 0.0
        self._still: QPixmap | None = None
        self.setAccessibleName(tr("Timeline"))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._fix_height()

    def show_recording(
        self,
        recording: Recording | None,
        graphs: Sequence[Graph] = (),
    ) -> None:
        """Draw another recording with these curves, or none."""
        self._recording, self._still, self._t_s = recording, None, 0.0
        self._graphs = list(graphs)
        self._views = views_of(recording) if recording is not None else []
        self._fix_height()
        self.update()

    def show_time(self, t_s: float) -> None:
        """Put the cursor at a time."""
        if t_s != self._t_s:
            self._t_s = t_s
            self.update()

    def _fix_height(self) -> None:
        rows = BLOCKS_PX + EVENTS_PX + AXIS_PX + BLANK_PX * max(2, len(self._views))
        self.setFixedHeight(rows + GRAPH_PX * max(2, len(self._graphs)))

    # ---- places --------------------------------------------------------------------------------

    def _x(self, t_s: float) -> float:
        end_s = self._recording.end_s if self._recording is not None else 0.0
        return LABELS_PX + (self.width() - LABELS_PX - 6) * t_s / max(end_s, 1e-9)

    def time_at(self, x: float) -> float:
        """Return the time of a place, in seconds, at most an end's."""
        end_s = self._recording.end_s if self._recording is not None else 0.0
        share = (x - LABELS_PX) / max(1, self.width() - LABELS_PX - 6)
        return max(0.0, min(1.0, share)) * end_s

    # ---- what Qt calls -------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw anew at another size."""
        self._still = None
        super().resizeEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        """Ask for the time of the place."""
        self._ask(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        """Ask for the time of the place while a button is held."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._ask(event)

    def _ask(self, event: QMouseEvent) -> None:
        if self._recording is not None:
            self.asked.emit(self.time_at(event.position().x()))

    def event(self, event: QEvent) -> bool:
        """Say what was at the time under the mouse."""
        if isinstance(event, QHelpEvent) and self._recording is not None:
            wide = max(1, self.width() - LABELS_PX - 6)
            t_s = self.time_at(event.pos().x())
            words = hint_at(self._recording, t_s, self._recording.end_s / wide)
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return bool(super().event(event))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw what stands still from memory, and the cursor."""
        if self._still is None:
            self._still = self._drawn()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._still)
        if self._recording is not None:
            x = self._x(self._t_s)
            painter.setPen(QPen(QColor("#ffffff"), 1))
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
            painter.setBrush(QColor("#ffffff"))
            painter.drawPolygon(QPolygonF([QPointF(x - 5, 0), QPointF(x + 5, 0), QPointF(x, 7)]))
        painter.end()

    # ---- drawing -------------------------------------------------------------------------------

    def _drawn(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        still = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        still.setDevicePixelRatio(ratio)
        still.fill(QColor(BACKGROUND))
        painter = QPainter(still)
        if self._recording is not None:
            y = self._draw_blocks(painter, self._recording, 0)
            y = self._draw_marks(painter, self._recording, y)
            y = self._draw_blank(painter, self._recording, y)
            for k, graph in enumerate(self._graphs):
                self._draw_graph(painter, graph, y, CURVES[k])
                y += GRAPH_PX
            self._draw_axis(painter, self._recording.end_s)
        painter.end()
        return still

    def _name(self, painter: QPainter, words: str, y: float, height: float) -> None:
        painter.setPen(QColor(DIM))
        area = QRectF(0, y, LABELS_PX - 8, height)
        painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)

    def _ground(self, painter: QPainter, y: float, height: float) -> None:
        painter.fillRect(QRectF(LABELS_PX, y + 1, self.width() - LABELS_PX - 6, height - 2),
                         QColor(PANEL))  # fmt: skip

    def _draw_blocks(self, painter: QPainter, recording: Recording, y: float) -> float:
        self._name(painter, tr("conditions"), y, BLOCKS_PX)
        self._ground(painter, y, BLOCKS_PX)
        colours: dict[str, str] = {}
        for block in recording.blocks:
            colour = colours.setdefault(block.label, COLOURS[len(colours) % len(COLOURS)])
            left = self._x(block.start_s)
            area = QRectF(left, y + 1, max(1.0, self._x(block.end_s) - left - 1), BLOCKS_PX - 2)
            painter.fillRect(area, QColor(colour))
            if area.width() > LETTER_PX * len(block.label) + 4:
                painter.setPen(QColor(TEXT))
                painter.drawText(area, Qt.AlignmentFlag.AlignCenter, block.label)
        return y + BLOCKS_PX

    def _draw_marks(self, painter: QPainter, recording: Recording, y: float) -> float:
        self._name(painter, tr("events, markers"), y, EVENTS_PX)
        self._ground(painter, y, EVENTS_PX)
        free = 0.0
        for mark in recording.marks:
            x = self._x(mark.t_s)
            painter.setPen(QColor(MARKER_COLOUR if mark.own else DIM))
            painter.drawLine(QPointF(x, y + 2), QPointF(x, y + EVENTS_PX - 2))
            wide = LETTER_PX * len(mark.label) + 12
            # Of markers the words, as far as there is room; of events the bands have them.
            if mark.own and x >= free:
                flag = QPolygonF([QPointF(x, y + 2), QPointF(x + 6, y + 5), QPointF(x, y + 8)])
                painter.setBrush(QColor(MARKER_COLOUR))
                painter.drawPolygon(flag)
                area = QRectF(x + 8, y, wide, EVENTS_PX)
                painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, mark.label)
                free = x + wide
        return y + EVENTS_PX

    def _draw_blank(self, painter: QPainter, recording: Recording, y: float) -> float:
        for view in self._views:
            self._name(painter, tr(VIEWS[view]), y, BLANK_PX)
            self._ground(painter, y, BLANK_PX)
            for spell in recording.blank.get(view, []):
                left, right = self._x(spell.start_s), self._x(spell.end_s)
                area = QRectF(left, y + 2, max(2.0, right - left), BLANK_PX - 4)
                painter.fillRect(area, QBrush(QColor(BLANK_COLOUR), Qt.BrushStyle.BDiagPattern))
                painter.setPen(QColor(BLANK_COLOUR))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(area)
            y += BLANK_PX
        return y

    def _draw_graph(self, painter: QPainter, graph: Graph, y: float, colour: str) -> None:
        self._name(painter, graph.words, y, GRAPH_PX)
        self._ground(painter, y, GRAPH_PX)
        places = level_places(graph, y, self.fontMetrics())
        free = max((place.right() + 4 for place in places), default=0.0)
        for level, words in zip(graph.levels, places, strict=True):
            painter.setPen(QPen(QColor(LEVEL_COLOUR), 1, Qt.PenStyle.DotLine))
            at = _height(graph, level, y)
            painter.drawLine(QPointF(free, at), QPointF(self.width() - 6, at))
            painter.setPen(QColor(DIM))
            painter.drawText(words.bottomLeft(), f"{level:g}")
        painter.setPen(QPen(QColor(colour), 1))
        points = zip(graph.t_s, graph.y, strict=True)
        painter.drawPolyline(
            QPolygonF([QPointF(self._x(t_s), _height(graph, v, y)) for t_s, v in points])
        )

    def _draw_axis(self, painter: QPainter, end_s: float) -> None:
        y = self.height() - AXIS_PX
        wide = max(1, self.width() - LABELS_PX - 6)
        apart_s = next((s for s in _STEPS_S if s * wide / max(end_s, 1e-9) >= 60), _STEPS_S[-1])
        self._name(painter, tr("seconds"), y, AXIS_PX)
        for k in range(int(end_s // apart_s) + 1):
            x = self._x(k * apart_s)
            painter.setPen(QColor(EDGE))
            painter.drawLine(QPointF(x, y), QPointF(x, y + 4))
            painter.setPen(QColor(DIM))
            left = min(x - 30, self.width() - 60)
            painter.drawText(QRectF(left, y + 3, 60, AXIS_PX - 3), Qt.AlignmentFlag.AlignCenter,
                             f"{k * apart_s}")  # fmt: skip
