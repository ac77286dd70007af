from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from gui.palette import apply
from gui.summary.keep import Deleted
from gui.summary.page import SummaryPage
from phosphene.consent import Consent, Scope
from phosphene.consent.withdrawal import withdraw
from phosphene.marking import LABEL
from phosphene.release import release
from phosphene.seal.keys import StewardKey
from phosphene.seal.places import note
from tests.unit.gui_bench import drop, faults_of_reach, left_running, misfits, screenshot
from tests.unit.replay_bench import NOW, run_messages, write
from tests.unit.test_summary_cores import report


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> None:
    apply(qapp)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    note("run begun", run="run-1", mode="pilot", records="openly")
    note("operator", run="run-1", action="blank")
    return tmp_path / "state"


@pytest.fixture
def page(qtbot: QtBot, look: None) -> Iterator[SummaryPage]:
    made = SummaryPage(now=lambda: NOW)
    made.resize(1280, 700)
    made.show()
    yield made
    made.shut()
    running = left_running(made)
    drop(made)
    assert not running


@pytest.fixture
def out(tmp_path: Path) -> Path:
    write(tmp_path / "out", run_messages())
    (tmp_path / "out" / "report.json").write_text(json.dumps(report()))
    (tmp_path / "out" / "report.html").write_text(LABEL)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    release(tmp_path / "out", "run-1", "AB", long_ago, lambda *_a, **_k: "")
    return tmp_path / "out"


def show(qtbot: QtBot, page: SummaryPage, folder: Path) -> None:
    page.show_run(folder)
    qtbot.waitUntil(lambda: page.bar.isHidden(), timeout=5000)


def test_figures_events_and_choices_of_a_run(page: SummaryPage, out: Path, qtbot: QtBot) -> None:
    show(qtbot, page, out)
    text = page.figures.toPlainText()
    assert "0.710" in text
    assert "chance" in text
    assert "run 2 held out" in text
    assert "3 of 12 (25 %)" in text
    assert "action blank" in page.events.toPlainText()
    assert "in order and signed" in page.events.toPlainText()
    assert page.buttons["delete"].isEnabled()
    assert page.buttons["export"].isEnabled()
    assert not page.buttons["xdf"].isVisible(), "an fMRI run has no EEG"
    screenshot(page, "summary")


def test_delete_asks_with_no_as_default_and_no_keeps_it(
    page: SummaryPage, out: Path, qtbot: QtBot
) -> None:
    show(qtbot, page, out)
    page.buttons["delete"].click()
    box = page.question
    assert box is not None
    assert not box.isModal()
    assert box.defaultButton() is box.button(QMessageBox.StandardButton.No)
    assert "recording.mcap" in box.text()
    screenshot(box, "summary-delete")
    box.button(QMessageBox.StandardButton.No).click()
    assert page.question is None
    assert (out / "recording.mcap").exists()


@pytest.mark.parametrize("sealed", [False, True])
def test_delete_erases_the_run_and_tells_everybody(
    page: SummaryPage, tmp_path: Path, qtbot: QtBot, sealed: bool
) -> None:
    folder = write(tmp_path / "o", run_messages(), StewardKey.new() if sealed else None).parent
    show(qtbot, page, folder)
    page.buttons["delete"].click()
    assert page.question is not None
    with qtbot.waitSignal(page.deleted) as told:
        page.question.button(QMessageBox.StandardButton.Yes).click()
    assert told.args == [folder]
    qtbot.waitUntil(lambda: page.bar.isHidden(), timeout=5000)
    assert list(folder.iterdir()) == []
    assert "1 files were deleted" in page.told.text()
    assert not page.buttons["delete"].isEnabled()
    log = (tmp_path / "state" / "audit.jsonl").read_text()
    assert '"erased"' in log
    assert f'"sealed":"{str(sealed).lower()}"' in log


