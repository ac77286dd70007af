"""The right half of the run's page: tabs with plots, slices, picture controls and the log.

What cannot be seen is not drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QTabWidget, QWidget

from gui.brain_panel import BrainPanel
from gui.eeg_views import EegViews
from gui.facts import Board
from gui.model import RunModel
from gui.paint_panel import PaintPanel
from gui.plots import Plots
from gui.spectra_plot import RegionSpectra
from gui.texts import tr
from gui.unshown import Unshown
from gui.words import State
from phosphene.clock import Clock
from phosphene.plan import Plan

if TYPE_CHECKING:
    from PySide6.QtWidgets import QPlainTextEdit

__all__ = ["Side"]

TURN_MS = 15
AT_ONCE = 6
"""So many plots are drawn each time: a picture never waits for all of them, and each time costs."""


class Side(QTabWidget):
    """The tabs of a run.

    Parameters
    ----------
    plan : Plan
        The run.
    model : RunModel
        What is shown.
    clock : Clock
        Present time.
    log : QPlainTextEdit
        The whole log.
    paint : Callable or None
        Asks the renderer for settings.
    """

    def __init__(
        self,
        plan: Plan,
        model: RunModel,
        clock: Clock,
        log: QPlainTextEdit,
        paint: Callable[[Mapping[str, str]], None] | None,
    ) -> None:
        super().__init__()
        self._model = model
        fmri = plan.session.modality == "fmri"
        renderer, bundle = plan.session.renderer, plan.session.decoder.bundle is not None
        self.plots = Plots(renderer.fps, renderer.min_confidence, bundle=bundle) if fmri else None
        self.spectra = RegionSpectra() if fmri else None
        self.brain = BrainPanel() if fmri else None
        self.eeg = None if fmri else EegViews(plan, model, clock)
        self.paint_panel = PaintPanel(plan, paint)
        pages: list[tuple[QWidget | None, str]] = [
            (self.plots, tr("Run")),
            (None if self.eeg is None else self.eeg.panel, tr("EEG")),
            (self.spectra, tr("Spectra")),
            (self.brain, tr("Brain")),
            (self.paint_panel, tr("Picture")),
            (log, tr("Log")),
        ]
        for page, words in pages:
            if page is not None:
                self.addTab(page, words)
        self.setDocumentMode(True)
        # With the keyboard the arrows change tabs; a click takes no focus from anybody.
        bar = self.tabBar()
        bar.setAccessibleName(tr("Panels of the run"))
        # The bar takes the focus for the whole: a policy of the whole would be the bar's.
        bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._unshown = Unshown(self._hints())
        self._turns = QTimer(self)
        self._turns.setInterval(TURN_MS)
        self._turns.timeout.connect(self._draw_next)
        self.currentChanged.connect(lambda _: self.draw())

    def _hints(self) -> list[QLabel]:
        """Return what stands in the places of all that tells of the person's brain."""
        plots = () if self.plots is None else (self.plots.signal, self.plots.confidence)
        slices = [page.slices.hint for page in (self.plots, self.brain) if page is not None]
        spectra = [] if self.spectra is None else [self.spectra.hint]
        panel = () if self.eeg is None else self.eeg.eeg.of_brain
        return [*(plot.hint for plot in (*plots, *panel)), *slices, *spectra]

    def draw(self) -> None:
        """Draw what has changed on the tab that is seen."""
        self._take()
        while self._draw_next():
            pass

    def _draw_next(self) -> bool:
        """Draw some of the plots that are behind; the timer ends when there is none."""
        more = self.plots is not None and all(self.plots.draw_next() for _ in range(AT_ONCE))
        if not more:
            self._turns.stop()
        return more

    def _take(self) -> None:
        plotted = self._model.plotted()
        for view in (self.plots, self.spectra):
            if view is not None:
                view.update_from(plotted)
        newest, regions = self._model.newest_map(), self._model.regions()
        if self.plots is not None:
            self.plots.show_map(newest, regions)
        if self.brain is not None:
            self.brain.show_brain(newest, regions)

    def refresh(self, board: Board, state: State, now_s: float, *, ended: bool) -> None:
        """Bring everything up to date.

        Parameters
        ----------
        board : Board
            Facts of the run.
        state : str
            State word.
        now_s : float
            Present time (LSL clock, seconds).
        ended : bool
            Whether no more data come.
        """
        self._unshown.tell(board.scopes)
        self._take()
        if self.plots is not None and not self._turns.isActive():
            self._turns.start()
        if self.eeg is not None:
            self.eeg.refresh(board, now_s, ended=ended)
        self.paint_panel.refresh(state, self._model.painting)

    def stop(self) -> None:
        """End the timers of the tabs."""
        self._turns.stop()
        if self.eeg is not None:
            self.eeg.stop()
