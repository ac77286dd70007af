from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.palette import apply
from gui.replay.buttons import PageButton
from gui.replay.compare import Variant
from gui.replay.keyring import Keyring
from gui.replay.opened import open_all
from gui.replay.page import ReplayPage
from gui.replay.runs import Child, Children
from phosphene.seal.keys import StewardKey
from tests.unit.gui_bench import faults_of_reach, misfits, screenshot, standing
from tests.unit.replay_bench import NOW, STEPS, TR_S, grey_of, run_messages, write

WORDS = "a good long passphrase"


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> None:
    apply(qapp)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("run") / "faces", run_messages())


@pytest.fixture
def page(qtbot: QtBot, look: None) -> Iterator[ReplayPage]:
    with standing(ReplayPage(now=lambda: NOW)) as made:
        yield made


def opened(qtbot: QtBot, page: ReplayPage, path: Path) -> None:
    page.open(path)
    qtbot.waitUntil(lambda: page.going.isHidden(), timeout=5000)


def grey(page: ReplayPage, side: int = 0) -> int | None:
    shown = page.board.sides[side].panel.shown
    return None if shown is None else int(np.median(shown))


def go_to(qtbot: QtBot, page: ReplayPage, t_s: float, grey_wanted: int) -> None:
    page.timeline.asked.emit(t_s)
    qtbot.waitUntil(lambda: grey(page) == grey_wanted, timeout=5000)


def test_a_recording_is_opened_scrubbed_and_stepped(
    page: ReplayPage, run: Path, qtbot: QtBot
) -> None:
    opened(qtbot, page, run)
    assert page.stack.currentWidget() is page.board
    assert grey(page) is None, "nothing was on show before the first percept"
    go_to(qtbot, page, 16.5, grey_of(7))
    assert "house" in page.board.sides[0].facts.text()
    assert "0.40" in page.board.sides[0].facts.text()
    assert "volume 8 of 12" in page.transport.place.text()
    assert page.board.seen.shown is not None, "the house that was shown"
    qtbot.keyClick(page.transport.scrubber, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: grey(page) == grey_of(8), timeout=5000)
    assert page.player.t_s == TR_S * 9
    qtbot.keyClick(page.transport.scrubber, Qt.Key.Key_Left)
    qtbot.keyClick(page.transport.scrubber, Qt.Key.Key_Left)
    assert page.player.t_s == TR_S * 7
    qtbot.keyClick(page.transport.scrubber, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: grey(page) == grey_of(STEPS - 1), timeout=5000)
    screenshot(page, "replay")


def test_a_blank_of_the_run_is_a_blank_here(page: ReplayPage, run: Path, qtbot: QtBot) -> None:
    opened(qtbot, page, run)
    go_to(qtbot, page, 8.5, grey_of(3))
    page.timeline.asked.emit(10.0)
    assert grey(page) is None
    assert "the operator's blank" in page.board.sides[0].panel.card.text()
    go_to(qtbot, page, 14.1, grey_of(5 + 1))
    screenshot(page, "replay-blank")


def test_play_goes_on_at_the_chosen_speed_and_ends(
    page: ReplayPage, run: Path, qtbot: QtBot
) -> None:
    opened(qtbot, page, run)
    page.transport.speed.setCurrentIndex(page.transport.speed.count() - 1)
    page.timeline.asked.emit(20.0)
    page.transport.play.click()
    assert page.player.playing
    assert "Pause" in page.transport.play.text()
    qtbot.waitUntil(lambda: not page.player.playing, timeout=5000)
    assert page.player.t_s == page.player.end_s
    assert not page._timer.isActive()


def test_nothing_plays_where_nobody_looks(page: ReplayPage, run: Path, qtbot: QtBot) -> None:
    opened(qtbot, page, run)
    page.toggle()
    page.hide()
    assert not page.player.playing
    assert not page._timer.isActive()
    page.show()


def test_without_the_scopes_there_are_words_and_no_picture(
    page: ReplayPage, tmp_path: Path, qtbot: QtBot
) -> None:
    opened(qtbot, page, write(tmp_path / "a", run_messages(scopes="view_operator record_brain")))
    page.timeline.asked.emit(16.5)
    side = page.board.sides[0]
    assert side._reader is None, "no picture is even read"
    assert "record_images" in side.panel.card.text()
    assert "confidence" in side.facts.text()
    opened(qtbot, page, write(tmp_path / "b", run_messages(scopes="record_brain record_images")))
    page.timeline.asked.emit(16.5)
    assert "view_operator" in side.panel.card.text()
    assert "0.40" not in side.facts.text()
    assert "house" not in side.facts.text()
    screenshot(page, "replay-no-consent")


