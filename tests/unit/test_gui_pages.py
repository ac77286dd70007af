"""Every page in both languages: it fits, can be read, reached without a mouse, and read aloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gui_bench import drop, faint, faults_of_reach, left_running, misfits, screenshot

# The screens are set by now.
from PySide6.QtWidgets import QApplication, QTabWidget, QWidget  # isort: skip

from gui.console_pages import PAGES
from gui.console_window import ConsoleWindow
from gui.controls import help_box
from gui.language import has_letters
from gui.model import RunModel
from gui.palette import apply
from gui.preferences import Preferences
from gui.replay.compare_dialog import CompareDialog, ExistingDialog
from gui.replay.dialogs import KeyDialog
from gui.replay.page import ReplayPage
from gui.setup.page import SetupPage
from gui.setup.subject import Probes
from gui.summary.page import SummaryPage
from gui.texts import LANGUAGES, use
from gui.window import OperatorWindow
from phosphene.clock import FakeClock
from phosphene.doctor import Finding
from phosphene.plan import Plan
from phosphene.session import Session

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SOURCES: dict[str, dict[str, Any]] = {
    "fmri": {"kind": "recording", "path": "x"},
    "eeg": {"kind": "lsl-eeg", "source_ids": ["cap"]},
}


class Looks:
    """Looks that find nothing wrong, and nothing there."""

    def probes(self) -> Probes:
        return Probes(
            source=lambda _: (), streams=lambda _: (), free_bytes=lambda _: 2**40,
            why_not_writable=lambda _: "", why_not_readable=lambda _: "", renderer=lambda _: (),
            engine=lambda _: None, bundle=lambda _: None, grid=lambda *_: None,
            consent=lambda _: None,
            now=lambda: NOW, clock_trouble=lambda _: "", synchronised=lambda: True,
            presses=lambda _: 0, locked=lambda _: None, seal=lambda *_: (),
            swap=lambda: Finding("ok", "no swap"), filter=lambda _: Finding("hint", "none"),
        )  # fmt: skip

    def close(self) -> None:
        pass


def _run(modality: str) -> QWidget:
    fields = {"person": "p01", "modality": modality, "source": SOURCES[modality]}
    plan = Plan(run="r1", folder=Path("/"), mode="live" if modality == "eeg" else "replay",
                session=Session.model_validate(fields), nodes=("recorder", "gui"))  # fmt: skip
    window = OperatorWindow(
        plan, RunModel(plan), FakeClock(100.0), lambda *_: None, lambda: None, paint=lambda _: None
    )
    window.tell_phase(going=True, ended=False)
    window.refresh_board()
    return window


def _setup(folder: Path) -> SetupPage:
    return SetupPage(Preferences(folder / "console.ini"), looks=Looks(), state=folder)


def _console(folder: Path) -> ConsoleWindow:
    pages = replace(PAGES, setup=lambda _: _setup(folder))
    return ConsoleWindow(Preferences(folder / "console.ini"), None, lambda _: None, pages)


def _upon(make: Callable[[QWidget], QWidget]) -> QWidget:
    """Make a dialog whose parent lives as long as it."""
    parent = QWidget()
    made = make(parent)
    made.kept = parent  # type: ignore[attr-defined]
    return made


FACES: dict[str, Callable[[Path], QWidget]] = {
    "setup": _setup,
    "console": _console,
    "keys": lambda _: _upon(help_box),
    "sealed": lambda folder: _upon(lambda parent: KeyDialog(parent, folder / "run.mcap")),
    "compare": lambda folder: _upon(lambda parent: CompareDialog(parent, folder)),
    "compare-runs": lambda folder: _upon(lambda parent: ExistingDialog(parent, folder)),
    "run-fmri": lambda _: _run("fmri"),
    "run-eeg": lambda _: _run("eeg"),
    "summary": lambda _: SummaryPage(now=lambda: NOW),
    "replay": lambda _: ReplayPage(now=lambda: NOW),
}


@pytest.fixture(scope="module", autouse=True)
def look(qapp: QApplication) -> None:
    apply(qapp)


@pytest.fixture(params=[(name, code) for name in FACES for code in LANGUAGES], ids=" ".join)
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, QWidget]]:
    name, code = request.param
    use(code)
    made = FACES[name](tmp_path)
    made.show()
    QApplication.processEvents()
    yield f"{name}-{code}", made
    use("en")
    getattr(made, "shut", made.close)()
    assert not left_running(made)
    drop(made)


def _faces(page: QWidget) -> Iterator[str]:
    """Go through all tabs of a page."""
    tabs = page.findChildren(QTabWidget)
    yield ""
    for tab in tabs:
        for k in range(1, tab.count()):
            tab.setCurrentIndex(k)
            QApplication.processEvents()
            yield f"-{k}"


def test_a_page_fits_can_be_read_and_reached(page: tuple[str, QWidget]) -> None:
    name, made = page
    faults = []
    for face in _faces(made):
        found = misfits(made) + faults_of_reach(made) + faint(made)
        faults += [f"{name}{face}: {fault}" for fault in found]
        if name.endswith("-en") or has_letters("ja"):
            screenshot(made, f"{name}{face}")
    assert not faults, "\n".join(dict.fromkeys(faults))
