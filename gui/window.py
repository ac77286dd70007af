"""The operator's window: puts the panels together and keeps them up to date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QVBoxLayout,
)

from gui.actions import RUN_ACTIONS
from gui.alarms import NO_ALARM, alarms, silence
from gui.controls import help_box, make_actions, make_button, stop_question
from gui.eeg_views import EegViews
from gui.facts import Board, Pictures
from gui.latch import Latch
from gui.model import WARNED, RunModel
from gui.palette import DIM
from gui.participant import ParticipantWindow
from gui.pictures import PicturePanel
from gui.plots import Plots
from gui.scan_line import ScanLine
from gui.seen import Seen
from gui.status import StatusPanel, run_words
from gui.strip import AlarmLine, Strip
from gui.traces import CONFIDENCE_TIP
from gui.words import (
    LEVEL_WORDS,
    MODE_COLOURS,
    State,
    caption,
    consent_words,
    recording_words,
    seen_caption,
    state_word,
    unit_word,
)
from phosphene.clock import Clock
from phosphene.errors import ConfigError
from phosphene.plan import Plan
from phosphene.sink import Showing
from phosphene.stimuli import Scene, draw

__all__ = ["OperatorWindow"]

UNIT_PX = 64
"""Sides of pictures are whole multiples of their pixels: that draws sharpest."""
SIZE_PX = (1264, 684)
"""Fits a 1280x720 screen with a title bar."""
SINK_WORDS_PX = 92
NOT_PICTURE_PX = 330
BOARD_MS = 125
FRAME_MS = 16


class OperatorWindow(QFrame):
    """The window of the operator.

    Parameters
    ----------
    plan : Plan
        The run.
    model : RunModel
        What is shown.
    clock : Clock
        Present time.
    ask : Callable
        Sends a command, by its name, to the gate without waiting.
    end_run : Callable
        Asks the supervisor to end the run.
    participant_screen : str or None
        Name of the participant's screen.
    """

    def __init__(
        self,
        plan: Plan,
        model: RunModel,
        clock: Clock,
        ask: Callable[[str], None],
        end_run: Callable[[], None],
        participant_screen: str | None = None,
    ) -> None:
        super().__init__()
        self._plan, self._model, self._clock = plan, model, clock
        self._ask, self._end_run = ask, end_run
        self._participant_screen = participant_screen
        self.participant: ParticipantWindow | None = None
        self.stop_box: QMessageBox | None = None
        self.help_box: QMessageBox | None = None
        self._unit = unit_word(plan)
        self._going = self._ended = self._may_close = False
        self._scene: Scene | None = None
        self.recording, self._recording_words = recording_words(plan, datetime.now(UTC))
        self.setObjectName("operator")
        self.setWindowTitle(f"Phosphene {plan.mode}: {plan.session.person}, run {plan.run}")
        # The mode is a frame round everything, never only a word.
        self.setStyleSheet(f"#operator {{ border: 4px solid {MODE_COLOURS[plan.mode]}; }}")
        self._latch = Latch()
        self.actions_by_id = make_actions(self, self)
        self.buttons = {name: make_button(item) for name, item in self.actions_by_id.items()}
        self._make_panels()
        self._lay_out()
        self._start_timers()
        QGuiApplication.instance().screenRemoved.connect(self._screen_lost)  # type: ignore[union-attr]

    # ---- building ------------------------------------------------------------------------------

    def _make_panels(self) -> None:
        plan = self._plan
        self.strip = Strip(plan.mode)
        self.alarm_line = AlarmLine(self.buttons["acknowledge"])
        fmri = plan.session.modality == "fmri"
        self.scan_line = ScanLine() if fmri else None
        self.picture = PicturePanel("Generated from brain data", 5 * UNIT_PX, caption_lines=2)
        self.picture.caption.setToolTip(CONFIDENCE_TIP)
        self.seen = PicturePanel("Stimulus really shown", 3 * UNIT_PX)
        self.thumbnail = PicturePanel("Participant's view", 2 * UNIT_PX, 0)
        self.thumbnail.card.setStyleSheet(self.thumbnail.card.styleSheet() + "font-size: 11px;")
        self.thumbnail.card.setMargin(4)
        self.sink_words = QLabel("")
        self.sink_words.setWordWrap(True)
        self.sink_words.setFixedWidth(SINK_WORDS_PX)
        self.sink_words.setStyleSheet(f"color: {DIM}; font-size: 11px;")
        self.sink_words.setAlignment(Qt.AlignmentFlag.AlignTop)
        renderer = plan.session.renderer
        bundle = plan.session.decoder.bundle is not None
        self.plots = Plots(renderer.fps, renderer.min_confidence, bundle=bundle) if fmri else None
        self.eeg = None if fmri else EegViews(plan, self._model, self._clock)
        self.status = StatusPanel()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for name, button in self.buttons.items():
            if name != "acknowledge":  # it stands beside the alarms
                buttons.addWidget(button, 1)
        beside = QVBoxLayout()
        beside.setSpacing(6)
        beside.addWidget(self.seen)
        self._thumbnail_grid = thumbnail = QGridLayout()
        thumbnail.setSpacing(3)
        thumbnail.addWidget(self.thumbnail, 0, 0, 2, 2)
        thumbnail.addWidget(self.sink_words, 1, 1)
        thumbnail.setRowMinimumHeight(0, 20)
        thumbnail.setRowStretch(1, 1)
        beside.addLayout(thumbnail)
        beside.addStretch(1)
        pictures = QHBoxLayout()
        pictures.setSpacing(12)
        pictures.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        pictures.addLayout(beside)
        pictures.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(6)
        left.addLayout(pictures)
        left.addLayout(buttons)
        left.addWidget(self.status, 1)
        body = QHBoxLayout()
        body.setSpacing(12)
        body.addLayout(left)
        for right in (self.plots, None if self.eeg is None else self.eeg.panel):
            if right is not None:
                body.addWidget(right, 1)
        page = QVBoxLayout(self)
        page.setContentsMargins(10, 8, 10, 8)
        page.setSpacing(6)
        page.addWidget(self.strip)
        page.addWidget(self.alarm_line)
        for line in (self.scan_line, None if self.eeg is None else self.eeg.line):
            if line is not None:
                page.addWidget(line)
        page.addLayout(body, 1)
        self.resize(*SIZE_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Give the pictures the largest whole multiple of their pixels that fits."""
        super().resizeEvent(event)
        fits = max(5, min(self.width() * 3 // 10, self.height() - NOT_PICTURE_PX) // UNIT_PX)
        # Stimulus and thumbnail stand above each other beside the picture.
        sides = {self.picture: fits, self.seen: (fits + 1) // 2, self.thumbnail: (fits - 1) // 2}
        for panel, multiple in sides.items():
            panel.set_side(UNIT_PX * multiple)
        self._thumbnail_grid.setColumnMinimumWidth(0, UNIT_PX * sides[self.thumbnail] + 6)

    def _start_timers(self) -> None:
        self._painted_s = 0.0
        self._paint_timer = QTimer(self)
        self._paint_timer.setSingleShot(True)
        self._paint_timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._paint_timer.timeout.connect(self.refresh_pictures)
        self._board_timer = QTimer(self)
        self._board_timer.timeout.connect(self.refresh_board)
        self._board_timer.start(BOARD_MS)

    # ---- keeping up to date --------------------------------------------------------------------

    def tell_phase(self, going: bool, ended: bool) -> None:
        """Tell the window whether the run goes, and whether it has ended."""
        self._going, self._ended = going, ended

    def state(self) -> State:
        """Return the state of the run as one word."""
        passing = self._model.pictures(self._clock.now()).operator.passing
        return state_word(going=self._going, ended=self._ended, blanked=not passing)

    def paint_soon(self) -> None:
        """Repaint the pictures now, or one display frame after the last time."""
        if self._paint_timer.isActive():
            return
        since_ms = (self._clock.now() - self._painted_s) * 1000
        self._paint_timer.start(max(0, round(FRAME_MS - since_ms)))

    def refresh_pictures(self) -> None:
        """Show the newest pictures, or the words that stand in their place."""
        now = self._clock.now()
        self._painted_s = now
        pictures = self._model.pictures(now)
        for panel, showing in (
            (self.picture, pictures.operator),
            (self.thumbnail, pictures.thumbnail()),
        ):
            if showing.picture is not None:
                panel.show_picture(showing.picture)
            else:
                panel.show_card(showing.reason)
        if self.participant is not None:
            self._refresh_participant(self.participant, pictures)
        self._refresh_seen(pictures.seen)

    def _refresh_participant(self, window: ParticipantWindow, pictures: Pictures) -> None:
        if not window.on_right_screen():
            self._close_participant("its screen has changed")
            return
        window.show_picture(pictures.participant.picture)

    def _refresh_seen(self, seen: Seen) -> None:
        if self._plan.mode == "live":
            self.seen.show_card("not shown in a live run")
            return
        if seen.scene is None:
            self._scene = None
            words = {"unknown": "not known (yet)", "rest": "rest: nothing was shown"}
            self.seen.show_card(words.get(seen.kind, seen.label))
        elif seen.scene != self._scene:
            self._scene = seen.scene
            self.seen.show_picture(draw(seen.scene))

    def refresh_board(self) -> None:
        """Bring strip, alarms, captions, plots, log and buttons up to date."""
        self.refresh_pictures()
        now = self._clock.now()
        board, pictures, state = self._model.board(now), self._model.pictures(now), self.state()
        self.strip.tell_state(state, silence(board, self._unit, now))
        self.strip.tell_consent(consent_words(board.scopes))
        self.strip.recording.tell(self.recording, self._recording_words)
        seeing = board.participant.picture is not None
        self.strip.participant.tell(seeing, f"participant view {'on' if seeing else 'blank'}")
        self._tell_alarms(board, state, now)
        percept = pictures.percept
        label = "" if percept is None else percept.label or ""
        stale_s = board.stale_s("percept", now)
        step = self._unit if self.eeg is None else ""  # epochs are counted in one place
        self.picture.set_caption(caption(pictures.operator, step, label, stale_s))
        self.seen.set_caption("" if self._plan.mode == "live" else seen_caption(pictures))
        self._tell_sink_words(board.participant)
        if self.eeg is not None:
            self.eeg.refresh(board, now, ended=board.all_pushed or self._ended)
        self.status.tell(run_words(self._plan, board.operator.frame), board.peers)
        if self.plots is not None and self.scan_line is not None:
            self.scan_line.tell(board.scan, paced=board.paced)
            self.plots.update_from(self._model.plotted())
            self.plots.show_map(self._model.newest_map())
        for action in RUN_ACTIONS:
            enabled = state in action.states
            if action.id == "acknowledge":
                enabled = self._latch.unseen()
            self.actions_by_id[action.id].setEnabled(enabled)

    def _tell_alarms(self, board: Board, state: State, now_s: float) -> None:
        """Show what is the matter; each beginning is a line of the log, after what led to it."""
        at = f"{datetime.now().astimezone():%H:%M:%S}"
        for line in self._model.log_lines():
            self.status.add_line(line, at, "medium" if line.startswith(WARNED) else "none")
        found = alarms(board, state, self._unit, now_s)
        for alarm in self._latch.update(found, at):
            if alarm.logged:
                continue
            self.status.add_line(alarm.words(), at, alarm.level)
        shown = self._latch.to_show(found) or [NO_ALARM]
        self.alarm_line.tell(shown, self._latch.over())

    def _tell_sink_words(self, showing: Showing) -> None:
        screen = f"on screen {self._participant_screen}"
        where = "no second screen in use" if self.participant is None else screen
        text = f"{LEVEL_WORDS[showing.frame.level if showing.frame else 0]}\n{where}"
        if self.sink_words.text() != text:
            self.sink_words.setText(text)

    # ---- what the operator can do --------------------------------------------------------------

    def blank(self) -> None:
        """Take every picture away at once, here and at the gate."""
        self._model.blank()
        self._ask("blank")
        self._model.say("operator: blank")
        self.refresh_board()

    def unblank(self) -> None:
        """Ask the gate to let pictures pass again; here they return on its confirmation."""
        self._ask("unblank")
        self._model.say("operator: unblank")

    def stop_run(self) -> None:
        """End the run; while a recording is being written, ask first."""
        if not self.recording:
            self._stop_now()
            return
        if self.stop_box is not None:
            self.stop_box.raise_()
            return
        self.stop_box = stop_question(self)
        self.stop_box.finished.connect(self._stop_answered)
        self.stop_box.show()

    def _stop_answered(self, answer: int) -> None:
        self.stop_box = None
        if answer == QMessageBox.StandardButton.Yes:
            self._stop_now()

    def _stop_now(self) -> None:
        self._model.say("operator: stop the run")
        self._end_run()

    def toggle_participant(self) -> None:
        """Open or close the participant's window."""
        if self.participant is not None:
            self._close_participant("operator")
            return
        try:
            window = ParticipantWindow(self._participant_screen, self.screen())
        except ConfigError as error:
            self._model.say(f"participant window not opened: {error}")
            return
        self.participant = window
        window.showFullScreen()
        self._model.say(f"participant window opened on {self._participant_screen}")

    def _close_participant(self, why: str) -> None:
        if self.participant is not None:
            self.participant.close()
            self.participant.deleteLater()
            self.participant = None
            self._model.say(f"participant window closed: {why}")

    def _screen_lost(self) -> None:
        # The desktop would move the window to a screen that is left, perhaps the operator's.
        if self.participant is not None:
            self._close_participant("a screen was disconnected")

    def acknowledge(self) -> None:
        """Take alarms away that are over."""
        self._model.acknowledge()
        if self._latch.acknowledge():
            self._model.say("operator: alarms seen")
        self.refresh_board()

    def show_help(self) -> None:
        """Show what the keys do."""
        if self.help_box is None:
            self.help_box = help_box(self)
        self.help_box.show()

    # ---- the end -------------------------------------------------------------------------------

    def shut(self) -> None:
        """Close for good."""
        self._may_close = True
        self._board_timer.stop()
        self._paint_timer.stop()
        if self.eeg is not None:
            self.eeg.stop()
        self._close_participant("the run is over")
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """Close only when the run is over; before that, closing asks to stop it."""
        if self._may_close or self._ended:
            event.accept()
            return
        event.ignore()
        self.stop_run()