def test_what_was_not_deleted_is_told_and_nothing_else(
    page: SummaryPage, out: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Deleted((), ("recording.mcap: NOT erased: busy",))
    monkeypatch.setattr("gui.summary.page.delete", lambda _choice: failed)
    show(qtbot, page, out)
    page.buttons["delete"].click()
    assert page.question is not None
    page.question.button(QMessageBox.StandardButton.Yes).click()
    qtbot.waitUntil(lambda: page.buttons["delete"].isEnabled(), timeout=5000)
    assert page.told.text() == "0 files were deleted.\nrecording.mcap: NOT erased: busy"


def test_keep_is_written_down(page: SummaryPage, out: Path, qtbot: QtBot) -> None:
    show(qtbot, page, out)
    page.buttons["keep"].click()
    qtbot.waitUntil(lambda: page.bar.isHidden(), timeout=5000)
    assert "Kept" in page.told.text()
    assert "kept" in page.events.toPlainText()


def test_without_consent_nothing_leaves_and_no_result_is_told(
    page: SummaryPage, tmp_path: Path, qtbot: QtBot
) -> None:
    write(tmp_path / "o", run_messages(scopes="record_brain record_images"))
    (tmp_path / "o" / "report.json").write_text(json.dumps(report()))
    (tmp_path / "o" / "report.html").write_text(LABEL)
    show(qtbot, page, tmp_path / "o")
    assert "0.710" not in page.figures.toPlainText()
    assert "view_operator" in page.figures.toPlainText()
    assert not page.buttons["export"].isEnabled()
    assert "export" in page.export_words.text()
    assert not page.buttons["report"].isEnabled(), "its pictures may not be shown"
    screenshot(page, "summary-no-consent")


def test_the_report_is_copied_where_it_may(
    page: SummaryPage, out: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    show(qtbot, page, out)
    assert page._shown is not None
    page._export(page._shown, tmp_path)
    qtbot.waitUntil(lambda: "copied" in page.told.text() and page.bar.isHidden(), timeout=5000)
    assert (tmp_path / "run-1-report" / "report.html").read_text() == LABEL
    assert "exported" in page.events.toPlainText()


def test_a_consent_withdrawn_while_the_page_is_open_lets_nothing_go(
    page: SummaryPage, tmp_path: Path, qtbot: QtBot, state: Path
) -> None:
    given = Consent(person="p01", scopes=frozenset(Scope), expires=NOW)
    write(tmp_path / "o", run_messages(consent_id=given.id))
    (tmp_path / "o" / "report.json").write_text(json.dumps(report()))
    (tmp_path / "o" / "report.html").write_text(LABEL)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    release(tmp_path / "o", "run-1", "AB", long_ago, lambda *_a, **_k: "")
    show(qtbot, page, tmp_path / "o")
    assert page.buttons["export"].isEnabled()
    assert page._shown is not None
    withdraw(given, "participant", NOW, state)
    page._export(page._shown, tmp_path)
    qtbot.waitUntil(lambda: "withdrawn" in page.told.text() and page.bar.isHidden(), timeout=5000)
    assert not (tmp_path / "run-1-report").exists()


def test_eeg_runs_offer_their_eeg(page: SummaryPage, tmp_path: Path, qtbot: QtBot) -> None:
    write(tmp_path / "o", run_messages())
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    release(tmp_path / "o", "run-1", "AB", long_ago, lambda *_a, **_k: "")
    (tmp_path / "o" / "report.json").write_text(json.dumps(report(modality="eeg", scan=None)))
    show(qtbot, page, tmp_path / "o")
    assert page.buttons["xdf"].isVisible()
    assert page.buttons["xdf"].isEnabled()
    assert faults_of_reach(page) == []


def test_the_recording_is_asked_for_in_the_replay_panel(
    page: SummaryPage, out: Path, qtbot: QtBot
) -> None:
    assert not page.buttons["replay"].isEnabled()
    show(qtbot, page, out)
    with qtbot.waitSignal(page.replay_asked) as told:
        page.buttons["replay"].click()
    assert told.args == [out]


def test_trouble_is_told_in_words(page: SummaryPage, tmp_path: Path, qtbot: QtBot) -> None:
    show(qtbot, page, tmp_path / "nothing")
    assert "does not exist" in page.told.text()
    (tmp_path / "empty").mkdir()
    show(qtbot, page, tmp_path / "empty")
    assert "neither a recording nor a report" in page.told.text()


def test_the_page_fits_and_everything_is_named(page: SummaryPage, out: Path, qtbot: QtBot) -> None:
    show(qtbot, page, out)
    assert misfits(page) == []
    assert faults_of_reach(page) == []
    assert page.minimumSizeHint().height() <= 600
