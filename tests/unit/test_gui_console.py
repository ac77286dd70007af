from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit import gui_bench as bench  # first: it chooses the offscreen screens

# isort: split
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from gui.actions import ACTIONS, CONSOLE_HANDLERS, DEBOUNCE_S
from gui.console_pages import PAGES
from gui.console_window import ConsoleWindow
from gui.palette import apply
from gui.preferences import Preferences
from phosphene.errors import NodeError
from tests.unit.console_bench import CTRL, ENDED_BY_TERM, F5, SHIFT, Bench, Page


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> None:
    apply(qapp)


@pytest.fixture
def made(qtbot: QtBot, look: None, tmp_path: Path) -> Iterator[Bench]:
    one = Bench(tmp_path)
    one.window.show()
    one.window.activateWindow()
    QApplication.processEvents()
    yield one
    for run in one.runs:
        run.end(patience_s=2)
    one.window.shut()
    assert bench.left_running(one.window) == []
    bench.drop(one.window)


def test_a_start_is_idle_with_the_first_field_in_focus(made: Bench) -> None:
    assert made.window.state() == "IDLE"
    assert made.shown() is made.setup
    assert made.setup.field.hasFocus()
    assert "IDLE" in made.window.state_label.text()
    made.press(F5)
    assert made.started == [], "what is not checked cannot be started"
    bench.screenshot(made.window, "console-setup")


def test_the_console_fits_a_small_screen_and_can_be_reached_by_keys(made: Bench) -> None:
    made.begin("slow")
    for page in (made.setup, made.window.wait_page):
        made.window._show(page)
        assert bench.misfits(made.window) == []
        assert bench.faults_of_reach(made.window) == []


def test_the_state_is_level_with_the_titles_of_the_menus(made: Bench) -> None:
    bar, label = made.window.menuBar(), made.window.state_label
    titles = bar.actionGeometry(bar.actions()[0])
    assert abs(label.geometry().center().y() - titles.center().y()) <= 1
    assert label.height() <= bar.height()


def test_every_key_of_the_console_is_in_a_menu_and_help(made: Bench) -> None:
    listed = {
        item.objectName()
        for menu in made.window.menuBar().actions()
        for item in menu.menu().actions()  # type: ignore[union-attr]
    }
    assert listed == set(CONSOLE_HANDLERS)
    made.press(Qt.Key.Key_F1)
    assert made.window.help_box is not None
    assert all(a.key in made.window.help_box.text() for a in ACTIONS)
    made.window.help_box.close()


def test_a_whole_run_from_set_up_to_summary_and_back(made: Bench) -> None:
    made.begin("--participant-screen", "BEAMER")
    assert made.started == [["demo", "--participant-screen", "BEAMER"]]
    assert made.shown() is made.window.wait_page
    assert (made.window.state(), "PILOT" in made.window.state_label.text()) == ("CHECKED", True)
    made.until(lambda: made.guests)
    assert made.screens == ["BEAMER"]
    guest = made.guests[0]
    assert made.shown() is guest.page
    assert made.window.state() == "RUNNING"
    guest.leave()
    assert (made.shown(), made.window.state()) == (made.window.wait_page, "ENDED")
    made.end()
    summary = made.shown()
    assert isinstance(summary, Page)
    assert summary.folders == [made.out]
    assert made.window.state() == "ENDED"
    made.window._turn()
    time.sleep(DEBOUNCE_S)  # a second press of the same key does not count before
    made.press(F5)
    assert (made.shown(), made.window.state()) == (made.setup, "CHECKED")
    assert made.gone == []


def test_in_a_run_its_own_keys_count_and_the_consoles_do_not(made: Bench) -> None:
    guest = made.adopted()
    for key, modifiers, name in (
        (Qt.Key.Key_F8, (), "blank"), (Qt.Key.Key_F7, (), "toggle_pause"),
        (F5, (SHIFT,), "stop_run"), (Qt.Key.Key_F1, (), "show_help"),
        (Qt.Key.Key_L, (CTRL,), "toggle_lock"), (Qt.Key.Key_F11, (), "toggle_fullscreen"),
    ):  # fmt: skip
        made.press(key, *modifiers)
        assert guest.page.pressed[-1] == name
    made.press(Qt.Key.Key_Q, CTRL)
    made.press(Qt.Key.Key_R, CTRL)
    assert (made.gone, made.shown()) == ([], guest.page)
    assert made.window.help_box is None
    assert made.window.menuBar().isHidden(), "the room is the run's"


