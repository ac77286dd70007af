"""Draws what a window for other eyes shows: picture, score, words, cross, lamp, test card.

Everything is drawn anew with each painting into one plain widget, the lamp last: there is nothing
that could cover it.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen, QPolygonF

from gui import colours
from gui.texts import tr
from gui.viewers.state import CURVE_S, ViewerState

__all__ = ["draw_card", "draw_lamp", "draw_view", "lamp_place"]

LINE, BAR, RED = QColor("#e6e9ee"), QColor("#6cb6ff"), QColor("#ff3b30")
GREY, BLACK = QColor(colours.GREY), QColor("#000000")
_BAND, _WIDE_BAND, _LONG = 0.16, 0.24, 60
"""Share of the height for an instruction: a short one, and one of so many letters or more."""


def draw_view(painter: QPainter, area: QRect, view: ViewerState, image: QImage | None) -> None:
    """Draw a view on black.

    Parameters
    ----------
    painter : QPainter
        Where to.
    area : QRect
        The whole window.
    view : ViewerState
        What is shown.
    image : QImage or None
        Its picture.
    """
    painter.fillRect(area, BLACK)
    room = QRect(area)
    if view.instruction:
        band = round(area.height() * (_BAND if len(view.instruction) < _LONG else _WIDE_BAND))
        top = QRect(area.left(), area.top(), area.width(), band)
        # Both sides stay free, so that the words stand in the middle and beside the lamp.
        side = area.right() - lamp_place(area).left() + 12
        _words(painter, top.adjusted(side, 4, -side, -4), view.instruction, area.height() * 0.06)
        # As much below: what is looked at keeps its place when words come and go.
        room.adjust(0, band, 0, -band)
    if view.caption:
        low = round(area.height() * _BAND / 2)
        bottom = QRect(area.left(), area.bottom() + 1 - low, area.width(), low)
        _words(painter, bottom.adjusted(8, 2, -8, -2), view.caption, low * 0.42, GREY)
        room.setBottom(area.bottom() - low)
    if image is not None:
        _picture(painter, room, image)
    elif view.display == "thermometer" and view.score is not None:
        _thermometer(painter, room, view.score)
    elif view.display == "curve" and view.curve:
        _curve(painter, room, view.curve)
    elif view.display == "score" and view.score is not None:
        _words(painter, room, str(round(100 * view.score)), room.height() * 0.4)
    elif view.fixation:
        _cross(painter, QPointF(room.center()), area.height() * 0.035)


def _picture(painter: QPainter, room: QRect, image: QImage) -> None:
    """Draw a picture as large as it fits, pixel by pixel: nothing is smoothed into it."""
    size = image.size().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
    place = QRect(0, 0, size.width(), size.height())
    place.moveCenter(room.center())
    painter.drawImage(place, image)


def _thermometer(painter: QPainter, room: QRect, score: float) -> None:
    height, width = room.height() * 0.76, room.height() * 0.16
    left, top = room.center().x() - width / 2, room.top() + room.height() * 0.12
    level = top + height * (1 - score)
    painter.fillRect(QRectF(left, level, width, top + height - level), BAR)
    painter.setPen(QPen(LINE, 3))
    painter.drawRect(QRectF(left, top, width, height))
    for share in (0.0, 0.5, 1.0):
        y = top + height * share
        painter.drawLine(QPointF(left - width * 0.3, y), QPointF(left, y))
    painter.setPen(QPen(LINE, 5))
    painter.drawLine(QPointF(left, level), QPointF(left + width * 1.3, level))


def _curve(painter: QPainter, room: QRect, curve: tuple[tuple[float, float], ...]) -> None:
    area = QRectF(room).adjusted(
        room.width() * 0.1, room.height() * 0.15, -room.width() * 0.1, -room.height() * 0.15
    )
    painter.setPen(QPen(GREY, 1))
    painter.drawLine(QPointF(area.left(), area.center().y()),
                     QPointF(area.right(), area.center().y()))  # fmt: skip
    painter.setPen(QPen(LINE, 3))
    painter.drawLine(area.topLeft(), area.bottomLeft())
    painter.drawLine(area.bottomLeft(), area.bottomRight())
    points = [
        QPointF(area.right() - ago / CURVE_S * area.width(), area.bottom() - score * area.height())
        for ago, score in curve
    ]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(BAR, 4))
    painter.drawPolyline(QPolygonF(points))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(LINE)
    painter.drawEllipse(points[-1], 8.0, 8.0)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)


def _cross(painter: QPainter, middle: QPointF, arm: float) -> None:
    painter.setPen(QPen(LINE, max(3.0, arm / 4)))
    painter.drawLine(middle - QPointF(arm, 0), middle + QPointF(arm, 0))
    painter.drawLine(middle - QPointF(0, arm), middle + QPointF(0, arm))


def _words(
    painter: QPainter, room: QRect, text: str, size_px: float, colour: QColor = LINE
) -> None:
    """Write in the middle of a room, smaller where it would not fit."""
    flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
    font = QFont(painter.font())
    size = max(8, round(size_px))
    while True:
        font.setPixelSize(size)
        painter.setFont(font)
        needed = painter.boundingRect(room, flags, text)
        if size <= 8 or (needed.width() <= room.width() and needed.height() <= room.height()):
            break
        size -= max(1, size // 10)
    painter.setPen(colour)
    painter.drawText(room, flags, text)


def lamp_place(area: QRect) -> QRect:
    """Return where the recording lamp is: at the top right, never smaller than 14 pixels."""
    height = max(14, area.height() // 20)
    width = height * 3
    return QRect(area.right() + 1 - width - height // 2, area.top() + height // 2, width, height)


def draw_lamp(painter: QPainter, area: QRect) -> None:
    """Draw the lamp of a run that is recorded: a red disc, and its word."""
    place = lamp_place(area)
    side = place.height()
    disc = QRectF(place.right() + 1 - side, place.top(), side, side).adjusted(2, 2, -2, -2)
    painter.fillRect(place.adjusted(-2, -2, 2, 2), BLACK)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(LINE, 2))
    painter.setBrush(RED)
    painter.drawEllipse(disc)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    _words(painter, place.adjusted(0, 0, -side - 2, 0), tr("REC"), side * 0.8)


def draw_card(painter: QPainter, area: QRect, number: int) -> None:
    """Draw the test card: a frame along the outermost pixels, a circle, greys, a number."""
    painter.fillRect(area, BLACK)
    painter.setPen(QPen(LINE, 1))
    painter.drawRect(area.adjusted(0, 0, -1, -1))
    side = min(area.width(), area.height()) * 0.8
    middle = QPointF(area.center())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.drawEllipse(middle, side / 2, side / 2)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    painter.drawLine(QPointF(area.left(), middle.y()), QPointF(area.right(), middle.y()))
    painter.drawLine(QPointF(middle.x(), area.top()), QPointF(middle.x(), area.bottom()))
    greys, step = 8, side / 16
    for k in range(greys):
        shade = round(255 * k / (greys - 1))
        left = middle.x() + (k - greys / 2) * step
        painter.fillRect(QRectF(left, middle.y() + side * 0.28, step, side * 0.1),
                         QColor(shade, shade, shade))  # fmt: skip
    painter.drawRect(QRectF(middle.x() - greys / 2 * step, middle.y() + side * 0.28,
                            greys * step, side * 0.1))  # fmt: skip
    room = QRect(0, 0, round(side * 0.6), round(side * 0.34))
    room.moveCenter(area.center())
    painter.fillRect(room, BLACK)
    _words(painter, room, str(number), side * 0.3)
