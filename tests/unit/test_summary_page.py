from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from gui.palette import apply
from gui.summary.keep import Deleted
from gui.summary.page import SummaryPage
from gui.texts import use
from phosphene.consent import Consent, Scope
from phosphene.consent.withdrawal import withdraw
from phosphene.marking import LABEL
from phosphene.seal.keys import StewardKey
from phosphene.seal.places import note
from tests.unit.gui_bench import faults_of_reach, misfits, screenshot, standing
from tests.unit.replay_bench import NOW, run_messages, write
from tests.unit.summary_bench import reported


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
    with standing(SummaryPage(now=lambda: NOW)) as made:
        yield made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return reported(tmp_path / "out", run_messages())


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
    shown = re.search(r"kept elsewhere: (\d+:[0-9a-f]{64})", page.events.toPlainText())
    assert shown, "the head can be copied from here"
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


def test_in_japanese_the_question_is_answered_in_japanese(
    page: SummaryPage, out: Path, qtbot: QtBot, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: use("en"))
    use("ja")
    show(qtbot, page, out)
    page.buttons["delete"].click()
    box = page.question
    assert box is not None
    for which, words in (("Yes", "はい"), ("No", "いいえ")):
        button = box.button(QMessageBox.StandardButton[which])
        assert button.text() == words
        assert button.accessibleName() == words
    assert "消えるもの" in box.text()


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


def test_what_was_left_the_first_time_can_be_deleted_later(
    page: SummaryPage, out: Path, qtbot: QtBot
) -> None:
    (out / "recording.mcap").unlink()
    show(qtbot, page, out)
    assert "The recording is gone" in page.choice_words.text()
    assert not page.buttons["keep"].isEnabled()
    page.buttons["delete"].click()
    box = page.question
    assert box is not None
    assert "the report: report.html, report.json" in box.text()
    assert "sealed" not in box.text()
    box.button(QMessageBox.StandardButton.Yes).click()
    qtbot.waitUntil(lambda: "files were deleted" in page.told.text(), timeout=5000)
    assert list(out.iterdir()) == []


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
    reported(tmp_path / "o", run_messages(scopes="record_brain record_images"))
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
    reported(tmp_path / "o", run_messages(consent_id=given.id))
    show(qtbot, page, tmp_path / "o")
    assert page.buttons["export"].isEnabled()
    assert page._shown is not None
    withdraw(given, "participant", NOW, state)
    page._export(page._shown, tmp_path)
    qtbot.waitUntil(lambda: "withdrawn" in page.told.text() and page.bar.isHidden(), timeout=5000)
    assert not (tmp_path / "run-1-report").exists()


@pytest.mark.parametrize("made", [True, False])
def test_of_somebody_who_has_withdrawn_no_report_is_made_or_opened(
    page: SummaryPage, tmp_path: Path, qtbot: QtBot, state: Path, made: bool
) -> None:
    given = Consent(person="p01", scopes=frozenset(Scope), expires=NOW)
    folder = reported(tmp_path / "o", run_messages(consent_id=given.id),
                      counts={"percepts": 0, "frames_recorded": 0})  # fmt: skip
    if not made:
        (folder / "report.json").unlink()
    show(qtbot, page, folder)
    assert page.buttons["report"].isEnabled() == made
    assert page.buttons["make"].isVisible() != made
    withdraw(given, "participant", NOW, state)
    show(qtbot, page, folder)
    assert not page.buttons["report"].isEnabled()
    assert not page.buttons["make"].isVisible()
    if not made:
        assert "No report is made: the consent was withdrawn" in page.figures.toPlainText()


def test_what_was_decoded_is_not_opened_without_the_right_to_results(
    page: SummaryPage, tmp_path: Path, qtbot: QtBot
) -> None:
    counts = {"percepts": 12, "frames_recorded": 0}
    show(qtbot, page, reported(tmp_path / "a", run_messages(scopes="record_brain"), counts=counts))
    assert not page.buttons["report"].isEnabled()
    counts = {"percepts": 0, "frames_recorded": 0}
    show(qtbot, page, reported(tmp_path / "b", run_messages(scopes="record_brain"), counts=counts))
    assert page.buttons["report"].isEnabled(), "figures of quality alone"


def test_eeg_runs_offer_their_eeg(page: SummaryPage, tmp_path: Path, qtbot: QtBot) -> None:
    reported(tmp_path / "o", run_messages(), modality="eeg", scan=None)
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
