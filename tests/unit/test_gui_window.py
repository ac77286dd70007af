from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from gui_bench import enlarged, faults_of_reach, misfits, pixels_of, screenshot
from msgspec import structs
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QMessageBox,
    QWidget,
)
from pytestqt.qtbot import QtBot
from run_page_bench import Bench, on_show, picture, stamped

from gui.actions import ACTIONS, RUN_ACTIONS
from gui.palette import apply
from gui.pictures import PicturePanel
from phosphene.messages import Beat, Message, Quality, StatMap


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> None:
    apply(qapp)


@pytest.fixture
def bench(qtbot: QtBot, look: None, request: pytest.FixtureRequest) -> Iterator[Bench]:
    with on_show(dict(getattr(request, "param", {}))) as made:
        yield made


def test_the_picture_panel_shows_exactly_the_pixels(qtbot: QtBot) -> None:
    panel = PicturePanel("x", 192)
    qtbot.addWidget(panel)
    panel.show()
    pixels = picture()
    panel.show_picture(pixels)
    assert np.array_equal(pixels_of(panel.area), enlarged(pixels, 3))
    small = pixels[:8, :8]
    panel.show_picture(small)
    assert np.array_equal(pixels_of(panel.area), enlarged(small, 24)), "another size fills it too"
    panel.show_card("blank")
    assert panel.shown is None
    assert panel.item.image is None, "a blank keeps no pixels"


def test_window_fits_a_small_screen(bench: Bench) -> None:
    bench.show(picture())
    bench.window.refresh_board()
    assert bench.window.width() <= 1280
    assert bench.window.height() <= 700, "room for a title bar"
    least = bench.window.minimumSizeHint()
    assert least.width() <= 1280
    assert least.height() <= 700


def test_pictures_take_whole_multiples_of_their_pixels(bench: Bench) -> None:
    assert bench.window.faces.picture.area.width() == 5 * 64
    bench.window.resize(1920, 1000)
    assert bench.window.faces.picture.area.width() == 9 * 64
    assert bench.window.faces.seen.area.width() == 5 * 64


def test_500_repaints_show_the_last_and_add_nothing(bench: Bench) -> None:
    items = len(bench.window.faces.picture.view.scene().items())
    children = len(bench.window.findChildren(QWidget))
    for seq in range(500):
        last = picture()
        bench.clock.advance(0.04)
        bench.show(last, seq)
        QApplication.processEvents()
        if seq % 50 == 0:
            bench.window.refresh_board()
    assert np.array_equal(pixels_of(bench.window.faces.picture.area), enlarged(last, 5))
    assert len(bench.window.faces.picture.view.scene().items()) == items
    assert len(bench.window.findChildren(QWidget)) == children


def test_a_silent_gate_blanks_the_window(bench: Bench) -> None:
    bench.show(picture())
    assert bench.window.faces.picture.shown is not None
    bench.clock.advance(0.8)
    bench.window.refresh_board()
    assert bench.window.faces.picture.shown is None
    assert bench.window.faces.thumbnail.shown is None
    assert bench.window.strip.state.text() == "BLANKED"
    assert "ALARM" in bench.window.alarm_line.label.text()


def test_f8_blanks_here_and_asks_the_gate(bench: Bench, qtbot: QtBot) -> None:
    bench.show(picture())
    qtbot.keyClick(bench.window, Qt.Key.Key_F8)
    assert bench.asked == ["blank"]
    assert bench.window.faces.picture.shown is None
    assert bench.window.strip.state.text() == "BLANKED"
    qtbot.keyClick(bench.window, Qt.Key.Key_F8, Qt.KeyboardModifier.ShiftModifier)
    assert bench.asked == ["blank", "unblank"]
    assert bench.window.faces.picture.shown is None, "until the gate has confirmed"


def test_unblank_is_off_while_nothing_is_blank(bench: Bench, qtbot: QtBot) -> None:
    bench.show(picture())
    bench.window.refresh_board()
    assert not bench.window.buttons["unblank"].isEnabled()
    qtbot.keyClick(bench.window, Qt.Key.Key_F8, Qt.KeyboardModifier.ShiftModifier)
    assert bench.asked == []


def test_buttons_take_no_focus_so_that_space_repeats_nothing(bench: Bench, qtbot: QtBot) -> None:
    by_key = {"fullscreen", "lock", "confirm"}
    assert set(bench.window.buttons) == {a.id for a in RUN_ACTIONS} - by_key
    qtbot.mouseClick(bench.window.buttons["blank"], Qt.MouseButton.LeftButton)
    qtbot.keyClick(bench.window, Qt.Key.Key_Space)
    assert bench.asked == ["blank"]
    policies = {b.focusPolicy() for b in bench.window.buttons.values()}
    assert policies == {Qt.FocusPolicy.NoFocus}


