"""Recording is off at every start in the console, whatever the study file says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from setup_bench import Make, pages_in, study_in

from gui.palette import apply
from gui.setup.page import SetupPage
from phosphene.consent import Scope, load_consent, write_consent
from phosphene.errors import ConfigError
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.session_record import KINDS, read_kinds, recording_only
from tests.unit.gui_bench import faults_of_reach


@pytest.fixture
def make(qapp: QApplication, tmp_path: Path) -> Iterator[Make]:
    apply(qapp)
    with pages_in(tmp_path) as build:
        yield build


def recording_study(folder: Path) -> Path:
    file, consent = study_in(folder), folder / "consent.toml"
    scopes = frozenset({Scope.VIEW_SELF, Scope.RECORD_BRAIN, Scope.RECORD_IMAGES})
    write_consent(consent, load_consent(consent).model_copy(update={"scopes": scopes}),
                  replace=True)  # fmt: skip
    file.write_text(f'{file.read_text()}\n[recorder]\nout = "out"\n')
    return file


def said(page: SetupPage) -> str:
    return page.checks.text()


def begun(page: SetupPage, qtbot: QtBot) -> list[str]:
    page.consent.agrees.setChecked(True)
    page.consent.by.setText("AB")
    with qtbot.waitSignal(page.state_changed, timeout=5000):
        page.consent.button.click()
    with qtbot.waitSignal(page.begin, timeout=5000) as begins:
        page.start()
    assert begins.args is not None
    return list(begins.args[0])


def test_the_file_says_where_and_each_start_says_what(
    make: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    page = make()
    assert page.record_line.isHidden(), "this file names no folder"
    page.open_path(recording_study(tmp_path))
    page.show()
    assert not page.record_line.isHidden()
    assert not page.record_line.brain.isChecked()
    assert not page.record_line.pictures.isChecked()
    qtbot.waitUntil(lambda: "off: nothing is recorded" in said(page), timeout=5000)
    page.record_line.brain.click()
    qtbot.waitUntil(lambda: "on: into" in said(page), timeout=5000)
    assert faults_of_reach(page) == []
    assert begun(page, qtbot)[-2:] == ["--record", "brain"]
    assert page.record_line.kinds == frozenset(), "the next start begins with both off"
    page.record_line.pictures.click()
    page.open_path(recording_study(tmp_path))
    assert page.record_line.kinds == frozenset(), "another file, another start"


def session(**recorder: object) -> Session:
    return Session.model_validate(
        {"person": "p", "modality": "fmri", "source": {"kind": "folder", "path": "/in"},
         "recorder": recorder}
    )  # fmt: skip


def test_only_what_was_wanted_and_is_not_excluded_is_recorded() -> None:
    for kinds in (frozenset(), frozenset(KINDS[:1]), frozenset(KINDS[1:]), frozenset(KINDS)):
        kept = recording_only(session(out="/out"), kinds).recorder
        assert (kept.out is not None) == bool(kinds)
        assert (kept.brain, kept.images) == tuple(kind in kinds for kind in KINDS)
    assert recording_only(session(), KINDS).recorder.out is None
    assert not recording_only(session(out="/out", images=False), KINDS).recorder.images
    assert recording_only(session(out="/out", images=False), ["pictures"]).recorder.out is None
    plan = Plan(run="r", folder=Path("/"), mode="live",
                session=recording_only(session(out="/out"), ["pictures"]))  # fmt: skip
    again = Plan.model_validate_json(plan.model_dump_json()).session.recorder
    assert (again.brain, again.images) == (False, True)


def test_what_is_to_be_recorded_is_named_exactly() -> None:
    assert read_kinds("brain,pictures") == frozenset(KINDS)
    assert read_kinds("pictures") == {"pictures"}
    assert read_kinds("nothing") == frozenset()
    for text in ("", "all", "brain,nothing", "brain, pictures", "images"):
        with pytest.raises(ConfigError, match="--record"):
            read_kinds(text)
