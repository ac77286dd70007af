"""The release on the page after a run: asked, held for its delay, noted, taken back."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF, QTextLayout
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.palette import apply
from gui.summary.page import SummaryPage
from gui.summary.release_box import ReleaseBox
from gui.summary.words import unbroken
from phosphene.cli import main
from phosphene.consent import Consent, Scope
from phosphene.consent.withdrawal import withdraw
from phosphene.release import DELAY_S, MOST_NAME, RELEASE_FILE, command_for, wait_s, why_held
from phosphene.seal.keys import StewardKey
from tests.unit.gui_bench import faults_of_reach, screenshot, standing
from tests.unit.replay_bench import NOW, run_messages, write
from tests.unit.summary_bench import reported


class Time:
    """The time of day that a test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> None:
    apply(qapp)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def page(qtbot: QtBot, look: None, time: Time) -> Iterator[SummaryPage]:
    with standing(SummaryPage(now=time)) as made:
        yield made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = reported(tmp_path / "my out", run_messages())
    (folder / RELEASE_FILE).unlink()
    return folder


def show(qtbot: QtBot, page: SummaryPage, folder: Path) -> None:
    page.show_run(folder)
    settle(qtbot, page)


def settle(qtbot: QtBot, page: SummaryPage) -> None:
    qtbot.waitUntil(lambda: page.bar.isHidden(), timeout=5000)


def asked(page: SummaryPage) -> ReleaseBox:
    page.buttons["release"].click()
    assert page.release_box is not None
    return page.release_box


def test_a_held_run_tells_the_whole_command(page: SummaryPage, out: Path, qtbot: QtBot) -> None:
    show(qtbot, page, out)
    words = page.export_words.text().replace("\u2060", "")
    assert f"phosphene release '{out}' --by INITIALS" in words
    assert not page.buttons["export"].isEnabled()
    assert page.buttons["release"].isEnabled()
    told = words.partition("phosphene ")[2].replace("INITIALS", "AB")
    assert main(shlex.split(told)) == 0, "it can be typed as it stands there"
    assert wait_s(out, "run-1", NOW + timedelta(days=365)) == 0


def lines_of(words: str, width_px: float) -> list[str]:
    layout = QTextLayout(words)
    layout.beginLayout()
    found = []
    while (line := layout.createLine()).isValid():
        line.setLineWidth(width_px)
        found.append(words[line.textStart() : line.textStart() + line.textLength()])
    layout.endLayout()
    return [line.replace("\u2060", "").strip() for line in found]


def test_a_path_that_has_room_in_a_line_is_not_wrapped(qapp: QApplication) -> None:
    path = "/data/runs/2026-11-22/sub-01"
    width_px = 1.2 * QFontMetricsF(qapp.font()).horizontalAdvance(path)

    def fits(word: str) -> bool:
        return QFontMetricsF(qapp.font()).horizontalAdvance(word) < width_px

    words = f"phosphene release {path} --by INITIALS"
    assert path not in "|".join(lines_of(words, width_px)), "which is what a page would do"
    assert path in "|".join(lines_of(unbroken(words, fits), width_px))
    long = f"release {path}{path}{path}"
    assert unbroken(long, fits) == long, "what has no room is wrapped rather than cut off"


def test_enter_leaves_it_held_and_so_does_an_empty_name(
    page: SummaryPage, out: Path, qtbot: QtBot
) -> None:
    show(qtbot, page, out)
    box = asked(page)
    assert not box.isModal(), "blanking must work meanwhile"
    assert box.leave.isDefault()
    assert box.by.maxLength() == MOST_NAME
    assert faults_of_reach(box) == []
    screenshot(box, "summary-release")
    box.try_it()
    assert "Say who" in box.trouble.text()
    qtbot.keyClicks(box.by, "AB")
    qtbot.keyClick(box.by, Qt.Key.Key_Return)
    assert page.release_box is None
    assert not (out / RELEASE_FILE).exists()


