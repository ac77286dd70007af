"""The row below the timeline: back, play, forward, speed, where it is, and the slider."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from gui.palette import TEXT
from gui.replay.buttons import PageButton
from gui.replay.player import SPEEDS
from gui.replay.recording import Unit
from gui.texts import mark, tr

__all__ = ["Scrubber", "Transport"]

PAGE_STEPS = 10
_KEYS = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_PageUp: -PAGE_STEPS,
    Qt.Key.Key_PageDown: PAGE_STEPS,
}


class _Words(NamedTuple):
    """What the buttons are called."""

    back: str
    back_name: str
    forward: str
    forward_name: str
    keys: str


_UNITS: dict[Unit, _Words] = {
    "volume": _Words(
        mark("◀ Volume"), mark("One volume back"), mark("Volume ▶"), mark("One volume forward"),
        mark("Arrow keys step by one volume, page keys by ten."),
    ),
    "epoch": _Words(
        mark("◀ Epoch"), mark("One epoch back"), mark("Epoch ▶"), mark("One epoch forward"),
        mark("Arrow keys step by one epoch, page keys by ten."),
    ),
    "second": _Words(
        mark("◀ Second"), mark("One second back"), mark("Second ▶"), mark("One second forward"),
        mark("Arrow keys step by one second, page keys by ten."),
    ),
}  # fmt: skip


class Scrubber(QSlider):
    """A slider over the recording in milliseconds, whose arrow keys go from volume to volume."""

    stepped = Signal(int)

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setAccessibleName(tr("Place in the recording"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Step by volume; Home and End go to the ends."""
        by = _KEYS.get(Qt.Key(event.key()))
        if by is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(by)


class Transport(QWidget):
    """Buttons, speed, place and slider."""

    asked = Signal(float)
    stepped = Signal(int)
    toggled = Signal()
    speed_chosen = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.back = PageButton("", "", lambda: self.stepped.emit(-1))
        self.play = PageButton(tr("▶ Play"), tr("Play"), self.toggled.emit)
        self.forward = PageButton("", "", lambda: self.stepped.emit(1))
        self.speed = QComboBox()
        self.speed.setAccessibleName(tr("Speed"))
        self.speed.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for speed in SPEEDS:
            self.speed.addItem(f"{speed:g}x", speed)
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        self.speed.currentIndexChanged.connect(lambda at: self.speed_chosen.emit(float(SPEEDS[at])))
        self.place = QLabel("")
        self.place.setStyleSheet(f"color: {TEXT};")
        self.scrubber = Scrubber()
        self.scrubber.stepped.connect(self.stepped)
        self.scrubber.valueChanged.connect(lambda ms: self.asked.emit(ms / 1000))
        row = QHBoxLayout()
        row.setSpacing(6)
        speed_label = QLabel(tr("Speed"))
        for widget in (self.back, self.play, self.forward, speed_label, self.speed):
            row.addWidget(widget)
        row.addSpacing(12)
        row.addWidget(self.place, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.scrubber)
        column.addLayout(row)
        self.play.setMinimumWidth(96)
        self.set_unit("volume")

    def set_unit(self, unit: Unit) -> None:
        """Say what a step is: on the buttons, and to screen readers."""
        words = _UNITS[unit]
        self.back.set_words(tr(words.back), tr(words.back_name))
        self.forward.set_words(tr(words.forward), tr(words.forward_name))
        self.scrubber.setAccessibleDescription(tr(words.keys))

    def set_length(self, end_s: float) -> None:
        """Take another recording."""
        self.scrubber.blockSignals(True)
        self.scrubber.setRange(0, max(0, round(end_s * 1000)))
        self.scrubber.setPageStep(max(1, round(end_s * 50)))
        self.scrubber.setValue(0)
        self.scrubber.blockSignals(False)
        self.setEnabled(end_s > 0)

    def show_place(self, t_s: float, words: str, *, playing: bool) -> None:
        """Tell where it is."""
        self.scrubber.blockSignals(True)
        self.scrubber.setValue(round(t_s * 1000))
        self.scrubber.blockSignals(False)
        if self.place.text() != words:
            self.place.setText(words)
        text, name = (tr("❚❚ Pause"), tr("Pause")) if playing else (tr("▶ Play"), tr("Play"))
        if self.play.text() != text:
            self.play.setText(text)
            self.play.setAccessibleName(name)