def test_stop_without_a_recording_is_immediate(bench: Bench, qtbot: QtBot) -> None:
    bench.window.refresh_board()
    qtbot.keyClick(bench.window, Qt.Key.Key_F5, Qt.KeyboardModifier.ShiftModifier)
    assert bench.stops == 1


@pytest.mark.parametrize("bench", [{"out": Path("x")}], indirect=True)
def test_stop_while_recording_asks_and_f8_works_meanwhile(bench: Bench, qtbot: QtBot) -> None:
    bench.window.refresh_board()
    bench.window.close()
    assert bench.window.isVisible(), "closing the window is stopping the run, and asks too"
    box = bench.window.stop_box
    assert box is not None
    assert box.defaultButton() is box.button(QMessageBox.StandardButton.No)
    qtbot.keyClick(box, Qt.Key.Key_F8)
    assert bench.asked == ["blank"]
    box.button(QMessageBox.StandardButton.No).click()
    assert (bench.stops, bench.window.stop_box) == (0, None)
    bench.window.stop_run()
    assert bench.window.stop_box is not None
    bench.window.stop_box.button(QMessageBox.StandardButton.Yes).click()
    assert bench.stops == 1


@pytest.mark.parametrize("bench", [{"screen": "PROJECTOR"}], indirect=True)
def test_participant_window_opens_on_its_own_screen(bench: Bench, qtbot: QtBot) -> None:
    qtbot.keyClick(bench.window, Qt.Key.Key_F6)
    window = bench.window.windows.participant
    assert window is not None
    assert window.screen().name() == "PROJECTOR"
    assert (window.width(), window.height()) == (640, 480)
    pixels = picture()
    bench.show(pixels)
    shown = pixels_of(window)
    assert not shown[:, :80].any(), "black beside the picture"
    # 480 rows hold 64 pixels 7.5 times; the middle of each is compared.
    centres = (np.arange(64) * 7.5 + 3.75).astype(int)
    assert np.array_equal(shown[centres][:, 80 + centres], pixels)
    qtbot.keyClick(window, Qt.Key.Key_F8)
    assert not pixels_of(window).any(), "F8 works from the participant's window"
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert bench.presses == 1, "the participant's key stops"
    bench.window.orders.toggle_participant()
    assert bench.window.windows.participant is None


@pytest.mark.parametrize(
    "bench", [{"screen": "CONSOLE"}, {"screen": "MIRROR"}, {"screen": "NONE"}, {}], indirect=True
)
def test_participant_window_refuses_other_screens(bench: Bench) -> None:
    bench.window.orders.toggle_participant()
    assert bench.window.windows.participant is None
    assert any("not opened" in line for line in bench.model.log_lines())


def test_an_alarm_stays_until_it_is_acknowledged(bench: Bench, qtbot: QtBot) -> None:
    bench.show(picture())
    bench.clock.advance(0.8)
    bench.window.refresh_board()
    bench.show(picture(), 1)
    bench.window.refresh_board()
    assert "over" in bench.window.alarm_line.label.text(), "the gate speaks again"
    assert "ALARM" in bench.window.status.log.toPlainText()
    assert bench.window.buttons["acknowledge"].isEnabled()
    qtbot.keyClick(bench.window, Qt.Key.Key_F4)
    assert "over" not in bench.window.alarm_line.label.text()
    assert not bench.window.buttons["acknowledge"].isEnabled()


def test_motion_limits_counters_and_the_map_are_shown(bench: Bench) -> None:
    values = {
        "fd_mm": 0.31, "fd_low_mm": 0.15, "fd_high_mm": 0.3, "motion_x_mm": 0.25, "yaw_deg": -0.5,
        "dvars_psc": 1.2, "roi_FFA_psc": 0.4, "tr_announced_s": 2.0, "volumes": 1.0,
    }  # fmt: skip
    quality = stamped(Quality, 100.0, index=0, t_data=2.0, values=values)
    beat = stamped(Beat, 100.0, pid=1, state="running", counts={"duplicates": 2})
    beat = structs.replace(beat, producer="bridge")
    t = np.zeros((8, 8, 4), np.float32)
    t[2:6, 2:6, 1:3] = 4.0
    statmap = stamped(
        StatMap, 100.0, index=0, t_data=2.0, contrast="face - house", dof=5.0,
        affine=tuple(np.eye(4).ravel()),
    )  # fmt: skip
    items = [("acquisition", Message(quality)), ("grants", Message(beat))]
    bench.model.take([*items, ("acquisition", Message(statmap, {"t": t}))], 100.0)
    bench.window.refresh_board()
    bench.window.side.draw()
    plots = bench.window.side.plots
    assert plots.displacement.levels_mm() == pytest.approx((0.15, 0.3))
    words = {trace.heading.text(): trace.figures.text() for trace in plots.traces}
    assert "right 0.25" in words["Head position, mm"]
    assert "yaw -0.50" in words["Head rotation, deg"]
    assert "FFA" in words["Regions, % change"]
    assert "1.20" in words["DVARS, %"]
    assert "Head motion" in bench.window.alarm_line.label.toolTip()
    assert bench.window.scan_line is not None
    assert "2.000 s" in bench.window.scan_line.scan.text()
    assert "▲ duplicates 2" in bench.window.scan_line.tallies.text()
    assert plots.slices is not None
    assert plots.slices.heading.text() == "Map, t: face > house"
    shown = plots.slices.item.image
    assert shown is not None
    assert plots.slices.item.levels is None, "drawn as it is, without a lookup table"
    plots.show_map(bench.model.newest_map())
    bench.window.side.draw()
    assert plots.slices.item.image is shown, "the same map again costs nothing"