def test_f8_covers_whatever_page_is_seen_until_it_is_taken_back(made: Bench) -> None:
    made.press(Qt.Key.Key_R, CTRL)
    recordings = made.shown()
    assert isinstance(recordings, Page)
    made.press(Qt.Key.Key_F8)
    assert (made.shown(), made.window.state()) == (made.window.curtain, "BLANKED")
    assert not recordings.isVisible()
    bench.screenshot(made.window, "console-blanked")
    made.press(Qt.Key.Key_R, CTRL)
    assert made.shown() is made.window.curtain, "no other key shows a page"
    made.press(Qt.Key.Key_F8, SHIFT)
    assert (made.shown(), made.window.state()) == (recordings, "IDLE")


def test_f8_counts_with_the_keys_locked_and_while_a_run_starts(made: Bench) -> None:
    made.press(Qt.Key.Key_L, CTRL)
    made.press(Qt.Key.Key_F8)
    assert made.shown() is made.window.curtain
    time.sleep(DEBOUNCE_S)
    made.press(Qt.Key.Key_L, CTRL)
    made.press(Qt.Key.Key_F8, SHIFT)
    made.begin()
    made.press(Qt.Key.Key_F8)
    assert made.shown() is made.window.curtain
    made.until(lambda: made.guests)
    assert (made.guests[0].blanks, made.shown()) == (1, made.guests[0].page)
    assert made.window.state() == "BLANKED"


def test_closing_the_window_in_a_run_is_asking_for_its_end(made: Bench) -> None:
    guest = made.adopted()
    made.window.close()
    assert made.window.isVisible()
    assert guest.stops == 1


def test_a_run_that_does_not_begin_says_why(made: Bench) -> None:
    made.begin("fail")
    made.until(lambda: made.window._run is None)
    page = made.window.wait_page
    assert made.shown() is page
    assert "no such file" in page.words.toPlainText()
    assert "did not begin" in page.heading.text()
    assert "1" in page.hint.text()
    bench.screenshot(made.window, "console-did-not-begin")
    made.window.start()
    assert made.shown() is made.setup


def test_a_run_without_recording_has_no_summary(made: Bench) -> None:
    made.record = None
    made.adopted().leave()
    made.end()
    assert made.shown() is made.window.wait_page
    assert "ended" in made.window.wait_page.heading.text()


def test_giving_up_a_start_asks_with_default_no(made: Bench) -> None:
    made.record = None
    made.begin("slow")
    made.window.close()
    box = made.window.question
    assert box is not None
    assert box.defaultButton() is box.button(QMessageBox.StandardButton.No)
    assert not box.isModal()
    box.button(QMessageBox.StandardButton.No).click()
    assert made.runs[0].exit_code() is None
    made.window.close()
    assert made.window.question is not None
    made.window.question.button(QMessageBox.StandardButton.Yes).click()
    made.until(lambda: made.window._run is None)
    assert made.runs[0].exit_code() in ENDED_BY_TERM
    assert made.gone == []


def test_a_start_can_be_given_up_with_the_keyboard_alone(made: Bench) -> None:
    made.record = None
    made.begin("slow")
    page = made.window.wait_page
    assert page.words.hasFocus()
    made.press(Qt.Key.Key_Backtab, SHIFT)
    assert page.give_up.hasFocus()
    QTest.keyClick(page.give_up, Qt.Key.Key_Space)
    box = made.window.question
    assert box is not None
    assert box.defaultButton() is box.button(QMessageBox.StandardButton.No)
    assert made.runs[0].exit_code() is None
    box.button(QMessageBox.StandardButton.Yes).click()
    made.until(lambda: made.window._run is None)
    assert made.runs[0].exit_code() in ENDED_BY_TERM
    assert page.give_up.isHidden(), "there is nothing left to give up"


def test_a_signal_ends_the_run_first_and_then_the_console(made: Bench) -> None:
    guest = made.adopted()
    made.window.leave()
    assert made.gone == []
    made.until(lambda: made.gone)
    assert made.gone == [0]
    assert made.runs[0].exit_code() in ENDED_BY_TERM
    assert guest.stops == 0


