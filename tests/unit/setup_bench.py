"""What tests of the set-up page share: looks that find what a test says, and study files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import gui_bench as bench
from pytestqt.qtbot import QtBot

from gui.preferences import Preferences
from gui.setup.page import SetupPage
from gui.setup.probes import _consent
from gui.setup.subject import Probes
from phosphene.consent import Consent, Scope, write_consent
from phosphene.doctor import Finding

STUDY = """\
# The study of a test.
person = "p01"      # pseudonym
modality = "fmri"

[source]
kind = "folder"     # a scanner writes to it
path = "incoming"

[gate]
consent = "consent.toml"

[consent]
unsigned = true

[stop]
none = "nobody takes part in this test"
"""


def study_in(folder: Path, language: Literal["en", "ja"] = "en") -> Path:
    """Write a study, its consent and its source."""
    (folder / "incoming").mkdir(exist_ok=True)
    scopes = frozenset({Scope.VIEW_SELF, Scope.VIEW_OPERATOR})
    until = datetime.now(UTC) + timedelta(days=9)
    consent = Consent(person="p01", scopes=scopes, expires=until, language=language)
    write_consent(folder / "consent.toml", consent, replace=True)
    file = folder / "study.toml"
    file.write_text(STUDY)
    return file


class Looks:
    """Finds everything fine, but for what a test says."""

    def __init__(self, **instead: Any) -> None:
        self.instead = instead
        self.threads: list[str] = []
        self.closed = 0

    def probes(self) -> Probes:
        """Return all looks."""
        self.threads.append(threading.current_thread().name)
        fine: dict[str, Callable[..., Any]] = {
            "source": lambda session: [Finding("ok", "folder: there")],
            "streams": lambda subject: (),
            "free_bytes": lambda path: 2**40,
            "why_not_writable": lambda path: "",
            "why_not_readable": lambda path: "",
            "renderer": lambda settings: [Finding("ok", "weights are there")],
            "engine": lambda name: None,
            "bundle": lambda subject: None,
            "grid": lambda bundle, source: None,
            "consent": _consent,
            "now": lambda: datetime.now(UTC),
            "clock_trouble": lambda now: "",
            "synchronised": lambda: True,
            "presses": lambda settings: 1,
            "locked": lambda subject: None,
            "seal": lambda session, consent: (),
            "swap": lambda: Finding("ok", "no swap"),
            "filter": lambda settings: Finding("hint", "none"),
        }
        return Probes(**(fine | self.instead))

    def close(self) -> None:
        """Count how often it was let go."""
        self.closed += 1


Make = Callable[..., SetupPage]


@contextmanager
def pages_in(folder: Path) -> Iterator[Make]:
    """Lend what shows set-up pages; afterwards nothing of them may be left.

    What is said to it by name stands in the place of the looks of `Looks`.
    """
    made: list[SetupPage] = []

    def build(**instead: Any) -> SetupPage:
        page = SetupPage(
            Preferences(folder / "console.ini"), looks=Looks(**instead), state=folder / "state"
        )
        page.watch._round_s = 0.05
        page.resize(*bench.LEAST_PX)
        page.show()
        made.append(page)
        return page

    yield build
    for page in made:
        page.shut()
        assert bench.left_running(page) == []
        assert not page.watch.running
        bench.drop(page)


def until(qtbot: QtBot, page: SetupPage, state: str) -> None:
    """Wait for a state of the page."""
    qtbot.waitUntil(lambda: page.state == state, timeout=5000)