def test_pictures_keep_the_operators_level(page: ReplayPage, tmp_path: Path, qtbot: QtBot) -> None:
    opened(qtbot, page, write(tmp_path / "a", run_messages(level_operator="2")))
    go_to(qtbot, page, 16.5, grey_of(7))
    shown = page.board.sides[0].panel.shown
    assert shown is not None
    assert shown.shape == (8, 8, 3)


def test_a_consent_that_ends_closes_what_is_open(page: ReplayPage, run: Path, qtbot: QtBot) -> None:
    opened(qtbot, page, run)
    go_to(qtbot, page, 16.5, grey_of(7))
    page._look_at_consent()
    assert grey(page) == grey_of(7), "while it holds nothing changes"
    page._now = lambda: NOW + timedelta(days=31)
    page._look_at_consent()
    assert grey(page) is None
    assert "expired" in page.words.text()
    assert not page._watch.isActive()


def test_trouble_stands_beside_what_is_open(page: ReplayPage, run: Path, qtbot: QtBot) -> None:
    opened(qtbot, page, run)
    page.comparing.failed.emit("Replay A: failed")
    assert page.trouble.isVisible()
    assert page.stack.currentWidget() is page.board


def test_a_sealed_recording_asks_for_its_key(
    page: ReplayPage, tmp_path: Path, qtbot: QtBot
) -> None:
    key = StewardKey.new()
    key.save(tmp_path / "lab.key", tmp_path / "lab.pub", WORDS, cost=2**4)
    path = write(tmp_path / "s", run_messages(), key)
    page.open(path)
    dialog = page.key_dialog
    assert dialog is not None
    assert not dialog.isModal(), "blanking must work meanwhile"
    assert dialog.passphrase.echoMode() == dialog.passphrase.EchoMode.Password
    dialog.key.line.setText(str(tmp_path / "lab.key"))
    dialog.passphrase.setText("a wrong passphrase")
    dialog.try_it()
    qtbot.waitUntil(lambda: page.going.isHidden(), timeout=5000)
    assert "wrong" in page.words.text()
    page.open(path)
    dialog = page.key_dialog
    assert dialog is not None
    dialog.passphrase.setText(WORDS)
    page.close_recording()
    assert dialog.passphrase.text() == "", "it is forgotten where the question is given up, too"
    page.open(path)
    dialog = page.key_dialog
    dialog.key.line.setText(str(tmp_path / "lab.key"))
    dialog.passphrase.setText(WORDS)
    screenshot(dialog, "replay-key")
    dialog.try_it()
    assert dialog.passphrase.text() == "", "the passphrase is forgotten at once"
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.board, timeout=5000)
    go_to(qtbot, page, 16.5, grey_of(7))
    page.close_recording()
    assert page._opened == [], "with the recording the key is gone"