def test_an_error_in_the_page_leaves_the_run_to_an_ordinary_window(
    made: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    made.adopted()
    error = NodeError("the receiving thread failed")
    made.window.excepthook(NodeError, error, None)
    assert made.gone == [1]
    assert made.runs[0].exit_code() is None, "the run goes on"
    assert "receiving thread" in capsys.readouterr().err


def test_an_error_before_the_run_ends_everything(
    made: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    made.begin("slow")
    made.window.excepthook(RuntimeError, RuntimeError("broken"), None)
    assert made.gone == [1]
    assert made.runs[0].exit_code() is not None
    assert "broken" in capsys.readouterr().err


def test_replay_open_and_save_go_to_their_page(made: Bench) -> None:
    made.press(Qt.Key.Key_O, CTRL)
    made.press(Qt.Key.Key_S, CTRL)
    assert made.setup.told == ["open", "save"]
    made.window.show_replay()
    replay = made.shown()
    assert isinstance(replay, Page)
    made.window.open_file()
    assert (replay.opened, made.setup.told) == (1, ["open", "save"])
    made.setup.holds = True
    made.window._refresh()
    assert not made.window.actions_by_id["start"].isEnabled(), "nothing is started from here"
    made.window.show_replay()
    assert made.shown() is made.setup


def test_from_the_recordings_one_comes_back_to_where_one_came_from(
    made: Bench, tmp_path: Path
) -> None:
    made.adopted().leave()
    made.end()
    summary = made.shown()
    assert isinstance(summary, Page)
    summary.replay_asked.emit(tmp_path)
    assert made.shown() is not summary
    made.press(Qt.Key.Key_R, CTRL)
    assert (made.shown(), made.window.state()) == (summary, "ENDED")
    assert summary.hasFocus()
    assert summary.folders == [made.out], "still the same run, not read anew"
    time.sleep(DEBOUNCE_S)
    made.press(Qt.Key.Key_R, CTRL)
    summary.replay_asked.emit(tmp_path)  # entered twice: still not the way back to itself
    time.sleep(DEBOUNCE_S)
    made.press(Qt.Key.Key_R, CTRL)
    assert made.shown() is summary
    made.window.start()
    made.window.show_replay()
    made.window.show_replay()
    assert made.shown() is made.setup


def test_a_summary_opens_its_recording_and_lets_go_of_a_deleted_one(
    made: Bench, tmp_path: Path
) -> None:
    made.adopted().leave()
    made.end()
    summary = made.shown()
    assert isinstance(summary, Page)
    summary.deleted.emit(tmp_path)
    assert made.shown() is summary, "there is nothing open to let go of"
    summary.replay_asked.emit(tmp_path)
    replay = made.shown()
    assert isinstance(replay, Page)
    assert (replay is summary, replay.recordings) == (False, [tmp_path])
    summary.deleted.emit(tmp_path)
    assert (made.shown(), replay.recordings) == (replay, [])


def test_locked_keys_and_pages_do_nothing_but_unlock(made: Bench) -> None:
    made.setup.holds = True
    made.window._turn()
    made.press(Qt.Key.Key_L, CTRL)
    assert not made.setup.isEnabled()
    made.press(F5)
    assert made.started == []
    assert "locked" in made.window.windowTitle()
    made.window.toggle_lock()
    assert made.setup.isEnabled()


def test_place_and_size_come_back_and_nothing_else(made: Bench, tmp_path: Path) -> None:
    made.window.resize(1200, 690)
    made.window.shut()
    again = Bench.__new__(Bench)
    again.gone = []
    window = ConsoleWindow(Preferences(made.preferences.file), None, again.gone.append, made.pages)
    try:
        assert (window.width(), window.height()) == (1200, 690)
        assert window.state() == "IDLE"
    finally:
        window.shut()
        bench.drop(window)


def test_the_real_pages_are_what_the_console_lays_out(qtbot: QtBot, tmp_path: Path) -> None:
    for page in (
        PAGES.setup(Preferences(tmp_path / "console.ini")), PAGES.replay(), PAGES.summary(),
    ):  # fmt: skip
        assert isinstance(page.widget(), QWidget)
        page.shut()
        bench.drop(page.widget())
