from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from gui_bench import enlarged, faults_of_reach, left_running, misfits, pixels_of, screenshot
from msgspec import structs
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QMessageBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from gui.actions import ACTIONS, RUN_ACTIONS
from gui.answers import Painted
from gui.model import RunModel
from gui.palette import apply
from gui.pictures import PicturePanel
from gui.run_windows import RunWindows
from gui.window import OperatorWindow
from phosphene.clock import FakeClock
from phosphene.messages import Beat, Event, Features, Frame, Grant, Message, Quality, StatMap, View
from phosphene.plan import Plan
from phosphene.session import Session

RNG = np.random.default_rng(0)


def plan(folder: Path = Path("/"), **fields: Any) -> Plan:
    source = {"kind": "recording", "path": "x"}
    session = Session.model_validate({"person": "p01", "modality": "fmri", "source": source})
    facts: dict[str, Any] = {"run": "r1", "mode": "replay", "nodes": ("recorder", "gui")}
    return Plan(**(facts | fields), folder=folder, session=session)


def picture() -> npt.NDArray[np.uint8]:
    return RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)


def stamped(kind: type, t: float, seq: int = 0, **fields: Any) -> Any:
    return kind(run="r1", seq=seq, t_acquired=t, t_sent=t, producer="gate", **fields)


def frame(t: float, pixels: npt.NDArray[np.uint8], seq: int, sink: str) -> tuple[str, Message]:
    header = stamped(
        Frame, t, seq, t_due=t, t_rendered=t, late=False, skipped=0, render_ms=1.0,
        state="picture", percept_seq=0, percept_index=5, confidence=0.5, age_s=0.1,
        t_percept=t, seed=0, model="m", sink=sink, level=4,
    )  # fmt: skip
    return f"view-{sink}", Message(header, {"picture": pixels})


def view(t: float, sink: str, passing: bool = True) -> tuple[str, Message]:
    header = stamped(View, t, sink=sink, passing=passing, reason="", passed=0)
    return f"view-{sink}", Message(header)


class Bench:
    """A window with a model, a clock that stands still and a list of what it asked for."""

    def __init__(self, run: Plan, screen: str | None) -> None:
        self.clock = FakeClock(100.0)
        self.model = RunModel(run)
        self.asked: list[str] = []
        self.given: list[Mapping[str, str]] = []
        self.painted: list[Mapping[str, str]] = []
        self.stops = self.presses = 0
        self.window = OperatorWindow(
            run, self.model, self.clock, self._ask, self._stop, screen,
            paint=self.painted.append, press=self._press,
        )  # fmt: skip
        self.window.tell_phase(going=True, ended=False)

    def _ask(self, action: str, arguments: Mapping[str, str] | None = None) -> None:
        self.asked.append(action)
        self.given.append(arguments or {})

    def _press(self) -> None:
        self.presses += 1

    def say(self, phase: str, reason: str = "", scopes: tuple[str, ...] = ("view_self",)) -> None:
        """Have the gate say how far the run is."""
        now = self.clock.now()
        messages: list[tuple[str, Message]] = []
        for sink in ("operator", "self"):
            passing = phase == "running"
            fields = {"sink": sink, "passing": passing, "reason": reason, "passed": 0}
            messages.append((f"view-{sink}", Message(stamped(View, now, phase=phase, **fields))))
        grant = stamped(Grant, now, person="p01", scopes=scopes, decode=False, reason="x")
        self.model.take([*messages, ("grants", Message(grant))], now)
        self.window.refresh_board()

    def _stop(self) -> None:
        self.stops += 1

    def show(self, pixels: npt.NDArray[np.uint8], seq: int = 0) -> None:
        now = self.clock.now()
        messages = []
        for sink in ("operator", "self"):
            messages += [view(now, sink), frame(now, pixels, seq, sink)]
        self.model.take(messages, now)
        self.window.refresh_pictures()


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> None:
    """Give the application its look once: it goes through every widget there is."""
    apply(qapp)


