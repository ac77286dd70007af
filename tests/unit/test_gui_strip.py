"""The strip and the line of alarms say when something has no room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gui_bench import drop, screenshot

# The screens are set by now.
from PySide6.QtGui import QTextDocumentFragment  # isort: skip
from PySide6.QtWidgets import QApplication, QPushButton  # isort: skip

from gui import colours, texts
from gui.alarms import Alarm
from gui.palette import apply
from gui.strip import AlarmLine, Strip
from gui.words import consent_words
from phosphene.consent import Scope

EVERYTHING = [scope.value for scope in Scope]
LAMPS = ("REC brain data + pictures · 1:00:39 · 999.8 MB · disk: over 10 h", "participant view on")


@pytest.fixture
def strip(qapp: QApplication) -> Iterator[Strip]:
    apply(qapp)
    made = Strip("pilot")
    made.tell_state("RUNNING")
    made.acquiring.tell(True, "acquiring")
    made.participant.tell(True, LAMPS[1])
    made.recording.tell(True, LAMPS[0])
    made.tell_consent(consent_words(EVERYTHING))
    made.show()
    yield made
    drop(made)
    texts.use("en")


def shown(strip: Strip) -> str:
    return QTextDocumentFragment.fromHtml(strip.consent.text()).toPlainText()


def test_a_consent_that_has_room_is_told_whole(strip: Strip) -> None:
    strip.resize(1500, 44)
    QApplication.processEvents()
    assert shown(strip) == f"Consent: {consent_words(EVERYTHING)}"


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("width", [1300, 1052])
def test_what_of_the_consent_has_no_room_is_counted(
    strip: Strip, width: int, language: str
) -> None:
    texts.use(language)
    words = consent_words(EVERYTHING)
    strip.tell_consent("")
    strip.tell_consent(words)
    strip.resize(width, 44)
    QApplication.processEvents()
    screenshot(strip, f"strip-{width}-{language}")
    label, parts = strip.consent, words.split(", ")
    assert words in label.toolTip() and words in label.accessibleName()
    told = shown(strip)
    whole = sum(part in told for part in parts)
    assert whole == len(parts) or str(len(parts) - whole) in told
    assert label.heightForWidth(label.width()) <= label.height(), "nothing is cut"


def test_the_words_come_back_with_the_room(strip: Strip) -> None:
    for width in (900, 1500):
        strip.resize(width, 44)
        QApplication.processEvents()
        assert (" more" in shown(strip)) == (width == 900)


def test_a_long_alarm_leaves_room_for_the_number_of_the_others(qapp: QApplication) -> None:
    apply(qapp)
    line = AlarmLine(QPushButton("Seen"))
    line.resize(420, 24)
    line.show()
    QApplication.processEvents()
    long = "bridge: " + "a very long sentence of a node " * 4
    line.tell([Alarm("medium", long), Alarm("info", "b"), Alarm("info", "c")], [])
    text = line.label.text()
    assert "…" in text and text.endswith("(+2 more)")
    room = line.label.contentsRect().width()
    assert line.label.fontMetrics().horizontalAdvance(text) <= room
    assert long in line.label.toolTip()
    line.resize(1800, 24)
    QApplication.processEvents()
    assert long in line.label.text()
    drop(line)


def test_each_colour_with_a_meaning_is_written_down_once() -> None:
    root = Path(colours.__file__).parent
    sources = {p: p.read_text("utf-8").lower() for p in root.rglob("*.py")}
    for name in (colours.FINE, colours.RED, colours.AMBER, colours.CYAN, colours.GREY):
        assert [p.name for p, text in sources.items() if name in text] == ["colours.py"]
