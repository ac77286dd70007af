from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.unit.gui_bench import drop, enlarged, left_running, pixels_of, screenshot

# isort: split
import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtCore import QEvent, QRect, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QScreen
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from gui.viewers.draw import lamp_place
from gui.viewers.observer import ObserverWindow, observer_view
from gui.viewers.participant import STOP_KEYS, ParticipantWindow
from gui.viewers.state import ViewerState
from gui.viewers.window import ViewerWindow
from phosphene.errors import ConfigError
from phosphene.messages import Frame
from phosphene.sink import Showing

RNG = np.random.default_rng(0)
RED = (255, 59, 48)
BLUE = (108, 182, 255)
PASSING = ViewerState(passing=True)
STOP_NAMES = sorted(key.name for key in STOP_KEYS)


def screen(name: str) -> QScreen:
    return next(s for s in QGuiApplication.screens() if s.name() == name)


def noise(side: int = 8) -> npt.NDArray[np.uint8]:
    return RNG.integers(0, 256, (side, side, 3), dtype=np.uint8)


def count(pixels: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((pixels == colour).all(axis=2).sum())


@pytest.fixture
def presses() -> list[str]:
    return []


@pytest.fixture
def participant(qapp: QApplication, presses: list[str]) -> Iterator[ParticipantWindow]:
    made = ParticipantWindow(
        "PROJECTOR", screen("CONSOLE"), stop=lambda: presses.append("stop"), codes=(2,)
    )
    made.showFullScreen()
    QApplication.processEvents()
    yield made
    drop(made)


@pytest.fixture
def observer(qapp: QApplication) -> Iterator[ObserverWindow]:
    made = ObserverWindow("PROJECTOR", "CONSOLE")
    made.showFullScreen()
    QApplication.processEvents()
    yield made
    drop(made)


# ---- where they are ------------------------------------------------------------------------------


def test_it_fills_its_own_screen(participant: ParticipantWindow) -> None:
    assert participant.screen().name() == "PROJECTOR"
    assert participant.geometry() == QRect(1280, 0, 640, 480)
    assert participant.on_right_screen()
    assert not participant.on_right_screen(screen("PROJECTOR")), "the operator's window came here"
    assert "operator" in participant.why_wrong(screen("PROJECTOR"))


@pytest.mark.parametrize("name", ["CONSOLE", "MIRROR", "NONE", "", None])
def test_no_other_screen_is_taken(qapp: QApplication, name: str | None) -> None:
    with pytest.raises(ConfigError, match="--participant-screen"):
        ParticipantWindow(name, screen("CONSOLE"))


@pytest.mark.parametrize("name", ["CONSOLE", "MIRROR", "PROJECTOR"])
def test_an_observers_window_keeps_off_the_others_screens(qapp: QApplication, name: str) -> None:
    with pytest.raises(ConfigError, match="--screen"):
        ObserverWindow(name, "CONSOLE", keep_off=["PROJECTOR"])


def test_it_closes_when_its_screen_goes(
    participant: ParticipantWindow, qapp: QApplication, qtbot: QtBot
) -> None:
    participant.show_view(replace(PASSING, picture=noise()))
    qapp.screenRemoved.emit(screen("CONSOLE"))
    assert participant.isVisible(), "another's screen"
    with qtbot.waitSignal(participant.closed, timeout=1000) as told:
        qapp.screenRemoved.emit(screen("PROJECTOR"))
    assert "disconnected" in told.args[0]
    assert not participant.isVisible()
    assert participant.shown.picture is None


def test_on_another_screen_it_is_black_and_leaves(
    participant: ParticipantWindow, qtbot: QtBot
) -> None:
    participant.grace_ms = 50
    participant.show_view(replace(PASSING, picture=noise()))
    with qtbot.waitSignal(participant.closed, timeout=2000) as told:
        participant.showNormal()
        participant.setScreen(screen("CONSOLE"))
        participant.setGeometry(0, 0, 640, 480)
        assert not pixels_of(participant).any(), "not one pixel of it, not even before it closes"
    assert "moved" in told.args[0]
    assert not participant.isVisible()


def test_a_timer_that_comes_early_is_followed_by_another(participant: ParticipantWindow) -> None:
    participant.grace_ms = 60_000
    participant.showNormal()
    participant.setScreen(screen("CONSOLE"))
    participant.setGeometry(0, 0, 640, 480)
    assert not pixels_of(participant).any()
    participant._patience.stop()
    participant._patience.timeout.emit()
    assert participant.isVisible(), "its time is not over"
    assert participant._patience.isActive()
    assert participant._patience.timerType() == Qt.TimerType.PreciseTimer
    participant.close()
    assert left_running(participant) == []


def test_a_desktop_may_take_a_moment_to_put_it_in_place(participant: ParticipantWindow) -> None:
    pixels = noise()
    participant.grace_ms = 60_000
    participant.show_view(replace(PASSING, picture=pixels))
    participant.setScreen(screen("CONSOLE"))
    participant.setGeometry(0, 0, 640, 480)
    assert not participant.on_right_screen()
    assert not pixels_of(participant).any()
    assert participant.why_wrong() == "", "not for long enough to close"
    participant.setScreen(screen("PROJECTOR"))
    participant.setGeometry(1280, 0, 640, 480)
    participant.show_view(replace(PASSING, picture=pixels))
    assert pixels_of(participant).any()
    assert participant.isVisible()


def test_an_ordinary_observers_window_goes_dark_on_the_participants_screen(
    qapp: QApplication, qtbot: QtBot
) -> None:
    window = ObserverWindow(keep_off=["PROJECTOR"])
    window.grace_ms = 50
    try:
        window.show()
        window.show_view(replace(PASSING, picture=noise()))
        assert pixels_of(window).any()
        with qtbot.waitSignal(window.closed, timeout=2000):
            window.setScreen(screen("PROJECTOR"))
            window.move(1300, 10)
            assert not pixels_of(window).any()
    finally:
        drop(window)


# ---- what they show ------------------------------------------------------------------------------


def test_the_picture_is_drawn_pixel_by_pixel_in_the_middle(participant: ParticipantWindow) -> None:
    pixels = noise(8)
    participant.show_view(replace(PASSING, picture=pixels))
    shown = pixels_of(participant)
    assert np.array_equal(shown[:, 80:560], enlarged(pixels, 60))
    assert not shown[:, :80].any()
    assert not shown[:, 560:].any()
    participant.show_view(ViewerState())
    assert not pixels_of(participant).any()


@pytest.mark.parametrize("score", [0.0, 0.25, 0.5, 1.0])
def test_the_thermometer_is_as_high_as_the_score(
    participant: ParticipantWindow, score: float
) -> None:
    participant.show_view(replace(PASSING, display="thermometer", score=score))
    shown = screenshot(participant, f"participant-thermometer-{round(100 * score)}")
    column = (shown[:, 320] == BLUE).all(axis=1)
    full = 0.76 * 480
    assert column.sum() == pytest.approx(score * full, abs=6)


def test_the_score_is_written_and_the_curve_is_drawn(participant: ParticipantWindow) -> None:
    participant.show_view(replace(PASSING, display="score", score=0.634, instruction="Go up"))
    written = screenshot(participant, "participant-score")
    assert count(written, BLUE) == 0
    assert written[100:].any()
    points = tuple((60.0 - t, 0.5 + 0.4 * np.sin(t / 8)) for t in range(0, 61, 2))
    curve = replace(PASSING, display="curve", score=0.5, curve=points, instruction="Go up")
    participant.show_view(curve)
    drawn = screenshot(participant, "participant-curve")
    blue = (drawn == BLUE).all(axis=2)
    assert blue.any(axis=0).sum() > 450, "from one side to the other"
    rows = np.flatnonzero(blue.any(axis=1))
    area = (480 - 2 * 77) * 0.7
    assert np.ptp(rows) == pytest.approx(0.8 * area, rel=0.1)


@pytest.mark.parametrize("length", [12, 200])
def test_an_instruction_fits_and_stands_above_the_cross(
    participant: ParticipantWindow, length: int
) -> None:
    words = ("Make it rise " * 20)[:length].strip()
    participant.show_view(replace(PASSING, instruction=words, fixation=True, recording=True))
    shown = screenshot(participant, f"participant-instruction-{length}")
    lamp = lamp_place(participant.rect())
    top = shown[: round(0.24 * 480)]
    assert top[:, : lamp.left() - 8].any()
    assert not top[:, lamp.left() - 8 : lamp.left() - 2].any(), "beside the lamp"
    assert not top[:2].any(), "no line is cut off"
    assert not shown[round(0.24 * 480) : 200].any(), "nothing between words and cross"
    rows, columns = np.nonzero(shown[200:].any(axis=2))
    assert (rows.min() + rows.max()) / 2 + 200 == pytest.approx(240, abs=2)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(320, abs=2)


def test_the_same_view_is_not_painted_again(participant: ParticipantWindow) -> None:
    painted: list[QEvent.Type] = []

    class Spy(QWidget):
        def eventFilter(self, _watched: object, event: QEvent) -> bool:  # noqa: N802
            if event.type() == QEvent.Type.Paint:
                painted.append(event.type())
            return False

    spy = Spy()
    participant.installEventFilter(spy)
    pixels = noise()
    for _ in range(20):
        participant.show_view(replace(PASSING, picture=pixels))
        QApplication.processEvents()
    assert len(painted) == 1
    participant.removeEventFilter(spy)


def test_the_test_card_goes_to_the_edges_and_shows_its_number(
    participant: ParticipantWindow,
) -> None:
    cards = []
    for number in (381, 742):
        participant.show_test_card(number)
        shown = screenshot(participant, f"participant-card-{number}")
        for edge in (shown[0], shown[-1], shown[:, 0], shown[:, -1]):
            assert (edge == (230, 233, 238)).all(), "the outermost pixels are seen"
        cards.append(shown)
    differs = np.argwhere((cards[0] != cards[1]).any(axis=2))
    assert len(differs) > 500, "the number can be told"
    participant.show_view(ViewerState())
    assert not pixels_of(participant).any(), "a view ends the card"


# ---- the lamp ------------------------------------------------------------------------------------

EVERYTHING = {
    "black": ViewerState(),
    "white": replace(PASSING, picture=np.full((4, 4, 3), 255, np.uint8)),
    "red": replace(PASSING, picture=np.full((4, 8, 3), RED, np.uint8)),
    "thermometer": replace(PASSING, display="thermometer", score=1.0),
    "words": replace(PASSING, instruction="Go " * 60, fixation=True, caption="Old " * 60),
}


@pytest.mark.parametrize("what", EVERYTHING)
@pytest.mark.parametrize("kind", ["participant", "observer"])
def test_nothing_covers_the_lamp(request: pytest.FixtureRequest, kind: str, what: str) -> None:
    window: ViewerWindow = request.getfixturevalue(kind)
    window.show_view(replace(EVERYTHING[what], recording=True))
    shown = screenshot(window, f"{kind}-recording-{what}")
    place = lamp_place(window.rect())
    lamp = shown[place.top() : place.bottom() + 1, place.left() : place.right() + 1]
    disc = lamp[:, -place.height() :]
    assert count(disc, RED) > 0.3 * place.height() ** 2
    word = lamp[:, : -place.height()]
    assert (word > 200).all(axis=2).sum() > 20, "the word REC stands beside it"
    assert not shown[place.top() - 2, place.left() : place.right()].any(), "on a ground of its own"
    assert not window.findChildren(QWidget), "there is nothing that could lie over it"
    window.show_view(ViewerState())
    assert count(pixels_of(window), RED) == 0, "and where nothing is recorded it is off"


def test_the_lamp_stays_while_the_card_is_shown_and_after_a_press(
    participant: ParticipantWindow,
) -> None:
    participant.show_view(replace(PASSING, picture=noise(), recording=True))
    participant.press()
    assert count(pixels_of(participant), RED) > 100
    participant.show_test_card(5)
    assert count(pixels_of(participant), RED) > 100


# ---- the stop key --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STOP_NAMES)
def test_a_stop_key_darkens_at_once_and_tells(
    participant: ParticipantWindow, presses: list[str], qtbot: QtBot, name: str
) -> None:
    view = replace(PASSING, picture=noise())
    participant.show_view(view)
    qtbot.keyClick(participant, Qt.Key[name])
    assert presses == ["stop"]
    assert not pixels_of(participant).any()
    participant.show_view(replace(PASSING, picture=noise()))
    assert not pixels_of(participant).any(), "what is still under way is not shown"
    participant.show_view(ViewerState())
    participant.show_view(view)
    assert pixels_of(participant).any(), "the gate has held back, and lets through again"


def test_other_keys_and_repeats_mean_nothing(
    participant: ParticipantWindow, presses: list[str], qtbot: QtBot
) -> None:
    participant.show_view(replace(PASSING, picture=noise()))
    for key in (Qt.Key.Key_5, Qt.Key.Key_T, Qt.Key.Key_F8, Qt.Key.Key_Tab):
        qtbot.keyClick(participant, key)
    press, none = QEvent.Type.KeyPress, Qt.KeyboardModifier.NoModifier
    repeated = QKeyEvent(press, Qt.Key.Key_Space, none, " ", autorep=True)
    QApplication.sendEvent(participant, repeated)
    assert presses == []
    assert pixels_of(participant).any()
    # A key that the session names, by its number in Linux' input layer (2 is the key of "1").
    for code, so_far in ((3, 0), (2, 1)):
        named = QKeyEvent(press, Qt.Key.Key_1, none, code + 8, 0, 0)
        QApplication.sendEvent(participant, named)
        assert len(presses) == so_far


def test_opening_takes_no_focus(participant: ParticipantWindow, observer: ObserverWindow) -> None:
    without = Qt.WidgetAttribute.WA_ShowWithoutActivating
    assert participant.testAttribute(without)
    assert observer.testAttribute(without)
    assert observer.focusPolicy() == Qt.FocusPolicy.NoFocus
    assert observer.windowFlags() & Qt.WindowType.WindowDoesNotAcceptFocus


# ---- observers -----------------------------------------------------------------------------------


def showing(age_s: float = 32.4, state: str = "picture") -> Showing:
    frame = Frame(
        run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="gate", t_due=0.0, t_rendered=0.0,
        late=False, skipped=0, render_ms=1.0, state=state, percept_seq=0, percept_index=5,
        confidence=0.5, age_s=0.1, t_percept=0.0, seed=0, model="m", sink="observer", level=2,
    )  # fmt: skip
    return Showing(noise(), frame, True, "", age_s)


def test_observers_are_told_what_it_is_and_how_old(observer: ObserverWindow) -> None:
    observer.show_view(observer_view(showing(), recording=True))
    assert "Generated from brain data" in observer.shown.caption
    assert "32 s" in observer.shown.caption
    shown = screenshot(observer, "observer")
    assert shown[-30:].any(), "below the picture"
    assert "nothing decoded" in observer_view(showing(state="neutral"), recording=True).caption


def test_observers_are_not_told_why_nothing_is_shown(observer: ObserverWindow) -> None:
    secret = Showing(None, None, False, "the participant pressed stop", None)
    view = observer_view(secret, recording=False)
    observer.show_view(view)
    screenshot(observer, "observer-nothing")
    assert "stop" not in view.caption
    held = observer_view(Showing(None, None, False, "blanked by the operator", None),
                         recording=False)  # fmt: skip
    assert view.same(held)


@pytest.mark.parametrize("make", [lambda: ParticipantWindow("PROJECTOR", screen("CONSOLE")),
                                  lambda: ObserverWindow()])  # fmt: skip
def test_nothing_of_a_closed_window_stays(
    qapp: QApplication, make: Callable[[], ViewerWindow]
) -> None:
    before = set(QApplication.topLevelWidgets())
    for _ in range(20):
        window = make()
        window.show()
        window.show_view(replace(PASSING, picture=noise()))
        drop(window)
    assert set(QApplication.topLevelWidgets()) <= before
    qapp.screenRemoved.emit(screen("PROJECTOR"))  # reaches none of them
