"""What the operator asks for on a run's page, and what the gate and the renderer are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gui_bench import screenshot
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
)
from pytestqt.qtbot import QtBot
from run_page_bench import Bench, on_show, picture, stamped

from gui.answers import Painted
from gui.palette import apply
from gui.run_windows import RunWindows
from phosphene.messages import Beat, Event, Features, Message
from phosphene.plan import Plan
from phosphene.session import Session


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> None:
    apply(qapp)


@pytest.fixture
def bench(qtbot: QtBot, look: None, request: pytest.FixtureRequest) -> Iterator[Bench]:
    with on_show(dict(getattr(request, "param", {}))) as made:
        yield made


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


def test_where_observers_may_see_nothing_no_window_opens(bench: Bench) -> None:
    windows = bench.window.windows
    windows.toggle_observer(bench.window.screen())
    assert windows.observer is None, "level_observer is 0: there is nothing to watch"
    bench.window.refresh_board()
    assert "level_observer" in bench.window.status.log.toPlainText()


Opened = Callable[[str | None, str | None], tuple[RunWindows, list[str]]]


@pytest.fixture
def observed(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Windows of a run with observers, for a participant's and an observers' screen; what is said.

    What the observers' process would have been told is said as well.
    """
    made: list[RunWindows] = []
    source = {"kind": "recording", "path": "x"}
    facts = {"person": "p", "modality": "fmri", "source": source, "gate": {"level_observer": 2}}
    run = Plan(run="r", mode="replay", folder=Path("/f"), session=Session.model_validate(facts))

    def opened(participant: str | None, observers: str | None) -> tuple[RunWindows, list[str]]:
        said: list[str] = []
        monkeypatch.setattr(
            RunWindows, "_start", lambda self, process, given: said.append(" ".join(given))
        )
        made.append(RunWindows(run, said.append, participant, None, observers))
        made[-1].toggle_observer(QApplication.primaryScreen())
        return made[-1], said

    yield opened
    for windows in made:
        windows.shut()
        assert windows.observer is None


@pytest.mark.parametrize(
    ("participant", "observers", "place"),
    [
        ("PROJECTOR", None, " --keep-off PROJECTOR"),
        (None, None, ""),
        (None, "PROJECTOR", " --screen PROJECTOR"),
    ],
)
def test_what_the_observers_window_is_told(
    observed: Opened, participant: str | None, observers: str | None, place: str
) -> None:
    windows, said = observed(participant, observers)
    told = f"-m gui.observer --run /f --operator-screen CONSOLE --language en{place}"
    where = f" on {observers}" if observers else ""
    assert said == [told, f"observer window started{where}"]
    assert windows.observer is not None


@pytest.mark.parametrize(
    ("participant", "observers", "why"),
    [
        (None, "CONSOLE", "the operator's own screen"),
        (None, "MIRROR", "mirrors no other"),
        ("PROJECTOR", "PROJECTOR", "in use"),
        (None, "BEAMER", "'BEAMER'"),
    ],
)
def test_an_observers_window_opens_on_no_other_screen(
    observed: Opened, participant: str | None, observers: str, why: str
) -> None:
    windows, said = observed(participant, observers)
    assert windows.observer is None
    assert len(said) == 1
    assert said[0].startswith("observer window not opened: --observer-screen: got")
    assert why in said[0]
