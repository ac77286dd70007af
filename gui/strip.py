"""The strip at the top: mode, state, consent, lamps; and the line of alarms below it."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from gui.alarms import Alarm
from gui.colours import CYAN, FINE, INK, RED
from gui.consent_words import ConsentWords
from gui.latch import Latched
from gui.palette import BACKGROUND, DIM, EDGE, PANEL
from gui.texts import tr
from gui.words import (
    ALARM_COLOURS,
    MODE_COLOURS,
    MODE_WORDS,
    STATE_COLOURS,
    STATE_WORDS,
    AlarmLevel,
    State,
)

__all__ = ["AlarmLine", "Lamp", "Strip"]

MARGIN_PX = 12


class Lamp(QLabel):
    """A dot and words; lit in its colour or dim."""

    def __init__(self, colour: str) -> None:
        super().__init__()
        self._colour = colour
        self._told: tuple[bool, str] | None = None
        self.setMinimumHeight(34)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def tell(self, lit: bool, words: str) -> None:
        """Light the lamp or not, with its words."""
        if (lit, words) == self._told:
            return
        self._told = lit, words
        self.setText(f"{'●' if lit else '○'}  {words}")
        colour = self._colour if lit else DIM
        edge = self._colour if lit else EDGE
        self.setStyleSheet(
            f"color: {colour}; border: 1px solid {edge}; border-radius: 4px; padding: 0 10px;"
            f"background: {PANEL}; font-weight: 600;"
        )


class Strip(QFrame):
    """Mode, state, consent in words, and three lamps: acquiring, participant, recording.

    Parameters
    ----------
    mode : str
        ``live``, ``replay`` or ``pilot``.
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = QLabel(tr(MODE_WORDS[mode]))
        self.mode.setStyleSheet(
            f"background: {MODE_COLOURS[mode]}; color: {INK}; font-size: 17px; font-weight: 700;"
            "padding: 0 16px; border-radius: 4px;"
        )
        self.state = QLabel("")
        self.state.setMinimumWidth(112)
        self.state.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.consent = ConsentWords()
        self.acquiring = Lamp(CYAN)
        self.participant = Lamp(FINE)
        self.recording = Lamp(RED)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        for widget in (self.mode, self.state):
            widget.setFixedHeight(36)
            row.addWidget(widget)
        row.addWidget(self.consent, 1)
        for lamp in (self.acquiring, self.participant, self.recording):
            row.addWidget(lamp)
        self._shown: tuple[State, AlarmLevel] | None = None
        self.tell_state("IDLE")

    def tell_state(self, state: State, silent: Alarm | None = None) -> None:
        """Show the state of the run; of one whose data are missing that is said with it."""
        # A scan that is over misses nothing.
        missing: AlarmLevel = "none" if silent is None or silent.over else silent.level
        if (state, missing) == self._shown:
            return
        self._shown = state, missing
        colour, words = STATE_COLOURS[state], tr(STATE_WORDS[state])
        if state == "RUNNING" and missing != "none":
            colour = ALARM_COLOURS[missing]
            words = f"{words} {'■' if missing == 'high' else '▲'} {tr('NO DATA')}"
        elif state == "BLANKED" and missing == "high":
            colour, words = ALARM_COLOURS[missing], f"{tr('BLANKED')} ■"
        self.state.setText(words)
        self.state.setStyleSheet(
            f"color: {colour}; border: 2px solid {colour}; border-radius: 4px; font-size: 15px;"
            "font-weight: 700;"
        )

    def tell_consent(self, words: str) -> None:
        """Show the consent in words."""
        self.consent.tell(words)


class AlarmLine(QWidget):
    """The worst alarm in words, and how many more there are.

    Parameters
    ----------
    button : QPushButton
        Acknowledges what is over.
    """

    def __init__(self, button: QPushButton) -> None:
        super().__init__()
        self.label = QLabel("")
        self.label.setFixedHeight(24)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.label, 1)
        row.addWidget(button)
        self._words = self._more = ""
        self._told: tuple[list[Alarm], list[Latched]] = ([], [])

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Show as much as there is room for now."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Shorten the words where they have no room, never the number of further alarms."""
        metrics, words = self.label.fontMetrics(), self._words
        room = self.label.width() - 2 * MARGIN_PX - metrics.horizontalAdvance(self._more)
        if self.isVisible():  # before that nobody knows how wide it will be
            words = metrics.elidedText(words, Qt.TextElideMode.ElideRight, room)
        self.label.setText(words + self._more)

    def tell(self, alarms: list[Alarm], over: list[Latched]) -> None:
        """Show the worst in full; what is over stays until it is acknowledged.

        Parameters
        ----------
        alarms : list of Alarm
            What is the matter now, the worst first.
        over : list of Latched
            What was the matter and has not been acknowledged, the worst first.
        """
        if (alarms, over) == self._told:
            return
        self._told = alarms, over
        lines = [(a, a.words()) for a in alarms if a.level != "none"]
        # What is over goes first no more.
        past = [(replace(o.alarm, first=False), o.at) for o in over]
        lines += [(a, f"{a.words()}   {tr('(since {at}, over)', at=at)}") for a, at in past]
        lines.sort(key=lambda line: line[0].rank)
        if not lines:
            lines = [(alarms[0], alarms[0].words())]
        worst = lines[0][0]
        more = "   " + tr("(+{n} more)", n=len(lines) - 1) if len(lines) > 1 else ""
        self._words, self._more = lines[0][1], more
        self.label.setToolTip("\n".join(words for _, words in lines))
        colour = ALARM_COLOURS[worst.level]
        quiet = worst.level in ("none", "info")
        look = f"color: {colour};" if quiet else f"background: {colour}; color: {INK};"
        edge = EDGE if quiet else colour
        self.label.setStyleSheet(
            f"{look} border: 1px solid {edge}; border-radius: 3px; padding: 0 10px;"
            f"font-weight: 600;" + ("" if not quiet else f"background: {BACKGROUND};")
        )
        self._fit()
