"""How the console makes its pages.

They are imported when they are shown for the first time: a run does not wait for the page of
recordings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from gui.console_parts import Guest, Left, RecordingsPage, RunSetup, RunSummary
from gui.preferences import Preferences

__all__ = ["PAGES", "Pages", "pages_for"]


@dataclass(frozen=True)
class Pages:
    """How each page is made.

    Attributes
    ----------
    setup : Callable
        From the preferences.
    replay : Callable
        The page of recordings.
    summary : Callable
        The page after a run.
    guest : Callable
        From the plan's file, the participant's screen, and what is called once it has left.
    """

    setup: Callable[[Preferences], RunSetup]
    replay: Callable[[], RecordingsPage]
    summary: Callable[[], RunSummary]
    guest: Callable[[Path, str | None, Left], Guest]


def _setup(preferences: Preferences) -> RunSetup:
    from gui.setup.page import SetupPage

    return SetupPage(preferences)


def _replay() -> RecordingsPage:
    from gui.replay.page import ReplayPage

    return ReplayPage()


def _summary() -> RunSummary:
    from gui.summary.page import SummaryPage

    return SummaryPage()


def _guest(
    plan_file: Path, participant_screen: str | None, left: Left, observer_screen: str | None = None
) -> Guest:
    from gui.console_guest import RunGuest

    return RunGuest(plan_file, participant_screen, left, observer_screen)


PAGES = Pages(_setup, _replay, _summary, _guest)


def pages_for(observer_screen: str | None) -> Pages:
    """Return the pages of a console whose observers have a screen of their own."""

    def guest(plan_file: Path, participant_screen: str | None, left: Left) -> Guest:
        return _guest(plan_file, participant_screen, left, observer_screen)

    return replace(PAGES, guest=guest)
