"""The checks at the side of the set-up page, and the participant's screen among them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot
from setup_bench import Looks, Make, pages_in, until

from gui.palette import apply
from gui.setup.subject import Subject
from gui.setup.watch import Watch


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> None:
    apply(qapp)


@pytest.fixture
def make(look: None, tmp_path: Path) -> Iterator[Make]:
    with pages_in(tmp_path) as build:
        yield build


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
    assert choice.note.isVisible(), "what forbids it is told"
    assert "MIRROR" in choice.note.text()
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
