"""The EEG half of the window, loaded only in EEG runs: SciPy's signal package imports slowly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from gui.facts import Board
from gui.model import RunModel
from gui.texts import mark, told, tr
from phosphene.clock import Clock
from phosphene.consent import Scope, why_not
from phosphene.plan import Plan

if TYPE_CHECKING:
    from gui.eeg.panel import EegPanel
    from gui.eeg.stream_line import StreamLine

__all__ = ["EegViews", "traces_hint"]


def traces_hint(plan: Plan, now: datetime) -> str:
    """Say what the traces wait for."""
    denied = why_not(plan.consent, Scope.VIEW_OPERATOR, plan.session.person, now)
    if denied is None:
        return tr("waiting for the first samples")
    return tr("no traces: they need the consent to the operator's view ({why})", why=told(denied))


class EegViews:
    """Panel and stream line of an EEG run.

    Parameters
    ----------
    plan : Plan
        The run.
    model : RunModel
        What is shown.
    clock : Clock
        Present time.
    """

    def __init__(self, plan: Plan, model: RunModel, clock: Clock) -> None:
        from gui.eeg.panel import EegPanel
        from gui.eeg.stream_line import StreamLine

        self._model = model
        hint = traces_hint(plan, datetime.now(UTC))
        self.eeg: EegPanel = EegPanel(model, clock, plan, hint)
        self.panel: QWidget = self.eeg
        self.line: StreamLine = StreamLine()

    def refresh(self, board: Board, now_s: float, *, ended: bool) -> None:
        """Bring everything but the traces up to date: those have a timer of their own."""
        facts = self._model.stream(ended=ended)
        header = self._model.eeg(lambda board: board.header)
        channels = self._model.eeg(lambda board: len(board.channels))
        self.line.tell(facts, None if header is None else header.fs_hz, channels or 0)
        self.eeg.tell_stream(facts)
        self.eeg.update_from(self._model.plotted())
        percepts_s, epochs_s = (board.stale_s(k, now_s) for k in ("percept", "features"))
        self.eeg.confidence.tell_silence(percepts_s)
        self.eeg.latency.tell_age(epochs_s, mark("last epoch {age} s ago"))

    def stop(self) -> None:
        """End the timer of the traces."""
        self.eeg.timer.stop()
