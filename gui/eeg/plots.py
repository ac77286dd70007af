"""Spectra and averages as plots."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel

from gui.eeg.averages import MOST_CLASSES, Average
from gui.eeg.colours import MOST_COLOURED, channel_colour
from gui.palette import CURVES, DIM
from gui.plot import Plot, figures_html, legend_html
from gui.texts import tr

__all__ = ["AveragePlot", "SpectrumPlot", "counts_words"]

FEW = 3
"""Up to so many classes the bands of error are drawn strongly."""
_NOTCH = "#d69ae0"
_SPREAD = (10, 90)

Floats = npt.NDArray[np.float64]


class SpectrumPlot(Plot):
    """Power spectra: every channel where there are few, else the chosen one against all."""

    def __init__(self) -> None:
        super().__init__(
            tr("Spectrum, dB (µV²/Hz)"),
            tr("waiting for 2 s"),
            MOST_COLOURED,
            timed=True,
            unit="Hz",
        )
        edges = [pg.PlotCurveItem(), pg.PlotCurveItem()]
        self._spread = pg.FillBetweenItem(*edges, brush=pg.mkBrush("#39424e"))
        self._spread.setZValue(-5)
        self._edges = edges
        self.box.addItem(self._spread, ignoreBounds=True)
        self.legend = _second_line(self)
        self.set_range((0.0, 60.0), (-20.0, 24.0))
        self._notches: list[tuple[pg.InfiniteLine, pg.TextItem]] = []

    def forget(self) -> None:
        """Take the curves away."""
        self.show_curves([])
        self.legend.setText("")
        self._spread.hide()
        for edge in self._edges:
            edge.clear()

    def show_spectra(
        self, frequencies: Floats, decibels: Floats, names: tuple[str, ...], chosen: int,
        good: npt.NDArray[np.bool_], notch_hz: tuple[float, ...],
    ) -> None:  # fmt: skip
        """Draw decibels (frequencies, channels) and mark where the notch is."""
        top_hz = min(frequencies[-1], max([60.0, *(1.3 * f for f in notch_hz)]))
        shown = (frequencies >= 1.0) & (frequencies <= top_hz)
        x, y = frequencies[shown], decibels[shown]
        n = len(names)
        if n <= MOST_COLOURED:
            curves = [(x, y[:, k]) for k in range(n)]
            colours = [channel_colour(k, chosen, n) for k in range(n)]
            self._spread.hide()
            legend = legend_html(list(names), "━&nbsp;", colours)
        else:
            basis = y[:, good] if good.any() else y
            # After a gap no channel has a whole segment for two seconds.
            basis = basis[:, np.isfinite(basis).all(axis=0)]
            curves, colours = [(x, y[:, chosen])], [channel_colour(chosen, chosen, n), DIM]
            self._spread.setVisible(basis.shape[1] > 0)
            if basis.shape[1]:
                curves.append((x, np.median(basis, axis=1)))
                for edge, share in zip(self._edges, _SPREAD, strict=True):
                    edge.setData(x, np.percentile(basis, share, axis=1))
            words = [names[chosen], tr("median of the good ones")]
            legend = legend_html(words, "━&nbsp;", colours) + figures_html(" ▒ 10–90 %")
        for line, colour in zip(self.curves, colours, strict=False):
            line.setPen(pg.mkPen(colour, width=1))
        # A channel without two whole seconds has no spectrum, and no line at the bottom either.
        whole = [(a, b) if np.isfinite(b).all() else (a[:0], b[:0]) for a, b in curves]
        if not self.show_curves(whole):
            return
        finite = np.concatenate([b[np.isfinite(b)] for _, b in curves] or [np.zeros(1)])
        low = float(np.floor((finite.min() if len(finite) else -20.0) / 10) * 10)
        high = float(np.ceil((finite.max() if len(finite) else 20.0) / 10) * 10)
        low = max(low, high - 70.0)
        self.set_range((0.0, float(top_hz)), (low, max(high, low + 20.0) + 4.0))
        self._mark_notches(notch_hz, max(high, low + 20.0) + 4.0)
        # Breaks between channels, never within one.
        legend = legend.replace("&nbsp;&nbsp;", "  ")
        if self.legend.text() != legend:
            self.legend.setText(legend)

    def _mark_notches(self, notch_hz: tuple[float, ...], top: float) -> None:
        while len(self._notches) < len(notch_hz):
            pen = pg.mkPen(_NOTCH, width=1, style=Qt.PenStyle.DashLine)
            line, text = pg.InfiniteLine(angle=90, pen=pen), pg.TextItem(color=_NOTCH)
            text.setAnchor((1, 0))
            for item in (line, text):
                self.box.addItem(item, ignoreBounds=True)
            self._notches.append((line, text))
        for (line, text), hz in zip(self._notches, notch_hz, strict=False):
            line.setValue(hz)
            text.setText(tr("notch {hz} Hz", hz=f"{hz:g}"))
            text.setPos(hz, top)


class AveragePlot(Plot):
    """Averages of the chosen channel by class, with a band of one standard error."""

    def __init__(self) -> None:
        super().__init__(
            tr("Average"), tr("waiting for the first epoch"), MOST_CLASSES, timed=True, unit="ms"
        )
        self._shown: tuple[object, ...] = ()
        self.counts = _second_line(self)
        self.counts.setToolTip(
            tr(
                "Epochs of each class in the average of this channel.\n"
                "Too large: left out because this channel went beyond the limit.\n"
                "No data: left out because samples were missing round the marker.\n"
                "The line at the top counts the decoder's epochs, which look at all channels at"
                " once."
            )
        )
        self.set_range((-200.0, 800.0), (-10.0, 10.0))
        self.set_figures(figures_html(tr("± standard error")))
        self.add_level(0.0, "#3a424d")
        self._onset = pg.InfiniteLine(0.0, angle=90, pen=pg.mkPen("#3a424d", width=1))
        self.box.addItem(self._onset, ignoreBounds=True)
        self._bands = []
        for _ in range(MOST_CLASSES):
            edges = (pg.PlotCurveItem(), pg.PlotCurveItem())
            band = pg.FillBetweenItem(*edges)
            band.setZValue(-5)
            self.box.addItem(band, ignoreBounds=True)
            self._bands.append((band, edges))

    def forget(self) -> None:
        """Take the curves away."""
        self._shown = ()
        self.show_curves([])
        self.counts.setText("")
        self.set_heading(tr("Average"))
        for band, edges in self._bands:
            band.hide()
            for edge in edges:
                edge.clear()

    def show_averages(
        self, times_ms: Floats, averages: list[Average], channel: str, note: str
    ) -> None:
        """Draw the averages; counts of epochs stand beside the names of the classes."""
        known = [a for a in averages if a.n]
        now = (channel, note, tuple((a.label, a.n, a.too_large, a.no_data) for a in averages))
        if now == self._shown:
            return
        self._shown = now
        self.set_heading(tr("Average {channel}, µV", channel=channel))
        self._tell_counts(known, [a for a in averages if not a.n], note)
        if not self.show_curves([(times_ms, a.mean_uv) for a in known]):
            return
        reach = 1.0
        for k, (band, edges) in enumerate(self._bands):
            shown = k < len(known) and known[k].n > 1
            band.setVisible(shown)
            if shown:
                colour = QColor(CURVES[k])
                colour.setAlpha(70 if len(known) <= FEW else 30)
                band.setBrush(pg.mkBrush(colour))
                mean, error = known[k].mean_uv, known[k].error_uv
                edges[0].setData(times_ms, mean - error)
                edges[1].setData(times_ms, mean + error)
                reach = max(reach, float(np.max(np.abs(mean) + error)))
        reach = max([reach, *(float(np.abs(a.mean_uv).max()) for a in known)]) * 1.1
        self.set_range((float(times_ms[0]), float(times_ms[-1])), (-reach, reach))

    def _tell_counts(self, known: list[Average], empty: list[Average], note: str) -> None:
        counts = legend_html([counts_words(a) for a in known], "━&nbsp;")
        more = [*(counts_words(a) for a in empty), *([note] if note else [])]
        if more:
            counts += f"<span style='color:{DIM}'>&nbsp;&nbsp;{', '.join(more)}</span>"
        # Breaks between classes, never within one.
        counts = counts.replace("&nbsp;&nbsp;", "  ")
        if self.counts.text() != counts:
            self.counts.setText(counts)


def counts_words(average: Average) -> str:
    """Word how many epochs are in an average, and why others are not."""
    why = ((average.too_large, tr("too large")), (average.no_data, tr("no data")))
    left_out = ", ".join(f"{n} {words}" for n, words in why if n)
    words = f"{average.label} {average.n}" + (f" ({left_out})" if left_out else "")
    return words.replace(" ", "&nbsp;")


def _second_line(plot: Plot) -> QLabel:
    """Add a line below the heading, which breaks where it is too long."""
    label = QLabel("")
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setWordWrap(True)
    label.setStyleSheet("font-size: 11px;")
    plot.layout().insertWidget(1, label)  # type: ignore[union-attr]
    return label
