from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gui_bench as bench
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel
from pytestqt.qtbot import QtBot
from setup_bench import Looks, study_in

from gui.palette import apply
from gui.preferences import Preferences
from gui.setup import consent_view
from gui.setup.editors import BoxEditor, ChoiceEditor, LineEditor
from gui.setup.page import SetupPage
from gui.setup.rows import RowsEditor
from gui.setup.subject import Subject
from gui.setup.watch import Watch

Make = Callable[..., SetupPage]


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> None:
    apply(qapp)


@pytest.fixture
def make(qtbot: QtBot, look: None, tmp_path: Path) -> Iterator[Make]:
    made: list[SetupPage] = []

    def build(**instead: Any) -> SetupPage:
        page = SetupPage(
            Preferences(tmp_path / "console.ini"), looks=Looks(**instead), state=tmp_path / "state"
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


def confirm(page: SetupPage) -> None:
    page.consent.agrees.setChecked(True)
    page.consent.by.setText("AB")
    page.consent.button.click()


def shot(page: SetupPage, name: str) -> None:
    QApplication.processEvents()
    bench.screenshot(page, name)


def until(qtbot: QtBot, page: SetupPage, state: str) -> None:
    qtbot.waitUntil(lambda: page.state == state, timeout=5000)


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
    page.begin.connect(begun.append)
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


def test_a_pilot_is_started_by_keyboard_alone(make: Make, qtbot: QtBot) -> None:
    page = make()
    page.activateWindow()
    page.focus_first()
    qtbot.waitUntil(page.mode.hasFocus, timeout=3000)
    qtbot.keyClick(page.mode, Qt.Key.Key_Down)
    qtbot.keyClick(page.mode, Qt.Key.Key_Down)
    until(qtbot, page, "CHECKED")
    begun: list[list[str]] = []
    page.begin.connect(begun.append)
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
    page.begin.connect(begun.append)
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


def test_the_test_card_is_seen_by_who_can_tell_its_number(
    make: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    page = make()
    choice = page.screen_choice
    assert not choice.card.isEnabled()
    page.choose_screen("GONE")
    qtbot.waitUntil(lambda: "Participant's screen: not ready" in page.checks.text(), timeout=5000)
    assert not choice.card.isEnabled()
    choice.choose("MIRROR")
    choice.card.click()
    assert not choice.card_shown
    assert choice.note.text()
    choice.choose("PROJECTOR")
    choice.card.click()
    assert choice.card_shown
    card = choice._card
    assert card is not None
    assert card.screen().name() == "PROJECTOR"
    qtbot.keyClicks(choice.number, "1")
    assert choice.card_shown, "another number"
    choice.number.clear()
    qtbot.keyClicks(choice.number, str(choice._number))
    assert not choice.card_shown
    assert choice.card_seen == "PROJECTOR"
    qtbot.waitUntil(lambda: "the test card is seen" in page.checks.text(), timeout=5000)
    choice.choose("")
    choice.choose("PROJECTOR")
    assert choice.card_seen == "", "another choice is looked at anew"
    choice.card.click()
    page.hide()
    assert not choice.card_shown


def test_checks_are_made_while_the_page_is_seen_and_by_one_thread(
    make: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    page = make()
    looks = page.watch._looks
    assert isinstance(looks, Looks)
    qtbot.waitUntil(lambda: bool(page.checks.rows), timeout=5000)
    page.mode.setCurrentIndex(2)
    page.mode.activated.emit(2)
    until(qtbot, page, "CHECKED")
    page.hide()
    assert page.state == "IDLE", "nobody looks any longer"
    assert looks.closed == 1, "devices are let go"
    assert not [t for t in threading.enumerate() if t.name == "preflight"]
    page.show()
    qtbot.waitUntil(lambda: looks.threads == ["preflight"] * 2, timeout=5000)


def test_what_is_found_of_an_earlier_subject_does_not_count(make: Make, qtbot: QtBot) -> None:
    page = make()
    page.mode.setCurrentIndex(2)
    page.mode.activated.emit(2)
    until(qtbot, page, "CHECKED")
    rows, number = page.checks.rows, page._number
    page.watch.stop()
    page.forms["pilot"].change(("seconds",), 1.0)
    page.watch.looked.emit(number, rows)
    assert page.state == "IDLE"
    page.watch.looked.emit(page._number, rows)
    assert page.state == "CHECKED"


def test_a_check_that_fails_unthought_of_is_none_that_holds(qtbot: QtBot) -> None:
    def broken(_path: Path) -> str:
        raise ZeroDivisionError("odd")

    looks = Looks(why_not_writable=broken)
    watch = Watch(looks, 0.05)
    try:
        with qtbot.waitSignal(watch.looked, timeout=5000) as told:
            watch.look_at(Subject("pilot", out=Path("/out")), 7)
            watch.start()
    finally:
        watch.stop()
    number, rows = told.args
    assert number == 7
    assert [(row.level, "odd" in row.text) for row in rows] == [("error", True)]
    assert looks.closed == 1


def test_no_button_of_the_page_is_pressed_by_the_space_bar(make: Make, qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QPushButton

    page = make()
    pressed: list[str] = []
    for button in page.findChildren(QPushButton):
        button.clicked.disconnect()
        button.setEnabled(True)
        button.clicked.connect(lambda _=False, b=button: pressed.append(b.text()))
        qtbot.keyClick(button, Qt.Key.Key_Space)
    assert pressed == []
    assert page.findChildren(QLabel)
