"""The pages of the console that others fill, and what the console asks of them.

They are imported when they are shown for the first time: a run does not wait for the page of
recordings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtWidgets import QWidget

from gui.preferences import Preferences

__all__ = ["PAGES", "Asked", "Pages", "call", "checked"]


class Asked(Protocol):
    """What the page of the summary must be able to do."""

    def show_run(self, out_folder: Path) -> None:
        """Show what has come of the run that lies in this folder."""


@dataclass(frozen=True)
class Pages:
    """How each page is made.

    Attributes
    ----------
    setup : Callable
        From the preferences; the page has the signal ``begin(list)`` and ``focus_first()``.
    replay : Callable
        The page of recordings.
    summary : Callable
        The page after a run; it has ``show_run(folder)``.
    """

    setup: Callable[[Preferences], QWidget]
    replay: Callable[[], QWidget]
    summary: Callable[[], QWidget]


def _setup(preferences: Preferences) -> QWidget:
    from gui.setup.page import SetupPage

    return SetupPage(preferences)


def _replay() -> QWidget:
    from gui.replay.page import ReplayPage

    return ReplayPage()


def _summary() -> QWidget:
    from gui.summary.page import SummaryPage

    return SummaryPage()


PAGES = Pages(_setup, _replay, _summary)


def call(page: QWidget, name: str, *arguments: Any) -> bool:
    """Call a method that a page may have; return whether it has it."""
    method = getattr(page, name, None)
    if not callable(method):
        return False
    method(*arguments)
    return True


def checked(page: QWidget) -> bool:
    """Return whether a page of the set-up says that all of its checks are passed."""
    told = getattr(page, "checked", None)
    return bool(told() if callable(told) else told)