@pytest.fixture
def bench(qtbot: QtBot, look: None, request: pytest.FixtureRequest) -> Iterator[Bench]:
    fields = dict(getattr(request, "param", {}))
    made = Bench(plan(**{k: v for k, v in fields.items() if k != "screen"}), fields.get("screen"))
    made.window.show()
    QApplication.processEvents()
    yield made
    made.window.shut()
    running = left_running(made.window)
    made.window.deleteLater()
    # Now, not when an event loop runs again: windows that pile up slow the next ones down.
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not running


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
    assert plots.slices.item.image is shown, "the same map again costs nothing"


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


def test_the_banner_asks_who_agrees_after_a_stop(bench: Bench, qtbot: QtBot) -> None:
    bench.say("stopped", "the participant pressed stop")
    banner = bench.window.banner
    assert banner.isVisible()
    assert bench.window.strip.state.text().startswith("BLANKED")
    assert not bench.window.buttons["unblank"].isEnabled(), "to confirm comes first"
    screenshot(bench.window, "run-stopped")
    qtbot.keyClick(bench.window, Qt.Key.Key_F8, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.focusWidget() is banner.person
    qtbot.keyClicks(banner.person, "p01")
    qtbot.keyClick(banner.person, Qt.Key.Key_Return)
    assert bench.asked == [], "not without the participant's agreement"
    banner.agreed.setChecked(True)
    qtbot.keyClick(banner.person, Qt.Key.Key_Return)
    assert (bench.asked, bench.given) == (["confirm"], [{"person": "p01", "agreed": "yes"}])
    assert not banner.agreed.isChecked(), "the next stop needs an agreement of its own"
    bench.say("blanked", "blanked until the operator unblanks")
    assert not banner.isVisible()
    assert bench.window.buttons["unblank"].isEnabled()


def test_a_withdrawn_consent_can_not_be_confirmed(bench: Bench) -> None:
    bench.say("stopped", "withdrawn", scopes=())
    assert "withdrawn" in bench.window.banner.words.text()
    assert not bench.window.banner.person.isVisible()
    assert not bench.window.actions_by_id["confirm"].isEnabled()


def test_a_marker_is_typed_sent_and_told(bench: Bench, qtbot: QtBot) -> None:
    bench.show(picture())
    bench.window.refresh_board()
    qtbot.keyClick(bench.window, Qt.Key.Key_F9)
    box = bench.window.marker_box
    assert QApplication.focusWidget() is box
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert bench.asked == [], "an empty one says nothing"
    qtbot.keyClicks(box, "door opened")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert (bench.asked, bench.given) == (["marker"], [{"text": "door opened"}])
    assert box.text() == ""
    qtbot.keyClick(box, Qt.Key.Key_F8)
    assert bench.asked[-1] == "blank", "F8 works while somebody types"
    event = stamped(Event, 100.0, t_data=12.5, label="door opened", stream="marker")
    bench.model.take([("grants", Message(event))], 100.0)
    bench.window.refresh_board()
    assert "marker at 12.5 s: door opened" in bench.window.status.log.toPlainText()


def test_pause_is_asked_for_and_taken_back(bench: Bench, qtbot: QtBot) -> None:
    bench.say("running")
    qtbot.mouseClick(bench.window.buttons["pause"], Qt.MouseButton.LeftButton)
    assert bench.asked == ["pause"]
    bench.say("paused", "paused by the operator")
    assert bench.window.strip.state.text() == "PAUSED"
    assert "Go on" in bench.window.buttons["pause"].text()
    bench.window.orders.toggle_pause()
    assert bench.asked == ["pause", "resume"]


def test_an_armed_run_shows_the_button_that_begins_it(bench: Bench, qtbot: QtBot) -> None:
    bench.say("running")
    assert not bench.window.buttons["begin"].isVisible()
    bench.say("armed", "armed: waiting for the operator's start")
    assert bench.window.strip.state.text() == "ARMED"
    qtbot.mouseClick(bench.window.buttons["begin"], Qt.MouseButton.LeftButton)
    assert bench.asked == ["begin"]


@pytest.mark.parametrize("bench", [{"mode": "live"}], indirect=True)
def test_a_live_run_without_data_goes_blank_by_itself_once(bench: Bench) -> None:
    bench.show(picture())
    header = Features(
        run="r1", seq=0, t_acquired=100.0, t_sent=100.0, producer="acquisition", kind="fmri",
        index=0, t_data=2.0, mask_hash="m", ready=True,
    )  # fmt: skip
    bench.model.take([("acquisition", Message(header))], 100.0)
    bench.window.refresh_board()
    assert bench.asked == []
    for seq in range(1, 8):
        bench.clock.advance(1.0)
        bench.show(picture(), seq)
        bench.window.refresh_board()
    assert bench.asked == ["blank"]
    assert "no volume" in bench.given[0]["reason"]


def test_observers_frames_are_released_or_withdrawn(bench: Bench, qtbot: QtBot) -> None:
    bench.say("running")
    assert not bench.window.buttons["release"].isEnabled(), "nobody waits for anything"
    beat = stamped(Beat, 100.0, pid=1, state="running", counts={"frames_held": 12})
    bench.model.take([("grants", Message(beat))], 100.0)
    bench.window.refresh_board()
    assert "(12)" in bench.window.buttons["release"].text()
    qtbot.keyClick(bench.window, Qt.Key.Key_F10)
    qtbot.keyClick(bench.window, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    assert bench.asked == ["release", "withdraw"]


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


def test_the_picture_is_changed_only_as_far_as_the_run_allows(bench: Bench, qtbot: QtBot) -> None:
    bench.say("running")
    panel = bench.window.side.paint_panel
    bench.window.side.setCurrentWidget(panel)
    assert panel.editors["mode"].isEnabled(), "a replay has nobody to mislead"
    assert not panel.editors["seed"].isEnabled()
    assert panel.changed() == {}
    mode = panel.editors["mode"]
    assert isinstance(mode, QComboBox)
    mode.setCurrentText("c")
    qtbot.mouseClick(panel.apply, Qt.MouseButton.LeftButton)
    assert bench.painted == [{"mode": "c"}]
    bench.model.answered("set", ok=False, text="busy")
    bench.window.refresh_board()
    assert "busy" in panel.answer.text()
    assert panel.changed() == {"mode": "c"}, "refused: not what is painted"
    qtbot.mouseClick(panel.apply, Qt.MouseButton.LeftButton)
    bench.model.answered("set", ok=True, text="set mode=c")
    assert bench.model.painting == Painted("set mode=c", 2, ok=True)
    bench.window.refresh_board()
    assert panel.changed() == {}


def test_the_observers_window_is_a_process_that_is_asked_to_end(bench: Bench, qtbot: QtBot) -> None:
    windows = bench.window.windows
    windows.toggle_observer(bench.window.screen())
    assert windows.observer is None, "level_observer is 0: there is nothing to watch"
    bench.window.refresh_board()
    assert "level_observer" in bench.window.status.log.toPlainText()


def test_what_the_observers_window_is_told(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[str]] = []
    monkeypatch.setattr(RunWindows, "_start", lambda self, process, given: told.append(given))
    source = {"kind": "recording", "path": "x"}
    facts = {"person": "p", "modality": "fmri", "source": source, "gate": {"level_observer": 2}}
    run = Plan(run="r", mode="replay", folder=Path("/f"), session=Session.model_validate(facts))
    said: list[str] = []
    windows = RunWindows(run, said.append, "PROJECTOR", None)
    screen = QApplication.primaryScreen()
    windows.toggle_observer(screen)
    assert told == [
        ["-m", "gui.observer", "--run", "/f", "--operator-screen", screen.name(),
         "--language", "en", "--keep-off", "PROJECTOR"],
    ]  # fmt: skip
    assert windows.observer is not None
    windows.shut()
    assert windows.observer is None
