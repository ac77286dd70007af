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
from gui.words import State
from phosphene.plan import Plan

__all__ = ["PAGES", "Guest", "Left", "Pages", "call", "checked"]

Left = Callable[[Exception | None], None]


class Guest(Protocol):
    """The console's part in a run that is going on."""

    @property
    def plan(self) -> Plan:
        """Plan of the run."""
        ...

    @property
    def page(self) -> QWidget:
        """The run's window, to be laid into the console's."""
        ...

    def state(self) -> State:
        """Return the state of the run as one word."""
        ...

    def stop(self) -> None:
        """End the run as the action does: it asks while a recording is being written."""
        ...

    def leave(self) -> None:
        """Leave the run: its process has ended."""
        ...

    def fail(self, error: Exception) -> None:
        """Leave the run because of an error; it gets an ordinary window."""
        ...


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
    guest : Callable
        From the plan's file, the participant's screen, and what is called once it has left.
    """

    setup: Callable[[Preferences], QWidget]
    replay: Callable[[], QWidget]
    summary: Callable[[], QWidget]
    guest: Callable[[Path, str | None, Left], Guest]


def _setup(preferences: Preferences) -> QWidget:
    from gui.setup.page import SetupPage

    return SetupPage(preferences)


def _replay() -> QWidget:
    from gui.replay.page import ReplayPage

    return ReplayPage()


def _summary() -> QWidget:
    from gui.summary.page import SummaryPage

    return SummaryPage()


def _guest(plan_file: Path, participant_screen: str | None, left: Left) -> Guest:
    from gui.console_guest import RunGuest

    return RunGuest(plan_file, participant_screen, left)


PAGES = Pages(_setup, _replay, _summary, _guest)


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
