"""The console as a guest in a run: its page is the run's window for as long as the run lasts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from gui.app import GuiNode, GuiOptions, Turns
from gui.window import OperatorWindow
from gui.words import State
from phosphene.clock import MonotonicClock
from phosphene.discretion import DiscreetLog
from phosphene.node import NodeContext, farewell
from phosphene.plan import Plan

__all__ = ["RunGuest"]


class RunGuest:
    """Takes the place of the run's node ``gui``.

    Parameters
    ----------
    plan_file : Path
        Plan of the run.
    participant_screen : str or None
        Name of the participant's screen.
    left : Callable
        Called once, when the page has left the run: with the error that made it leave, or None.
    observer_screen : str or None
        Name of the observers' screen.
    """

    def __init__(
        self,
        plan_file: Path,
        participant_screen: str | None,
        left: Callable[[Exception | None], None],
        observer_screen: str | None = None,
    ) -> None:
        self.plan = Plan.load(plan_file)
        self._left = left
        self._context = NodeContext("gui", self.plan, MonotonicClock(), guest=True)
        self._discreet = DiscreetLog(self._context.discretion)
        for handler in logging.getLogger().handlers:
            handler.addFilter(self._discreet)
        self._context.beat({}, force=True)
        self.node = GuiNode(self._context, GuiOptions(participant_screen, observer_screen))
        self._turns = Turns(self._context, self.node, lambda: True, self._leave)
        self._context.state = "ready"

    @property
    def page(self) -> OperatorWindow:
        """The run's window, to be laid into the console's."""
        return self.node.window

    def state(self) -> State:
        """Return the state of the run as one word."""
        return self.page.state()

    def blank(self) -> None:
        """Take every picture away, as the action does."""
        self.page.blank()

    def stop(self) -> None:
        """End the run as the action does: it asks while a recording is being written."""
        self.page.stop_run()

    def leave(self) -> None:
        """Leave the run: its process has ended."""
        self._turns.leave()

    def fail(self, error: Exception) -> None:
        """Leave the run because of an error; it gets an ordinary window."""
        self._turns.fail(error)

    def _leave(self) -> None:
        self.node.close()
        farewell(self._context, self.node.counts(), self._turns.error)
        self._context.close()
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self._discreet)
        self._left(self._turns.error)
