from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.unit.gui_bench import drop, faint, faults_of_reach, misfits

# The screens are set by now.
from PySide6.QtCore import Qt  # isort: skip
from PySide6.QtGui import QColor, QFontInfo, QPalette  # isort: skip
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget  # isort: skip

from gui import colours, texts
from gui.colours import CURVES, DIM, GROUNDS, INK, LEAST_CONTRAST, LINK, TEXT, contrast
from gui.images import image_of
from gui.language import VARIABLE, has_letters, speak
from gui.palette import apply, look
from gui.words import ALARM_COLOURS, MODE_COLOURS, STATE_COLOURS
from phosphene.errors import ConfigError

BOTH = (QPalette.ColorGroup.Active, QPalette.ColorGroup.Disabled)
PAIRS = (
    (QPalette.ColorRole.WindowText, QPalette.ColorRole.Window),
    (QPalette.ColorRole.Text, QPalette.ColorRole.Base),
    (QPalette.ColorRole.Text, QPalette.ColorRole.AlternateBase),
    (QPalette.ColorRole.ButtonText, QPalette.ColorRole.Button),
    (QPalette.ColorRole.ToolTipText, QPalette.ColorRole.ToolTipBase),
    (QPalette.ColorRole.HighlightedText, QPalette.ColorRole.Highlight),
    (QPalette.ColorRole.PlaceholderText, QPalette.ColorRole.Base),
    (QPalette.ColorRole.Link, QPalette.ColorRole.Window),
)


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    texts.use("en")


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == contrast("#ffffff", "#000000") == 21.0
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)
    assert contrast(TEXT, TEXT) == 1.0


@pytest.mark.parametrize(
    "colour", sorted({TEXT, DIM, LINK, *CURVES, *ALARM_COLOURS.values(), *STATE_COLOURS.values()})
)
def test_every_colour_of_text_can_be_read_on_what_it_stands_on(colour: str) -> None:
    worst = min(contrast(colour, ground) for ground in GROUNDS[:2])
    assert worst >= LEAST_CONTRAST, f"{colour}: {worst:.2f}"


@pytest.mark.parametrize("colour", sorted({*ALARM_COLOURS.values(), *MODE_COLOURS.values()}))
def test_dark_text_can_be_read_on_bright_grounds(colour: str) -> None:
    assert contrast(INK, colour) >= LEAST_CONTRAST


@pytest.mark.parametrize("group", BOTH, ids=["active", "disabled"])
def test_the_palette_names_both_colours_of_every_pair(group: QPalette.ColorGroup) -> None:
    palette = look()
    for text, ground in PAIRS:
        one, other = (palette.color(group, role).name() for role in (text, ground))
        assert contrast(one, other) >= LEAST_CONTRAST, f"{text.name} on {ground.name}"
    assert palette.color(QPalette.ColorRole.Window) == QColor(colours.BACKGROUND)


def test_the_look_does_not_follow_the_desktop(qapp: QApplication) -> None:
    apply(qapp)
    assert qapp.style().objectName() == "fusion"
    assert QApplication.font().pixelSize() == 12
    widget = QWidget()
    assert widget.palette().color(QPalette.ColorRole.Window) == QColor(colours.BACKGROUND)
    assert QFontInfo(widget.font()).family() == "DejaVu Sans"
    drop(widget)


def _page() -> tuple[QWidget, QLabel, QPushButton, QLineEdit]:
    page = QWidget()
    page.resize(400, 300)
    label, button, line = QLabel("Some words", page), QPushButton(page), QLineEdit(page)
    label.setGeometry(10, 10, 200, 20)
    button.setGeometry(10, 40, 100, 24)
    line.setGeometry(10, 80, 100, 24)
    return page, label, button, line


def test_what_tests_of_pages_look_for_is_found(qapp: QApplication) -> None:
    apply(qapp)
    page, label, button, line = _page()
    assert len(faults_of_reach(page)) == 2, "neither button nor line has a name"
    button.setText("Go")
    line.setAccessibleName("Pseudonym")
    assert faults_of_reach(page) == []
    line.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    assert len(faults_of_reach(page)) == 1, "no Tab reaches the line"
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    assert len(faults_of_reach(page)) == 1, "a button with a key needs no focus"
    page.show()
    assert faint(page) == []
    label.setStyleSheet("color: #555b66;")
    assert len(faint(page)) == 1
    assert misfits(page, (400, 300)) == []
    line.move(350, 80)
    assert len(misfits(page, (400, 300))) == 1
    drop(page)


def test_a_language_is_shown_where_there_are_letters_for_it() -> None:
    assert speak("ja", {}, lambda _: True) == ""
    assert texts.language() == "ja"
    assert "fonts-noto-cjk" in speak("ja", {}, lambda _: False)
    assert texts.language() == "en"
    assert speak(None, {VARIABLE: "ja"}, lambda _: True) == ""
    assert texts.language() == "ja"
    assert speak(None, {}, lambda _: True) == ""
    assert texts.language() == "en"


def test_a_language_that_does_not_exist_is_refused_but_ends_no_window() -> None:
    with pytest.raises(ConfigError, match="Choose"):
        speak("xx", {}, lambda _: True)
    assert "xx" in speak(None, {VARIABLE: "xx"}, lambda _: True)
    assert texts.language() == "en"


def test_there_are_always_letters_for_english(qapp: QApplication) -> None:
    assert has_letters("en")


def test_an_image_has_the_pixels_and_memory_of_its_own() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    held = picture.copy()
    image = image_of(picture[:, ::-1])
    picture[:] = 0
    assert (image.width(), image.height()) == (7, 5)
    found = [[image.pixelColor(x, y).getRgb()[:3] for x in range(7)] for y in range(5)]
    assert np.array_equal(np.array(found), held[:, ::-1])