def test_two_runs_stand_side_by_side_at_one_time(
    page: ReplayPage, run: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    labels = ["face"] * 6 + ["house"] * 6
    other = write(tmp_path / "other", run_messages(labels))
    dialog = page.comparing.ask_existing(None)
    assert dialog.wrong(), "two paths are needed"
    for field, path in zip(dialog.paths, (run, other), strict=True):
        field.line.setText(str(path))
    dialog.try_it()
    qtbot.waitUntil(lambda: len(page._opened) == 2, timeout=5000)
    go_to(qtbot, page, 16.5, grey_of(7))
    qtbot.waitUntil(lambda: grey(page, 1) == grey_of(7), timeout=5000)
    texts = [side.facts.text() for side in page.board.sides]
    assert "house" in texts[0]
    assert "house" in texts[1]
    assert "50 %, by chance 50 %" in page.board.facts.text()
    assert page.board.sides[1].isVisible()
    assert not page.buttons["compare"].isEnabled()
    assert page.title.text().startswith("A: faces")
    assert [g.words for g in page.timeline._graphs] == ["FD, mm", "confidence A", "confidence B"]
    assert misfits(page) == []
    screenshot(page, "replay-compare")


def test_a_copy_is_shown_no_further_than_what_it_was_made_of(
    page: ReplayPage, run: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    narrow = write(tmp_path / "narrow", run_messages(scopes="view_operator record_brain"))
    page._source = open_all([narrow], Keyring, lambda: NOW)[0]
    page._results([run, run], ["one", "other"])
    qtbot.waitUntil(lambda: len(page._opened) == 2, timeout=5000)
    page.timeline.asked.emit(16.5)
    assert all(side.panel.shown is None for side in page.board.sides)
    assert "record_images" in page.board.sides[0].panel.card.text()


def test_the_question_about_two_replays_refuses_what_cannot_be(
    page: ReplayPage, run: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    opened(qtbot, page, run)
    page._ask_compare()
    dialog = page.comparing.ask_new(page._opened[0])
    focused = dialog.focusWidget()
    assert focused is not None
    assert focused.accessibleName() == "Bundle of A", "Enter gives nothing up"
    buttons = {button.accessibleName() for button in dialog.findChildren(PageButton)}
    both = {"Bundle of A: choose a file", "Bundle of A: choose a folder"}
    assert both <= buttons, "a bundle is a folder, a sealed one a file"
    assert "same" in dialog.wrong()
    dialog.sides["A"].steps.setValue(1)
    dialog.sides["B"].bundle.line.setText(str(tmp_path / "none.phos"))
    assert "no such bundle" in dialog.wrong()
    dialog.sides["B"].bundle.line.setText("")
    assert dialog.wrong() == ""
    first, second = dialog.variants()
    assert (first.steps, second.steps) == (1, None)
    assert faults_of_reach(dialog) == []
    screenshot(dialog, "replay-compare-question")
    dialog.reject()


def test_a_blind_run_is_not_decoded_anew(page: ReplayPage, tmp_path: Path, qtbot: QtBot) -> None:
    blind = write(tmp_path / "b", run_messages(protocol_control="double-blind, assignment x"))
    opened(qtbot, page, blind)
    page.comparing.replay(page._opened[0], (Variant(steps=1), Variant(steps=2)), tmp_path / "c")
    assert "double-blind" in page.trouble.text()
    assert not (tmp_path / "c").exists()


def test_recordings_of_others_go_through_the_chain(
    page: ReplayPage, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "eeg.xdf").write_bytes(b"XDF:")
    page.open(tmp_path / "eeg.xdf")
    assert page.through.isVisible()
    assert "not a recording of Phosphene" in page.words.text()
    opened(qtbot, page, tmp_path / "nowhere.mcap")
    assert not page.through.isVisible()
    assert "does not exist" in page.words.text()


@pytest.mark.parametrize("code", [0, 3])
def test_children_run_in_order_and_tell_their_last_words(qtbot: QtBot, code: int) -> None:
    import os

    script = "print('7volume [00:01]'); print('hello', __import__('os').environ['MARK'])"
    children = [
        Child("one", [sys.executable, "-c", script], 14),
        Child("two", [sys.executable, "-c", f"print('the end'); raise SystemExit({code})"]),
    ]
    page = QApplication.instance()
    assert page is not None
    row = Children(children, {**os.environ, "MARK": "42"}, page)
    told: list[tuple[str, float]] = []
    row.progressed.connect(lambda words, share: told.append((words, share)))
    ending = row.succeeded if code == 0 else row.failed
    with qtbot.waitSignal(ending, timeout=15_000) as said:
        row.start()
    assert ("one", 0.5) in told
    assert told[-1] == ("two", -1.0)
    assert "the end" in said.args[0]
    row._said = "begun\n25volume [00:40,  2.98s/volume, late 0]\rreport:  40%|##  | 2/5 [0:1]\nbad"
    assert row.last_words() == "begun\nbad", "progress is no word"
    row.stop()


def test_stopping_ends_a_child(qtbot: QtBot) -> None:
    import os

    page = QApplication.instance()
    assert page is not None
    script = "print('1volume', flush=True); __import__('time').sleep(60)"
    row = Children([Child("long", [sys.executable, "-c", script], 2)], dict(os.environ), page)
    with qtbot.waitSignal(row.progressed, timeout=10_000, check_params_cb=lambda _w, s: s > 0):
        row.start()
    row.stop()


def test_the_page_fits_and_everything_is_named(page: ReplayPage, run: Path, qtbot: QtBot) -> None:
    assert faults_of_reach(page) == []
    opened(qtbot, page, run)
    assert misfits(page) == []
    assert faults_of_reach(page) == []
    assert page.minimumSizeHint().height() <= 600, "room for the console's own strip"


def test_pictures_grow_and_shrink_with_the_page_and_never_overlap(
    page: ReplayPage, run: Path, qtbot: QtBot
) -> None:
    opened(qtbot, page, run)
    for size, side_px in (((1920, 1040), 640), ((1280, 700), 320), ((1240, 600), 256)):
        page.resize(*size)
        side, seen = page.board.sides[0], page.board.seen
        assert side.panel.area.width() == side_px
        assert side.geometry().right() < seen.geometry().left()
        assert page.board.geometry().bottom() < page.timeline.geometry().top() + 1


def test_space_presses_nothing(page: ReplayPage, run: Path, qtbot: QtBot) -> None:
    opened(qtbot, page, run)
    page.transport.play.setFocus()
    qtbot.keyClick(page.transport.play, Qt.Key.Key_Space)
    assert not page.player.playing
    qtbot.keyClick(page.transport.play, Qt.Key.Key_Return)
    assert page.player.playing
