"""The learning curve: held-out score over the number of runs, with its interval and chance."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from gui.colours import CURVES, DIM, EDGE, PANEL, TEXT
from gui.setup.calibration import Point
from gui.texts import tr

__all__ = ["LearningCurve"]

LEFT_PX, BELOW_PX, ABOVE_PX, RIGHT_PX = 36, 20, 18, 12
DOT_PX, CAP_PX = 4.0, 4.0


class LearningCurve(QWidget):
    """Draws the points; each column is a number of runs."""

    def __init__(self) -> None:
        super().__init__()
        self._points: tuple[Point, ...] = ()
        self._most = 2
        self.setMinimumHeight(130)
        self.setAccessibleName(tr("Learning curve"))

    def show_points(self, points: Sequence[Point], most: int) -> None:
        """Show what was fitted; `most` is the number of runs there are."""
        self._points, self._most = tuple(p for p in points if p.score is not None), max(most, 2)
        self.setAccessibleDescription("\n".join(point.words for point in points))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw axes, chance and points."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(PANEL))
        area = QRectF(self.rect()).adjusted(LEFT_PX, ABOVE_PX, -RIGHT_PX, -BELOW_PX)
        low, high = self._range()
        self._axes(painter, area, low, high)
        if self._points:
            self._chance(painter, area, low, high)
            self._dots(painter, area, low, high)
        else:
            painter.setPen(QColor(DIM))
            hint = tr("The held-out score of each fit is shown here.")
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, hint)
        painter.end()

    def _range(self) -> tuple[float, float]:
        scores = [point.score for point in self._points if point.score is not None]
        low = min([0.0, *(min(s.low, s.chance) for s in scores)])
        high = max([1.0, *(s.high for s in scores)])
        return low, high

    def _place(self, area: QRectF, runs: int, value: float, low: float, high: float) -> QPointF:
        share = (runs - 0.5) / self._most
        return QPointF(
            area.left() + share * area.width(),
            area.bottom() - (value - low) / (high - low) * area.height(),
        )

    def _axes(self, painter: QPainter, area: QRectF, low: float, high: float) -> None:
        painter.setPen(QColor(EDGE))
        painter.drawRect(area)
        painter.setPen(QColor(DIM))
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value in (low, (low + high) / 2, high):
            y = self._place(area, 1, value, low, high).y()
            painter.drawText(QRectF(0, y - 7, LEFT_PX - 4, 14), right, f"{value:.2g}")
        for runs in range(1, self._most + 1):
            x = self._place(area, runs, low, low, high).x()
            box = QRectF(x - 20, area.bottom() + 3, 40, 14)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(runs))
        score = self._points[-1].score if self._points else None
        name = tr("held-out score") if score is None else score.name
        title = tr("{name} over the number of runs", name=name)
        painter.setPen(QColor(TEXT))
        painter.drawText(QRectF(LEFT_PX, 1, area.width(), 15), Qt.AlignmentFlag.AlignLeft, title)

    def _chance(self, painter: QPainter, area: QRectF, low: float, high: float) -> None:
        score = self._points[-1].score
        if score is None:
            return
        y = self._place(area, 1, score.chance, low, high).y()
        painter.setPen(QPen(QColor(DIM), 1))
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        box = QRectF(area.right() - 82, y - 14, 80, 13)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight, tr("chance"))

    def _dots(self, painter: QPainter, area: QRectF, low: float, high: float) -> None:
        painter.setPen(QPen(QColor(CURVES[0]), 1))
        last: QPointF | None = None
        for point in self._points:
            score = point.score
            if score is None:
                continue
            at = self._place(area, point.runs, score.value, low, high)
            ends = [self._place(area, point.runs, v, low, high) for v in (score.low, score.high)]
            painter.drawLine(*ends)
            for end in ends:
                painter.drawLine(end - QPointF(CAP_PX, 0), end + QPointF(CAP_PX, 0))
            if last is not None:
                painter.drawLine(last, at)
            painter.setBrush(QColor(CURVES[0]))
            painter.drawEllipse(at, DOT_PX, DOT_PX)
            last = at
