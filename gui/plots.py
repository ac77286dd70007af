"""The column of plots on the right: quality, signal, confidence, latency, frame interval."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QVBoxLayout, QWidget

from gui.alarms import FD_HIGH_MM, FD_NOTE_MM
from gui.blocks import Bands
from gui.curves import MOST_BLOCKS, STAGES, Plotted
from gui.history import median
from gui.palette import DIM
from gui.plot import Plot, figures_html, legend_html

__all__ = ["Plots"]

WINDOW_S = {"fmri": 240.0, "eeg": 60.0}
INTERVAL_WINDOW_S = 8.0
SIGNAL = {
    "fmri": "Signal of regions, % change",
    "eeg": "Channel amplitude (rms), µV",
    "features": "Signal: first features",
}
NOTE_COLOUR, HIGH_COLOUR, AIM_COLOUR = "#8a7a3a", "#b04a4a", "#4a7a4a"


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
        self._modality, self._fmri, self._fps = modality, modality == "fmri", fps
        self._window_s = WINDOW_S[modality]
        self._version = -1
        unit = "volume" if self._fmri else "epoch"
        heading = "Head motion (FD), mm" if self._fmri else "Channel quality"
        self.quality = Plot(heading, f"waiting for the first {unit}")
        if self._fmri:
            self.quality.add_level(FD_NOTE_MM, NOTE_COLOUR)
            self.quality.add_level(FD_HIGH_MM, HIGH_COLOUR)
        self.regions = Plot("Signal", f"waiting for the first {unit}", curves=3)
        self._bands = Bands(self.regions.plot.vb, MOST_BLOCKS)
        self.confidence = Plot("Confidence", "waiting for the first percept")
        self.confidence.set_ticks({0.0: "0", 0.5: "0.5", 1.0: "1"})
        self._chance = self.confidence.add_level(0.0, DIM)
        self._chance.hide()
        if min_confidence > 0:
            self.confidence.add_level(min_confidence, NOTE_COLOUR)
        self.latency = Plot("Latency, ms", f"waiting for the first {unit}", 3, "run time, s")
        self.latency.plot.setLogMode(y=True)
        self.latency.set_ticks({float(k): f"{10**k}" for k in range(5)})
        self.interval = Plot("Frame interval, ms", "waiting for the first frame", 1, "s before now")
        self.interval.add_level(1000.0 / fps, AIM_COLOUR)
        self.interval.set_ticks({k * 1000 / fps: f"{k * 1000 / fps:.0f}" for k in range(3)})
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        rows = (self.quality, self.regions, self.confidence, self.latency, self.interval)
        tops = (0.6, 1.0, 1.08, 3.15, 2200.0 / fps)
        for plot, share, top in zip(rows, (9, 11, 9, 12, 12), tops, strict=True):
            column.addWidget(plot, share)
            plot.set_range((0.0, 60.0), (0.0, top))
        self.quality.set_ticks(_fd_ticks(0.6))
        self.regions.set_ticks({})
        self.interval.set_range((-INTERVAL_WINDOW_S, 0.0), (0.0, tops[-1]))

    def update_from(self, plotted: Plotted) -> None:
        """Draw what is given; what has not changed costs nothing."""
        self._update_interval(plotted)
        if plotted.version == self._version:
            return
        self._version = plotted.version
        times = [plotted.confidence, plotted.latency_ms["acquire"], plotted.quality]
        end_s = max([float(x[-1]) for x, _ in times if len(x)], default=0.0)
        span = (max(0.0, end_s - self._window_s), max(end_s, min(60.0, self._window_s)))
        self._update_quality(plotted, span)
        self._update_regions(plotted, span)
        self._update_confidence(plotted, span)
        self._update_latency(plotted, span)

    def _update_quality(self, plotted: Plotted, span: tuple[float, float]) -> None:
        if not self.quality.show_curves([plotted.quality]):
            return
        values = plotted.quality[1]
        top = max(0.6 if self._fmri else 1.0, float(values.max()) * 1.1)
        self.quality.set_range(span, (min(0.0, float(values.min())), top))
        if self._fmri:
            self.quality.set_ticks(_fd_ticks(top))
        else:
            self.quality.set_ticks(None)
            self.quality.set_heading(f"Channel quality: {plotted.quality_name.replace('_', ' ')}")
            self.quality.set_figures(figures_html(f"now {values[-1]:.3g}"))
            return
        above = float(np.mean(values > FD_HIGH_MM)) * 100
        self.quality.set_figures(
            figures_html(
                f"now {values[-1]:.2f} · mean {values.mean():.2f} · "
                f"above {FD_HIGH_MM}: {above:.0f} %"
            )
        )

    def _update_regions(self, plotted: Plotted, span: tuple[float, float]) -> None:
        curves = list(plotted.regions.values())
        if not self.regions.show_curves(curves):
            return
        visible = np.concatenate([y[x >= span[0]] for x, y in curves])
        finite = visible[np.isfinite(visible)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        margin = 0.08 * (high - low) or 1.0
        # Room above the curves for the names of the conditions.
        low, high = low - margin, high + 4 * margin
        self.regions.set_ticks(None)
        self.regions.set_range(span, (low, high))
        self.regions.set_heading(SIGNAL[self._modality if plotted.measured else "features"])
        self.regions.set_figures(legend_html(list(plotted.regions)))
        self._bands.show(plotted.blocks, low, high)

    def _update_confidence(self, plotted: Plotted, span: tuple[float, float]) -> None:
        if not self.confidence.show_curves([plotted.confidence]):
            return
        self.confidence.set_range(span, (0.0, 1.08))
        values = plotted.confidence[1]
        words = f"now {values[-1]:.2f} · mean {values.mean():.2f}"
        if plotted.chance is not None:
            self._chance.setValue(plotted.chance)
            self._chance.show()
            words += f" · chance {plotted.chance:.2f} (grey line)"
        self.confidence.set_figures(figures_html(words))

    def _update_latency(self, plotted: Plotted, span: tuple[float, float]) -> None:
        # A log axis cannot show 0; below 1 ms no difference matters.
        curves = [
            (x, np.maximum(y, 1.0)) for x, y in (plotted.latency_ms[stage] for stage in STAGES)
        ]
        if not self.latency.show_curves(curves):
            return
        top = max(float(y.max()) for _, y in curves if len(y))
        self.latency.set_range(span, (-0.15, max(3.15, float(np.log10(top)) + 0.2)))
        words = []
        for stage in STAGES:
            middle = median(plotted.latency_ms[stage])
            words.append(f"{stage} –" if middle is None else f"{stage} {middle:.0f}")
        self.latency.set_figures(legend_html(words))

    def _update_interval(self, plotted: Plotted) -> None:
        if not self.interval.show_curves([plotted.interval_ms]):
            return
        values = plotted.interval_ms[1]
        top = max(2200.0 / self._fps, float(values.max()) * 1.1)
        self.interval.set_range((-INTERVAL_WINDOW_S, 0.0), (0.0, top))
        middle, late = float(np.median(values)), float(np.percentile(values, 99))
        self.interval.set_figures(
            figures_html(
                f"{1000 / max(middle, 1e-3):.1f} frames/s · median {middle:.0f} · 99 % {late:.0f}"
            )
        )


def _fd_ticks(top_mm: float) -> dict[float, str]:
    values = (0.0, FD_NOTE_MM, FD_HIGH_MM) if top_mm < 1.0 else (0.0, FD_HIGH_MM, 1.0, 2.0)
    return {v: f"{v:.2g}" for v in (values if top_mm < 3.0 else (0.0, top_mm / 2, top_mm * 0.95))}
