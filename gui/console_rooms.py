"""The console's pages of what was recorded, made when they are first needed, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from gui.console_pages import Pages
from gui.console_parts import RecordingsPage, RunSummary

__all__ = ["Rooms"]


class Rooms:
    """The summary and the recordings, and the page from which the recordings were entered.

    Parameters
    ----------
    pages : Pages
        How the pages are made.
    replay_asked : Callable
        Called with the folder of a run that is to be opened among the recordings.

    Attributes
    ----------
    summary : RunSummary or None
        The page after a run; None before the first.
    replay : RecordingsPage or None
        The page of recordings; None before it was first entered.
    """

    def __init__(self, pages: Pages, replay_asked: Callable[[Path], None]) -> None:
        self._pages, self._asked = pages, replay_asked
        self.summary: RunSummary | None = None
        self.replay: RecordingsPage | None = None
        self._origin: tuple[QWidget, bool] | None = None

    def summary_of(self, folder: Path) -> RunSummary:
        """Return the summary, showing the run in a folder."""
        if self.summary is None:
            self.summary = self._pages.summary()
            # The recording that is asked for is opened, a deleted one let go of.
            self.summary.replay_asked.connect(self._asked)
            self.summary.deleted.connect(self._let_go)
        self.summary.show_run(folder)
        return self.summary

    def recordings(self, origin: QWidget, *, over: bool) -> RecordingsPage:
        """Return the page of recordings, entered from a page; `over`: a run had ended there."""
        if self.replay is None:
            self.replay = self._pages.replay()
        if origin is not self.replay.widget():
            self._origin = (origin, over)
        return self.replay

    def origin(self) -> tuple[QWidget, bool] | None:
        """Return from where the recordings were last entered, and whether a run had ended there."""
        return self._origin

    def focus(self, page: QWidget) -> None:
        """Put the keys on a page that was come back to."""
        if self.summary is not None and page is self.summary.widget():
            self.summary.focus_first()
        else:
            page.setFocus()

    def _let_go(self, _folder: Path) -> None:
        if self.replay is not None:
            self.replay.close_recording()

    def shut(self) -> None:
        """End whatever the pages have going on."""
        for page in (self.replay, self.summary):
            if page is not None:
                page.shut()
