"""One plot: 1-px pens, no grid, no mouse; built once and fed by `setData`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.history import Curve
from gui.palette import CURVES, DIM, PANEL, TEXT
from gui.texts import mark, tr

__all__ = ["Plot", "figures_html", "legend_html"]

AXIS_WIDTH_PX = 38
AXIS_HEIGHT_PX = 17
BARE_AXIS_HEIGHT_PX = 5
SMALL_PX = 10
STALE_OPACITY = 0.4


class _Bottom(pg.AxisItem):  # type: ignore[misc]
    """An axis whose numbers carry their unit, which needs no line of its own."""

    def __init__(self, unit: str) -> None:
        self._unit = unit  # before the axis asks for its first numbers
        super().__init__("bottom")

    def tickStrings(  # noqa: N802 (pyqtgraph's name)
        self, values: Sequence[float], scale: float, spacing: float
    ) -> list[str]:
        return [f"{value * scale:g} {self._unit}" for value in values]


class Plot(QWidget):
    """One plot with a heading, a line of figures and a hint while it is empty.

    Parameters
    ----------
    heading : str
        What is plotted, with its unit.
    hint : str
        What it is waiting for.
    curves : int
        Number of curves.
    timed : bool
        False hides the numbers of the time axis (the plot below has the same axis).
    unit : str
        Unit of the lower axis.
    """

    def __init__(
        self, heading: str, hint: str, curves: int = 1, *, timed: bool = False, unit: str = "s"
    ) -> None:
        super().__init__()
        self.heading = QLabel(heading)
        self.heading.setStyleSheet(f"color: {TEXT}; font-weight: 600;")
        self.figures = QLabel("")
        self.figures.setTextFormat(Qt.TextFormat.RichText)
        self.figures.setStyleSheet("font-size: 11px;")
        self.figures.setAlignment(Qt.AlignmentFlag.AlignRight)
        # Figures that grow must not push the window wider.
        self.figures.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.area = pg.GraphicsView(background=PANEL)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setMinimumHeight(40)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self._newest = ""
        self._tint: str | None = None
        self._age: str | None = None
        self._ticks: Mapping[float, str] | None = None
        self._make_axes(timed, unit)
        self.curves = [pg.PlotCurveItem(pen=pg.mkPen(CURVES[k], width=1)) for k in range(curves)]
        for curve in self.curves:
            self.box.addItem(curve, ignoreBounds=True)
        self.hint = QLabel(hint, self.area)
        self.hint.setWordWrap(True)
        self.hint.setMinimumHeight(0)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setStyleSheet(f"color: {DIM}; background: {PANEL}; padding: 2px 8px;")
        inside = QVBoxLayout(self.area)
        inside.setContentsMargins(AXIS_WIDTH_PX, 0, 0, AXIS_HEIGHT_PX if timed else 0)
        inside.addWidget(self.hint, 0, Qt.AlignmentFlag.AlignCenter)
        self._lay_out()

    def _make_axes(self, timed: bool, unit: str) -> None:
        """Put a view and two axes together; a whole plot item would bring menus for each."""
        layout = pg.GraphicsLayout()
        # Numbers at the ends of the axes reach beyond them.
        layout.setContentsMargins(0, 5 if timed else 0, 6 if timed else 0, 0)
        layout.setSpacing(0)
        self.area.setCentralItem(layout)
        self.box = pg.ViewBox(enableMenu=False, enableMouse=False)
        self.box.disableAutoRange()
        self.left, bottom = pg.AxisItem("left"), _Bottom(unit)
        for item, row, column in ((self.left, 0, 0), (self.box, 0, 1), (bottom, 1, 1)):
            layout.addItem(item, row, column)
        small = QFont(self.font())
        small.setPixelSize(SMALL_PX)
        for axis in (self.left, bottom):
            axis.linkToView(self.box)
            axis.setPen(pg.mkPen(DIM, width=1))
            axis.setTextPen(pg.mkPen(DIM))
            axis.setStyle(maxTickLevel=0, tickLength=-4, tickFont=small)
        self.left.setWidth(AXIS_WIDTH_PX)
        bottom.setStyle(showValues=timed, tickTextOffset=2)
        bottom.setHeight(AXIS_HEIGHT_PX if timed else BARE_AXIS_HEIGHT_PX)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.heading)
        top.addWidget(self.figures, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addLayout(top)
        column.addWidget(self.area, 1)

    def set_ticks(self, ticks: Mapping[float, str] | None) -> None:
        """Fix the numbers on the left axis; None lets them follow the range."""
        if ticks != self._ticks:
            self._ticks = ticks
            self.left.setTicks(None if ticks is None else [list(ticks.items())])

    def add_level(self, value: float, colour: str) -> pg.InfiniteLine:
        """Add a horizontal line, for a threshold."""
        line = pg.InfiniteLine(value, angle=0, pen=pg.mkPen(colour, width=1))
        self.box.addItem(line, ignoreBounds=True)
        return line

    def show_curves(self, curves: list[Curve]) -> bool:
        """Draw the curves; return False, and show the hint, when there is nothing to draw."""
        filled = any(len(x) for x, _ in curves)
        self.hint.setVisible(not filled)
        for line, (x, y) in zip(self.curves, curves, strict=False):
            line.setData(x, y)
        for line in self.curves[len(curves) :]:
            line.clear()
        return filled

    def tint(self, colour: str | None) -> None:
        """Give the plot another ground, to say that something is the matter; None for its own."""
        if colour != self._tint:
            self._tint = colour
            self.area.setBackground(PANEL if colour is None else colour)

    def set_range(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Set what is visible."""
        self.box.setRange(xRange=x, yRange=y, padding=0)

    def set_heading(self, words: str) -> None:
        """Set the words above the plot."""
        if self.heading.text() != words:
            self.heading.setText(words)

    def set_figures(self, html: str) -> None:
        """Set the figures on the right of the heading."""
        self._newest = html
        self._tell_figures()

    def tell_age(
        self, age_s: float | None, words: str = mark("{age} s ago"), **values: object
    ) -> None:
        """Grey figures and curves of data that stopped `age_s` seconds ago; None: they go on.

        Parameters
        ----------
        age_s : float or None
            Age of the newest data in seconds.
        words : str
            What is told in place of the figures: a marked sentence with ``{age}``.
        **values
            What else stands in that sentence.
        """
        was, self._age = (
            self._age,
            None if age_s is None else tr(words, age=f"{age_s:.0f}", **values),
        )
        if (was is None) != (self._age is None):
            for curve in self.curves:
                curve.setOpacity(1.0 if self._age is None else STALE_OPACITY)
        self._tell_figures()

    def _tell_figures(self) -> None:
        html = self._newest if self._age is None else figures_html(self._age)
        if self.figures.text() != html:
            self.figures.setText(html)


def figures_html(text: str) -> str:
    """Word figures in the quiet colour."""
    return f"<span style='color:{DIM}'>{text}</span>"


def legend_html(names: list[str], mark: str = "━ ", colours: Sequence[str] = CURVES) -> str:
    """Word the names of curves in the curves' colours."""
    words = [
        f"<span style='color:{colours[k % len(colours)]}'>{mark}{name}</span>"
        for k, name in enumerate(names)
    ]
    return "&nbsp;&nbsp;".join(words)
