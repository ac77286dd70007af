"""The right half of the window for EEG: traces above, spectrum and average, markers below."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.curves import Plotted
from gui.eeg.board import EegBoard, Look, TraceData
from gui.eeg.markers_view import MarkersView
from gui.eeg.plots import AveragePlot, SpectrumPlot
from gui.eeg.quality import ChannelState, quality_words
from gui.eeg.raster import nice
from gui.eeg.spectra import power_db, welch
from gui.eeg.stream import StreamFacts
from gui.eeg.tools import Tools
from gui.eeg.trace_view import TraceView
from gui.model import RunModel
from gui.palette import DIM
from gui.texts import tr
from gui.traces import Confidence, Latency
from phosphene.clock import Clock
from phosphene.plan import Plan

__all__ = ["EegPanel"]

REPAINT_S = 0.05
TICK_MS = 55
PLOTS_S = 0.2
SPECTRUM_EVERY_S = 0.5
SCALE_S = 1.0
WINDOW_S = 60.0
SETTLED_S = 20.0
_SCALES = tuple(f * 10.0**p for p in range(-1, 4) for f in (1, 2, 5))


class EegPanel(QWidget):
    """All EEG views.

    Parameters
    ----------
    model : RunModel
        What is shown.
    clock : Clock
        Present time.
    plan : Plan
        The run.
    hint : str
        Words where the traces will be.
    """

    def __init__(self, model: RunModel, clock: Clock, plan: Plan, hint: str) -> None:
        super().__init__()
        self._model, self._clock = model, clock
        self._look: Look = "wide"
        self._everything = self._fixed_scale = False
        self._first = self._chosen = 0
        self._painted_s = self._scaled_s = -1e9
        self._plotted_s = self._spectrum_s = -1e9
        self._version = self._curves_version = -1
        self._n = 0
        self._picked = False
        self.view = TraceView()
        self.view.hint = hint
        self.view.chosen.connect(self._choose)
        self.tools = Tools(
            self._page, self._toggle_everything, self._rescale, self._auto, self._toggle_look,
            lambda step: self._choose(self._chosen + step),
        )  # fmt: skip
        self.quality = QLabel("")
        self.quality.setStyleSheet(f"color: {DIM}; font-size: 11px;")
        self.quality.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.spectrum, self.average = SpectrumPlot(), AveragePlot()
        self.markers = MarkersView(plan.run)
        self.confidence = Confidence(
            plan.session.renderer.min_confidence, timed=True,
            bundle=plan.session.decoder.bundle is not None,
        )  # fmt: skip
        self.confidence.set_heading(tr("Confidence"))
        self.latency = Latency(tr("waiting for the first epoch"))
        self.of_brain = (self.spectrum, self.average, self.confidence)
        self._lay_out()
        self.timer = QTimer(self)
        self.timer.timeout.connect(self.tick)
        self.timer.start(TICK_MS)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.tools)
        column.addWidget(self.view, 14)
        column.addWidget(self.quality)
        rows = (
            (7, (self.spectrum, self.average), (1, 1)),
            (5, (self.markers, self.confidence, self.latency), (7, 8, 11)),
        )
        for share, widgets, widths in rows:
            row = QHBoxLayout()
            row.setSpacing(10)
            for widget, width in zip(widgets, widths, strict=True):
                row.addWidget(widget, width)
            column.addLayout(row, share)

    # ---- the operator's choices ----------------------------------------------------------------

    def _per_page(self) -> int:
        if self._everything:
            return max(1, self._n)
        pages = -(-self._n // self.view.fits())
        return max(1, -(-self._n // max(1, pages)))

    def _page(self, step: int) -> None:
        first = self._first + step * self._per_page()
        if 0 <= first < self._n:
            self._first = first
        self._now()

    def _toggle_everything(self) -> None:
        self._everything = not self._everything
        self._first = 0
        self._now()

    def _rescale(self, step: int) -> None:
        self._fixed_scale = True
        current = min(range(len(_SCALES)), key=lambda k: abs(_SCALES[k] - self.view.uv_per_row))
        self.view.uv_per_row = _SCALES[min(max(current + step, 0), len(_SCALES) - 1)]
        self._now()

    def _auto(self) -> None:
        self._fixed_scale, self._scaled_s = False, -1e9
        self._now()

    def _toggle_look(self) -> None:
        self._look = "band" if self._look == "wide" else "wide"
        self._auto()

    def _choose(self, channel: int) -> None:
        if self._n:
            self._picked = True
            self._chosen = channel % self._n
            self._plotted_s = self._spectrum_s = -1e9
            self._now()

    def _now(self) -> None:
        self._version = -1

    # ---- keeping up to date --------------------------------------------------------------------

    def tick(self) -> None:
        """Draw the traces where there is something new, and the plots now and then."""
        now = self._clock.now()
        if not self.isVisible() or now - self._painted_s < REPAINT_S:
            return
        version = self._model.eeg(lambda board: board.version)
        if version is not None and version != self._version:
            self._version, self._painted_s = version, now
            self._draw_traces(now)
        if now - self._plotted_s >= PLOTS_S:
            self._plotted_s = now
            self._draw_average()
        if now - self._spectrum_s >= SPECTRUM_EVERY_S:
            self._spectrum_s = now
            self._draw_spectrum()

    def _draw_traces(self, now: float) -> None:
        view = self.view

        def read(board: EegBoard) -> tuple[TraceData, list[int], list[ChannelState]] | None:
            self._n = len(board.channels)
            if board.header is None:
                return None
            first = min(self._first, max(0, self._n - 1))
            page = list(range(first, min(self._n, first + self._per_page())))
            fs_hz = board.header.fs_hz
            data = board.traces(view.seconds(fs_hz), view.per_bin(fs_hz), page, self._look)
            return None if data is None else (data, page, board.states())

        if (found := self._model.eeg(read)) is None:
            if self._model.eeg(lambda board: board.header) is None:
                self._forget()
            return
        data, page, states = found
        self._prefer_good(states, data.stop_s)
        if not self._fixed_scale and now - self._scaled_s >= SCALE_S:
            self._scaled_s = now
            self._follow(view.usual_swing_uv(data))
        view.show_traces(data, page, states, self._chosen)
        self._tell(page, states)

    def _forget(self) -> None:
        """Take away what was drawn of the signal: the model has forgotten it."""
        self.view.forget()
        self.spectrum.forget()
        self.average.forget()
        self.quality.setText("")
        self.quality.setToolTip("")

    def _prefer_good(self, states: list[ChannelState], until_s: float) -> None:
        """Start on a good channel: until somebody chooses one, or the signal has settled."""
        chosen = states[self._chosen] if self._chosen < len(states) else None
        if self._picked or chosen is None or chosen.flags in (None, 0):
            return
        good = next((k for k, state in enumerate(states) if state.good), None)
        if good is not None and until_s < SETTLED_S:
            self._chosen = good

    def _follow(self, wanted_uv: float) -> None:
        """Change an automatic scale only when it no longer suits: it must not breathe."""
        held = self.view.uv_per_row
        if wanted_uv and not (0.5 * held < wanted_uv < 1.4 * held):
            self.view.uv_per_row = max(nice(wanted_uv * 1.8), 0.1)

    def _tell(self, page: list[int], states: list[ChannelState]) -> None:
        names = self._model.eeg(lambda board: board.header)
        band = "" if names is None else f"{names.band_hz[0]:g}–{names.band_hz[1]:g} Hz"
        wide = self._look == "wide"
        look = tr("filter: 0.5 Hz up") if wide else tr("filter: decoder's {band}", band=band)
        if names is not None and names.notch_hz:
            look += tr(" + notch")
        words = ""
        if page:
            words = tr("{n} of {all}", n=f"{page[0] + 1}–{page[-1] + 1}", all=self._n)
        chosen = states[self._chosen].name if self._chosen < len(states) else ""
        self.tools.tell(words, tr("{uv} µV/row", uv=f"{self.view.uv_per_row:g}"), look, chosen)
        if self.quality.text() != (text := quality_words(states)):
            self.quality.setText(text)
            self.quality.setToolTip("\n".join(f"{s.name}: {s.word}" for s in states))

    def _draw_average(self) -> None:
        chosen = self._chosen
        found = self._model.eeg(lambda board: (board.channels, board.average_of(chosen)))
        if found is None or chosen >= len(found[0]):
            return
        names, (times_ms, averages, too_late) = found
        note = tr("{n} too late", n=too_late) if too_late else ""
        self.average.show_averages(times_ms, averages, names[chosen], note)

    def _draw_spectrum(self) -> None:
        found = self._model.eeg(lambda board: (board.newest_raw(), board.header, board.states()))
        if found is None:
            return
        raw, header, states = found
        if raw is None or header is None or self._chosen >= len(states):
            return
        rows, fs_hz = raw
        if len(rows) >= 2 * fs_hz:
            frequencies, density = welch(rows, fs_hz)
            good = np.array([s.good for s in states])
            self.spectrum.show_spectra(
                frequencies, power_db(density), header.channels, self._chosen, good, header.notch_hz
            )

    def update_from(self, plotted: Plotted) -> None:
        """Draw confidence and latency; what has not changed costs nothing."""
        if plotted.version == self._curves_version:
            return
        self._curves_version = plotted.version
        end_s = plotted.end_s()
        span = (max(0.0, end_s - WINDOW_S), max(end_s, WINDOW_S))
        for trace in (self.confidence, self.latency):
            trace.update_from(plotted, span)

    def tell_stream(self, facts: StreamFacts) -> None:
        """Show the markers with what acquisition counts."""
        log = self._model.eeg(lambda board: board.log())
        if log is not None:
            self.markers.tell(log, facts)