def test_plots_are_drawn_one_by_one_with_pictures_in_between(bench: Bench, qtbot: QtBot) -> None:
    bench.window.side.draw()
    plots = bench.window.side.plots
    assert plots is not None

    def volume(index: int) -> None:
        values = {"fd_mm": 0.31, "motion_x_mm": 0.25, "dvars_psc": 1.2, "roi_FFA_psc": 0.4}
        quality = stamped(Quality, 100.0, index=index, t_data=2.0 * index, values=values)
        bench.model.take([("acquisition", Message(quality))], 100.0)
        bench.window.refresh_board()

    def drawn(points: int) -> int:
        lines = [[c.xData for c in t.curves if c.xData is not None] for t in plots.traces]
        return sum(any(len(x) == points for x in line) for line in lines)

    volume(0)
    assert drawn(1) == 0, "the board itself draws none"
    seen = []
    while plots.draw_next():
        seen.append(drawn(1))
    assert seen[-1] >= 4
    assert all(later - before <= 1 for before, later in pairwise([0, *seen]))
    volume(1)
    qtbot.waitUntil(lambda: drawn(2) == seen[-1], timeout=2000)


def test_a_click_gives_the_focus_to_nothing_but_what_is_typed_into(bench: Bench) -> None:
    typed = (QLineEdit, QAbstractSpinBox, QComboBox)
    taking = [
        w
        for w in bench.window.findChildren(QWidget)
        if w.focusPolicy() & Qt.FocusPolicy.ClickFocus and not isinstance(w, typed)
        if w.focusProxy() is None and w.isVisibleTo(bench.window) and not w.inherits("QListView")
        if not isinstance(w.parent(), typed) and not w.objectName().startswith("qt_")
    ]
    assert taking == []
    assert bench.window.focusWidget() in (None, bench.window), "nor does anything have it at first"


def test_everything_can_be_reached_and_has_a_name(bench: Bench) -> None:
    bench.say("stopped")
    for k in range(bench.window.side.count()):
        bench.window.side.setCurrentIndex(k)
        assert faults_of_reach(bench.window) == []


def test_help_lists_every_action(bench: Bench) -> None:
    bench.window.orders.show_help()
    assert bench.window.help_box is not None
    assert all(a.key in bench.window.help_box.text() for a in ACTIONS)
    bench.window.help_box.close()


def test_every_tab_fits_and_can_be_looked_at(bench: Bench) -> None:
    bench.show(picture())
    for k in range(bench.window.side.count()):
        bench.window.side.setCurrentIndex(k)
        bench.window.refresh_board()
        assert misfits(bench.window) == []
        screenshot(bench.window, f"run-{k}-{bench.window.side.tabText(k).lower()}")


def test_without_a_recording_the_lamp_is_dark_and_says_so(bench: Bench) -> None:
    bench.window.refresh_board()
    assert bench.window.strip.recording.text() == "○  not recording"


@pytest.mark.parametrize("bench", [{"out": Path("x"), "nodes": ("recorder", "gui")}], indirect=True)
def test_the_lamp_of_a_recording_is_red_and_counts(bench: Bench) -> None:
    for k in range(12):
        counts = {"bytes": k * 10**6, "recording_s": k, "disk_free": 9 * 60 * 10**6}
        beat = stamped(Beat, bench.clock.now(), k, pid=1, state="running", counts=counts)
        told = Message(structs.replace(beat, producer="recorder"))
        bench.model.take([("grants", told)], bench.clock.now())
        bench.window.refresh_board()
        bench.clock.advance(1.0)
    words = bench.window.strip.recording.text()
    assert "00:11 · 11.0 MB · disk: 9 min" in words
    red = (pixels_of(bench.window.strip.recording).astype(int) - (255, 92, 92)) ** 2
    assert (red.sum(axis=2) < 30).sum() > 50
