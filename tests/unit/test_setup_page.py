from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gui_bench as bench
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot
from setup_bench import Make, pages_in, study_in, until

from gui.console import _prepare
from gui.language import speak
from gui.palette import apply
from gui.setup import consent_view
from gui.setup.editors import BoxEditor, ChoiceEditor, LineEditor
from gui.setup.page import SetupPage
from gui.setup.probes import World
from gui.setup.rows import RowsEditor
from phosphene.seal.bundles import seal_bundle
from phosphene.seal.keys import StewardKey
from tests.unit.test_phosphene_bundle_store import here

PHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> None:
    apply(qapp)


@pytest.fixture
def make(look: None, tmp_path: Path) -> Iterator[Make]:
    with pages_in(tmp_path) as build:
        yield build


def confirm(page: SetupPage) -> None:
    page.consent.agrees.setChecked(True)
    page.consent.by.setText("AB")
    page.consent.button.click()


def shot(page: SetupPage, name: str) -> None:
    QApplication.processEvents()
    bench.screenshot(page, name)


def line(page: SetupPage, name: str) -> LineEditor:
    found = page.forms["live"].editor(name)
    assert isinstance(found, LineEditor)
    return found


def test_nothing_begins_before_the_words_are_confirmed(
    make: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    page = make()
    page.open_path(study_in(tmp_path))
    qtbot.waitUntil(lambda: "Confirmed in words: not ready" in page.checks.text(), timeout=5000)
    assert not page.checked()
    assert not page.button.isEnabled()
    begun: list[list[str]] = []
    page.begin.connect(lambda words, _secret: begun.append(words))
    page.start()
    assert begun == [], "nor by its key"
    assert "guesses" in page.consent.words.toPlainText()
    page.consent.by.setText("AB")
    assert not page.consent.button.isEnabled(), "the person has not agreed"
    with qtbot.waitSignal(page.state_changed, timeout=5000) as told:
        confirm(page)
    assert told.args == ["CHECKED"]
    assert page.button.isEnabled()
    assert page.consent.confirmation is not None
    words_sha256 = page.consent.confirmation.words_sha256
    page.tabs.setCurrentWidget(page.consent)
    shot(page, "setup-consent")
    page.start()
    file = str((tmp_path / "study.toml").resolve())
    assert [words[:6] for words in begun] == [
        ["live", file, "--confirmed-by", "AB", "--language", "en"]
    ]
    assert begun[0][6:] == ["--confirmed-words", words_sha256]
    assert page.state == "IDLE"
    assert page.consent.confirmation is None, "a confirmation belongs to one start"
    assert not page.watch.running, "the run needs the devices"
    page.start()
    assert len(begun) == 1


def test_a_level_that_is_raised_later_makes_the_confirmation_void(
    make: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    page = make()
    page.open_path(study_in(tmp_path))
    page.forms["live"].change(("gate", "level_self"), 2)
    page.save_file()
    confirm(page)
    until(qtbot, page, "CHECKED")
    page.forms["live"].change(("gate", "level_self"), 4)
    assert page.state == "IDLE"
    assert page.consent.confirmation is None
    page.save_file()
    qtbot.waitUntil(lambda: "Confirmed in words: not ready" in page.checks.text(), timeout=5000)


def test_words_in_another_language_are_agreed_to_anew(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consent_view, "why_not_shown", lambda language: "")
    page = make()
    page.open_path(study_in(tmp_path))
    page.consent.agrees.setChecked(True)
    page.consent.language.setCurrentIndex(page.consent.language.findData("ja"))
    page.consent.language.activated.emit(1)
    assert not page.consent.agrees.isChecked()
    assert "同意" in page.consent.words.toPlainText()
    confirm(page)
    assert page.consent.confirmation is not None
    assert page.consent.confirmation.language == "ja"


def test_words_that_nobody_could_read_are_not_offered(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = {"en": "", "ja": "no font"}
    monkeypatch.setattr(consent_view, "why_not_shown", without.__getitem__)
    page = make()
    file = study_in(tmp_path, language="ja")
    page.open_path(file)
    assert page.consent.language.count() == 1
    assert "guesses" in page.consent.words.toPlainText()
    assert page.consent.signed.text().startswith("no font. ")
    confirm(page)
    assert page.consent.confirmation is not None
    assert page.consent.confirmation.language == "en", "what was read, not what was meant"


def test_a_sealed_decoder_asks_for_its_key_and_hands_the_passphrase_over_once(
    make: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    key = StewardKey.new()
    key.save(tmp_path / "own.key", tmp_path / "own.pub", PHRASE, cost=2**4)
    StewardKey.new().save(tmp_path / "other.key", tmp_path / "other.pub", PHRASE, cost=2**4)
    sealed = tmp_path / "p01.phos.sealed"
    seal_bundle(here(), sealed, [key.public], datetime.now(UTC))
    page = make(locked=World().probes().locked)
    page.open_path(study_in(tmp_path))
    assert not page.key_line.isVisible(), "an open decoder needs no key"
    page.forms["live"].change(("decoder", "bundle"), str(sealed))
    page.save_file()
    assert page.key_line.isVisible()
    confirm(page)

    def says(words: str) -> None:
        qtbot.waitUntil(lambda: words in page.checks.text(), timeout=5000)
        assert not page.checked()

    says("the decoder is sealed to")
    page.key_line.key.line.setText(str(tmp_path / "other.key"))
    says("does not open the decoder")
    page.key_line.key.line.setText(str(tmp_path / "own.key"))
    says("the passphrase of the key")
    page.key_line.passphrase.setText(PHRASE)
    until(qtbot, page, "CHECKED")
    shot(page, "setup-sealed-decoder")
    begun: list[tuple[list[str], str | None]] = []
    page.begin.connect(lambda words, secret: begun.append((words, secret)))
    page.start()
    ((words, secret),) = begun
    assert words[words.index("--key") + 1] == str(tmp_path / "own.key")
    assert secret == PHRASE
    assert PHRASE not in " ".join(words)
    assert page.key_line.passphrase.text() == "", "it is typed anew for each start"
    kept = [f for f in tmp_path.rglob("*") if f.is_file() and PHRASE.encode() in f.read_bytes()]
    assert kept == []
    page.forms["live"].change(("decoder", "bundle"), "")
    assert not page.key_line.isVisible()


def test_a_pilot_is_started_by_keyboard_alone(make: Make, qtbot: QtBot) -> None:
    page = make()
    page.activateWindow()
    page.focus_first()
    qtbot.waitUntil(page.mode.hasFocus, timeout=3000)
    qtbot.keyClick(page.mode, Qt.Key.Key_Down)
    qtbot.keyClick(page.mode, Qt.Key.Key_Down)
    until(qtbot, page, "CHECKED")
    begun: list[list[str]] = []
    page.begin.connect(lambda words, _secret: begun.append(words))
    for _ in range(60):
        focus = QApplication.focusWidget()
        if focus is page.button:
            break
        assert focus is not None
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is page.button, "it is in the tab order"
    qtbot.keyClick(page.button, Qt.Key.Key_Space)
    assert begun == [], "the space bar begins nothing"
    qtbot.keyClick(page.button, Qt.Key.Key_Return)
    assert [words[0] for words in begun] == ["demo"]


def test_problems_stand_beside_their_settings_all_at_once(
    make: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    page = make()
    page.open_path(study_in(tmp_path))
    form = page.forms["live"]
    for name, text in (("renderer.fps", "fast"), ("renderer.size_px", "4")):
        editor = line(page, name)
        editor.line.clear()
        qtbot.keyClicks(editor.line, text)
    qtbot.waitUntil(lambda: "settings to correct: 2" in page.checks.text(), timeout=5000)
    shown = form.page().problems
    assert shown[("renderer", "fps")].text() == "■ must be a number"
    assert shown[("renderer", "size_px")].text() == "■ must be at least 16"
    assert not shown[("renderer", "fps")].isHidden()
    assert shown[("renderer", "steps")].isHidden()
    assert "renderer  ■ 2" in [form.list.item(k).text() for k in range(form.list.count())]
    form.page().ensureVisible(0, 0)
    shot(page, "setup-problems")
    line(page, "renderer.fps").line.clear()
    qtbot.keyClicks(line(page, "renderer.fps").line, "30")
    assert shown[("renderer", "fps")].isHidden()
    assert page.study.live.get(("renderer", "fps")) == 30.0


def test_an_edited_study_is_saved_with_its_comments(make: Make, tmp_path: Path) -> None:
    page = make()
    file = study_in(tmp_path)
    page.open_path(file)
    line(page, "person").edited.emit("p02")
    choice = page.forms["live"].editor("renderer.steps")
    assert isinstance(choice, ChoiceEditor)
    choice.box.setCurrentIndex(choice.box.findData(4))
    choice.box.activated.emit(choice.box.currentIndex())
    box = page.forms["live"].editor("source.labels")
    assert isinstance(box, BoxEditor)
    box.box.setPlainText("1 = house\n2 = face")
    assert page.files.name.text() == "study.toml *"
    page.save_file()
    assert page.files.name.text() == "study.toml"
    text = file.read_text()
    assert "# a scanner writes to it" in text
    assert "# pseudonym" in text
    held = tomllib.loads(text)
    assert held["person"] == "p02"
    assert held["renderer"]["steps"] == 4
    assert held["source"]["labels"] == {"1": "house", "2": "face"}


def test_unsaved_changes_are_given_up_only_at_the_second_word(make: Make, tmp_path: Path) -> None:
    page = make()
    file = study_in(tmp_path)
    page.open_path(file)
    page.forms["live"].change(("renderer", "seed"), 5)
    page.open_path(file)
    assert page.study.live.get(("renderer", "seed")) == 5
    assert "not saved" in page.message.text()
    page.open_path(file)
    assert page.study.live.get(("renderer", "seed")) is None


def test_what_another_program_has_changed_does_not_begin(
    make: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    page = make()
    file = study_in(tmp_path)
    page.open_path(file)
    confirm(page)
    until(qtbot, page, "CHECKED")
    file.write_text(file.read_text().replace("p01", "p02"))
    begun: list[object] = []
    page.begin.connect(lambda words, _secret: begun.append(words))
    page.start()
    assert begun == []
    assert "another program" in page.message.text()


def test_files_are_asked_for_where_they_were_last(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = make()
    goal = tmp_path / "new.toml"
    asked: list[str] = []

    def save(*arguments: Any) -> tuple[str, str]:
        asked.append(arguments[2])
        return str(goal), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", save)
    page.forms["live"].change(("person",), "p07")
    page.save_file()
    page.save_file()
    assert len(asked) == 1, "then it has a name"
    assert tomllib.loads(goal.read_text())["person"] == "p07"
    other = study_in(tmp_path)
    monkeypatch.setattr(
        QFileDialog, "getOpenFileName", lambda *a: asked.append(a[2]) or (str(other), "")
    )
    page.open_file()
    assert asked[1] == str(tmp_path)
    assert page.study.live.path == other


def test_rows_of_blocks_are_edited_in_a_table(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    page = make()
    page.open_path(study_in(tmp_path))
    editor = page.forms["live"].editor("protocol.blocks")
    assert isinstance(editor, RowsEditor)
    editor.added.emit()
    editor.added.emit()
    for row, (kind, seconds) in enumerate((("rest", "20"), ("regulate", "x"))):
        for column, text in ((0, kind), (2, seconds)):
            item = editor.table.item(row, column)
            assert item is not None
            item.setText(text)
    told = page.forms["live"].page().problems[("protocol", "blocks")]
    assert told.text() == "■ line 2, duration_s: must be a number"
    shot(page, "setup-blocks")
    editor.table.setCurrentCell(1, 0)
    editor._remove(editor.removed.emit)
    assert page.study.live.get(("protocol", "blocks")) == [{"kind": "rest", "duration_s": 20.0}]
    assert told.isHidden()


def test_every_part_fits_and_is_reached_by_keyboard_and_screen_reader(
    make: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    page = make()
    page.open_path(study_in(tmp_path))
    form = page.forms["live"]
    for place in range(form.list.count()):
        form.list.setCurrentRow(place)
        assert bench.misfits(page) == [], form.tables[place].dotted
        assert bench.faults_of_reach(page) == [], form.tables[place].dotted
    form.list.setCurrentRow(1)
    shot(page, "setup-study")
    for place in range(page.tabs.count()):
        page.tabs.setCurrentIndex(place)
        assert bench.misfits(page) == []
        assert bench.faults_of_reach(page) == []
    for mode in (1, 2):
        page.mode.setCurrentIndex(mode)
        page.mode.activated.emit(mode)
        assert bench.misfits(page) == []
        assert bench.faults_of_reach(page) == []
    until(qtbot, page, "CHECKED")
    shot(page, "setup-pilot")


def test_the_last_run_of_a_file_is_compared_with(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    page = make()
    page.open_path(study_in(tmp_path))
    assert "No earlier run" in page.changes.toPlainText()
    confirm(page)
    until(qtbot, page, "CHECKED")
    page.start()
    page.forms["live"].change(("renderer", "seed"), 9)
    page.forms["live"].change(("source", "path"), "elsewhere")
    told = page.changes.toPlainText()
    assert "renderer.seed: not set → 9" in told
    assert "source.path: another path → " in told
    assert page.tabs.tabText(3) == "Changes (2)"
    page.tabs.setCurrentIndex(3)
    shot(page, "setup-changes")


def test_the_page_says_in_the_window_why_it_does_not_speak_as_asked(make: Make) -> None:
    page = make()
    asked = argparse.Namespace(screen=None, session=None)
    _prepare(page, asked, "")
    assert page.message.text() == ""
    why = speak("ja", {}, lambda _: False)
    _prepare(page, asked, why)
    assert "fonts-noto-cjk" in page.message.text()
    assert page.message.text().endswith(why)