def test_a_release_by_keyboard_waits_its_delay_and_is_noted(
    page: SummaryPage, out: Path, qtbot: QtBot, state: Path, time: Time
) -> None:
    show(qtbot, page, out)
    box = asked(page)
    qtbot.keyClicks(box.by, " AB ")
    qtbot.keyClick(box.go, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "Released; it may leave in 30 s." in page.told.text(), timeout=5000)
    settle(qtbot, page)
    assert why_held(out, "run-1", NOW) == "it is held until 12:00:30 UTC"
    assert "held until 12:00:30" in page.export_words.text()
    assert not page.buttons["export"].isEnabled()
    assert page._delay.isActive()
    assert page._delay.interval() == 1000 * DELAY_S
    assert "released for export by AB" in page.events.toPlainText()
    assert '"released for export"' in (state / "audit.jsonl").read_text()
    time.now += timedelta(seconds=DELAY_S)
    page._delay.timeout.emit()
    assert page.buttons["export"].isEnabled(), "nobody has to look again"
    assert "Allowed" in page.export_words.text()


def test_it_can_be_held_again_without_a_question(
    page: SummaryPage, out: Path, qtbot: QtBot, time: Time
) -> None:
    show(qtbot, page, out)
    assert page.buttons["release"].text() == "Release…"
    box = asked(page)
    box.by.setText("AB")
    box.try_it()
    qtbot.waitUntil(lambda: page.buttons["release"].text() == "Hold again", timeout=5000)
    settle(qtbot, page)
    assert "Hold" in page.buttons["release"].accessibleName()
    page.buttons["release"].click()
    qtbot.waitUntil(lambda: "held again" in page.told.text(), timeout=5000)
    settle(qtbot, page)
    assert not (out / RELEASE_FILE).exists()
    assert page.buttons["release"].text() == "Release…"
    assert not page._delay.isActive()


@pytest.mark.parametrize("why", ["scope", "sealed", "expired"])
def test_what_may_not_leave_is_not_released_and_says_why(
    page: SummaryPage, tmp_path: Path, qtbot: QtBot, why: str, time: Time
) -> None:
    scopes = "view_operator record_brain" + " export" * (why == "expired")
    key = StewardKey.new() if why == "sealed" else None
    folder = write(tmp_path / "o", run_messages(scopes=scopes), key).parent
    if why == "expired":
        time.now += timedelta(days=40)
    show(qtbot, page, folder)
    assert not page.buttons["release"].isEnabled()
    told = {"scope": "export", "sealed": "unseals", "expired": "expired"}
    assert told[why] in page.export_words.text()


def test_a_consent_withdrawn_while_it_is_asked_releases_nothing(
    page: SummaryPage, tmp_path: Path, qtbot: QtBot, state: Path
) -> None:
    given = Consent(person="p01", scopes=frozenset(Scope), expires=NOW)
    folder = write(tmp_path / "o", run_messages(consent_id=given.id)).parent
    show(qtbot, page, folder)
    box = asked(page)
    box.by.setText("AB")
    withdraw(given, "participant", NOW, state)
    box.try_it()
    qtbot.waitUntil(lambda: "withdrawn" in page.told.text(), timeout=5000)
    assert not (folder / RELEASE_FILE).exists()


def test_leaving_the_page_takes_the_question_away(
    page: SummaryPage, out: Path, qtbot: QtBot
) -> None:
    show(qtbot, page, out)
    asked(page)
    page.shut()
    assert page.release_box is None
    assert page.export_words.text() == ""


def test_the_command_names_a_run_where_another_was_released(tmp_path: Path) -> None:
    assert command_for(tmp_path / "a b") == f"phosphene release '{tmp_path}/a b' --by INITIALS"
    assert command_for(Path("o"), "r2") == "phosphene release o --run r2 --by INITIALS"
